package imaging

import "errors"

// DefaultMaxPixels is the size above which Pillow begins to warn of a
// decompression bomb: a quarter of a GiB as RGB.
const DefaultMaxPixels = 89_478_485

// maxSide bounds the coefficients that a resize needs, which grow with a side
// and not with the pixels. It is well above what any camera or scanner writes,
// and JPEG, GIF and WebP can't even say it.
const maxSide = 1 << 20

// Info is what the header of a file says.
type Info struct {
	Format        string // jpeg, png, webp, gif, bmp or tiff
	Width, Height int    // as stored: before an orientation is applied
}

// Options say how to decode.
type Options struct {
	// Orient applies the orientation noted in Exif or XMP. That of a TIFF is
	// part of the format and always applied, as Pillow does.
	Orient bool
	// MaxPixels is the most pixels a picture may have; 0 is DefaultMaxPixels. A
	// side above 1<<20 is refused as well. Decoding takes up to 16 bytes a pixel
	// at its peak, of which 3 are the result.
	MaxPixels int
}

// codec is one format: how to find its size and how to decode it.
type codec struct {
	name   string
	match  func(b []byte) bool
	probe  func(b []byte) (w, h int, err error)
	decode func(b []byte, limit int) (*Image, error)
	// orientation returns the Exif orientation, 1 to 8, or 0 for none.
	orientation func(b []byte) int
}

// codecs in the order in which signatures are tried. No two match one input.
var codecs = []codec{
	{"jpeg", isJPEG, probeJPEG, decodeJPEG, jpegOrientation},
	{"png", isPNG, probePNG, decodePNG, pngOrientation},
	{"webp", isWebP, probeWebP, decodeWebP, webpOrientation},
	{"gif", isGIF, probeGIF, decodeGIF, nil},
	{"bmp", isBMP, probeBMP, decodeBMP, nil},
	{"tiff", isTIFF, probeTIFF, decodeTIFF, nil},
}

func codecOf(b []byte) (*codec, error) {
	if len(b) == 0 {
		return nil, &DecodeError{Reason: EmptyImage, Err: errors.New("no bytes")}
	}
	for i := range codecs {
		if codecs[i].match(b) {
			return &codecs[i], nil
		}
	}
	return nil, unsupported("signature %x is of no format that is read", b[:min(8, len(b))])
}

// Probe reads the header of b. It decodes nothing and checks no limit. The error
// is a *DecodeError.
func Probe(b []byte) (Info, error) {
	c, err := codecOf(b)
	if err != nil {
		return Info{}, err
	}
	info := Info{Format: c.name}
	err = guard(c.name, func() (err error) {
		info.Width, info.Height, err = c.probe(b)
		return err
	})
	if err != nil {
		return Info{}, err
	}
	if info.Width < 1 || info.Height < 1 {
		return Info{}, corrupt("%s: no pixels: %d x %d", c.name, info.Width, info.Height)
	}
	return info, nil
}

// Decode reads the first frame of b as RGB. The error is a *DecodeError. Equal
// bytes and options give equal pictures. It keeps no reference to b.
func Decode(b []byte, o Options) (*Image, error) {
	limit := o.MaxPixels
	if limit <= 0 {
		limit = DefaultMaxPixels
	}
	info, err := Probe(b)
	if err != nil {
		return nil, err
	}
	if err := checkSize(info.Width, info.Height, limit); err != nil {
		return nil, err
	}
	c, err := codecOf(b)
	if err != nil {
		return nil, err
	}
	var img *Image
	err = guard(c.name, func() (err error) {
		img, err = c.decode(b, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	if o.Orient && c.orientation != nil {
		orientation := 0
		// A damaged note of the orientation is no reason to refuse the picture.
		_ = guard(c.name, func() error { orientation = c.orientation(b); return nil })
		img = orient(img, orientation)
	}
	return img, nil
}

// checkSize refuses w x h pixels that are more than limit. Neither is negative.
func checkSize(w, h, limit int) error {
	if w > maxSide || h > maxSide || w*h > limit {
		return &DecodeError{Reason: DecompressionBomb, Err: tooManyPixels{w, h, limit}}
	}
	return nil
}

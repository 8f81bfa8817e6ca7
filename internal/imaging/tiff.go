package imaging

import (
	"bytes"
	"errors"
	"image"

	"golang.org/x/image/tiff"
)

func isTIFF(b []byte) bool {
	return len(b) >= 4 && (string(b[:4]) == "II*\x00" || string(b[:4]) == "MM\x00*")
}

const (
	tagWidth  = 0x0100
	tagHeight = 0x0101
)

func probeTIFF(b []byte) (w, h int, err error) {
	order, at, ok := tiffHeader(b)
	if !ok || at+2 > len(b) {
		return 0, 0, truncated("tiff: ends before its directory")
	}
	w, hasW := tiffTag(b, order, at, tagWidth)
	h, hasH := tiffTag(b, order, at, tagHeight)
	if !hasW || !hasH {
		return 0, 0, corrupt("tiff: no size in the directory")
	}
	// The size is that of the picture as it is to be seen.
	if o, _ := tiffTag(b, order, at, tagOrientation); o >= 5 && o <= 8 {
		w, h = h, w
	}
	return w, h, nil
}

func decodeTIFF(b []byte, _ int) (*Image, error) {
	m, err := tiff.Decode(bytes.NewReader(b))
	if err != nil {
		if e, ok := errors.AsType[tiff.UnsupportedError](err); ok {
			return nil, unsupported("%v", e)
		}
		return nil, err
	}
	img, err := fromTIFF(m)
	if err != nil {
		return nil, err
	}
	return orient(img, exifOrientation(b)), nil
}

func fromTIFF(m image.Image) (*Image, error) {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	switch m := m.(type) {
	case *image.Paletted:
		return fromPaletted(m), nil
	case *image.RGBA:
		return dropFourth(m.Pix, m.Stride, w, h), nil
	case *image.NRGBA:
		return dropFourth(m.Pix, m.Stride, w, h), nil
	}
	img := NewImage(w, h)
	for y := range h {
		out := img.row(y)
		switch m := m.(type) {
		case *image.Gray:
			for x, v := range m.Pix[y*m.Stride : y*m.Stride+w] {
				grey(out[3*x:3*x+3], v)
			}
		case *image.Gray16:
			in := m.Pix[y*m.Stride : y*m.Stride+2*w]
			for x := range w {
				v := in[2*x+1]
				if in[2*x] != 0 {
					v = 255 // clipped, not scaled
				}
				grey(out[3*x:3*x+3], v)
			}
		case *image.RGBA64:
			upperBytes(out, m.Pix[y*m.Stride:])
		case *image.NRGBA64:
			upperBytes(out, m.Pix[y*m.Stride:])
		default:
			return nil, corrupt("tiff: picture of kind %T", m)
		}
	}
	return img, nil
}

// upperBytes takes pixels of four 16-bit samples to RGB.
func upperBytes(rgb, in []byte) {
	for x := range len(rgb) / 3 {
		p, s := rgb[3*x:3*x+3], in[8*x:8*x+8]
		p[0], p[1], p[2] = s[0], s[2], s[4]
	}
}

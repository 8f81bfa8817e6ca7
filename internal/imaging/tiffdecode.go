package imaging

import (
	"bytes"
	"io"
	"math/bits"

	"github.com/klauspost/compress/zlib"
	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"
)

// Kinds of compression.
const (
	tiffPlain      = 1
	tiffGroup3     = 3
	tiffGroup4     = 4
	tiffLZW        = 5
	tiffJPEG       = 7
	tiffDeflate    = 8
	tiffPackBits   = 32773
	tiffDeflateOld = 32946
)

func decodeTIFF(b []byte, limit int) (*Image, error) {
	t, err := readTIFF(b, limit)
	if err != nil {
		return nil, err
	}
	var img *Image
	if t.compression == tiffJPEG {
		img, err = t.decodeJPEGs(limit)
	} else {
		img, err = t.decodeSamples()
	}
	if err != nil {
		return nil, err
	}
	return orient(img, t.value(tagOrientation, 1)), nil
}

// decodeSamples collects all samples as bytes, then converts them.
func (t *tiffReader) decodeSamples() (*Image, error) {
	n := min(t.samples, 4) // what is beyond alpha or black is nothing that shows
	pixels := scratch(t.width * t.height * n)
	defer free(pixels)
	clear(*pixels)
	inBlock := t.samples
	if t.planar {
		inBlock = 1
	}
	rowBytes := ceilDiv(t.blockWidth*inBlock*t.depth, 8)
	buffer := scratch(rowBytes * t.blockHeight)
	defer free(buffer)
	err := t.blocks(func(i, plane, x, y, h int) error {
		raw := (*buffer)[:rowBytes*h]
		if err := t.unpack(raw, i, h); err != nil {
			return err
		}
		for j := range h {
			row := raw[j*rowBytes : (j+1)*rowBytes]
			if t.predicted {
				t.undoPrediction(row, inBlock)
			}
			if y+j < t.height {
				t.spread((*pixels)[((y+j)*t.width+x)*n:], row, n, plane, min(t.blockWidth, t.width-x))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	img := NewImage(t.width, t.height)
	t.convert(img.Pix, *pixels, n)
	return img, nil
}

// blocks calls f for each strip or tile: its number, its plane, where it begins
// and how many rows it has.
func (t *tiffReader) blocks(f func(i, plane, x, y, h int) error) error {
	planes := 1
	if t.planar {
		planes = min(t.samples, 4)
	}
	i := 0
	for plane := range planes {
		for y := 0; y < t.height; y += t.blockHeight {
			for x := 0; x < t.width; x += t.blockWidth {
				h := t.blockHeight
				if t.blockWidth == t.width { // a strip ends with the picture
					h = min(h, t.height-y)
				}
				if err := f(i, plane, x, y, h); err != nil {
					return err
				}
				i++
			}
		}
	}
	return nil
}

// block returns the bytes of a block.
func (t *tiffReader) block(i int) ([]byte, error) {
	from, n := t.offsets[i], t.counts[i]
	if from >= len(t.data) {
		return nil, truncated("tiff: block %d begins beyond the end", i)
	}
	return t.data[from:min(from+n, len(t.data))], nil
}

// unpack fills raw with the block's uncompressed bytes.
func (t *tiffReader) unpack(raw []byte, i, h int) error {
	in, err := t.block(i)
	if err != nil {
		return err
	}
	if t.reversed {
		in = bytes.Clone(in)
		for j, v := range in {
			in[j] = bits.Reverse8(v)
		}
	}
	var r io.Reader = bytes.NewReader(in)
	switch t.compression {
	case tiffPlain:
	case tiffPackBits:
		return unpackBits(raw, in)
	case tiffLZW:
		r = lzw.NewReader(r, lzw.MSB, 8)
	case tiffDeflate, tiffDeflateOld:
		if r, err = zlib.NewReader(r); err != nil {
			return err
		}
	case tiffGroup3, tiffGroup4:
		format := ccitt.Group4
		if t.compression == tiffGroup3 {
			if t.value(tagFaxOptions, 0)&1 != 0 {
				return unsupported("tiff: two-dimensional Group 3")
			}
			format = ccitt.Group3
		}
		// Black is 1 here, whatever the interpretation makes of it later.
		r = ccitt.NewReader(r, ccitt.MSB, format, t.blockWidth, h, &ccitt.Options{Invert: true})
	default:
		return unsupported("tiff: compression %d", t.compression)
	}
	_, err = io.ReadFull(r, raw)
	return err
}

// unpackBits reads runs of bytes.
func unpackBits(raw, in []byte) error {
	for len(raw) > 0 {
		if len(in) < 2 {
			return truncated("tiff: ends in a run")
		}
		n := int(int8(in[0]))
		in = in[1:]
		switch {
		case n >= 0:
			n = min(n+1, len(raw))
			if len(in) < n {
				return truncated("tiff: ends in a run")
			}
			copy(raw, in[:n])
			raw, in = raw[n:], in[n:]
		case n > -128:
			n = min(1-n, len(raw))
			for j := range n {
				raw[j] = in[0]
			}
			raw, in = raw[n:], in[1:]
		}
	}
	return nil
}

func (t *tiffReader) undoPrediction(row []byte, step int) {
	if t.depth == 8 {
		for j := step; j < len(row); j++ {
			row[j] += row[j-step]
		}
		return
	}
	for j := 2 * step; j+1 < len(row); j += 2 {
		t.order.PutUint16(row[j:], t.order.Uint16(row[j:])+t.order.Uint16(row[j-2*step:]))
	}
}

// spread writes w pixels of a row as n bytes a pixel, or one plane of them.
func (t *tiffReader) spread(to, row []byte, n, plane, w int) {
	from, step, count := 0, t.samples, n
	if t.planar {
		to, step, count = to[plane:], 1, 1
	}
	for x := range w {
		for c := range count {
			i := from + x*step + c
			switch {
			case t.depth < 8:
				to[x*n+c] = packed(row, i, t.depth)
			case t.depth == 8:
				to[x*n+c] = row[i]
			default:
				v := t.order.Uint16(row[2*i:])
				if t.photometric <= tiffBlackIsZero && t.samples == 1 {
					to[x*n+c] = uint8(min(v, 255)) // grey is clipped, not scaled
				} else {
					to[x*n+c] = uint8(v >> 8)
				}
			}
		}
	}
}

// convert takes pixels of n bytes to RGB.
func (t *tiffReader) convert(rgb, pixels []byte, n int) {
	scale := uint8(1)
	if t.depth < 8 && t.photometric != tiffPalette {
		scale = uint8(255 / (1<<t.depth - 1))
	}
	for i := range len(rgb) / 3 {
		p, s := rgb[3*i:3*i+3], pixels[n*i:n*i+n]
		switch t.photometric {
		case tiffWhiteIsZero:
			v := s[0] * scale
			if t.depth < 16 { // of 16 bits Pillow takes white for black
				v = 255 - v
			}
			grey(p, v)
		case tiffBlackIsZero:
			grey(p, s[0]*scale)
		case tiffPalette:
			at, size := int(s[0]), 1<<t.depth
			p[0], p[1], p[2] = uint8(t.palette[at]>>8), uint8(t.palette[size+at]>>8), uint8(t.palette[2*size+at]>>8)
		case tiffCMYK:
			p[0], p[1], p[2] = inks(s[0], s[1], s[2], s[3])
		default:
			copy(p, s)
			if t.premultiplied {
				unmultiply(p, s[3])
			}
		}
	}
}

// unmultiply divides colours by their alpha.
func unmultiply(p []byte, alpha uint8) {
	for c, v := range p {
		switch alpha {
		case 0:
			p[c] = 0
		case 255:
		default:
			p[c] = uint8(min(255, int(v)*255/int(alpha)))
		}
	}
}

// decodeJPEGs reads blocks that are JPEG files, with their tables apart.
func (t *tiffReader) decodeJPEGs(limit int) (*Image, error) {
	if t.planar {
		return nil, unsupported("tiff: JPEG of separate planes")
	}
	var tables []byte
	// Four tables of each kind fit well within.
	for _, v := range t.values(tagJPEGTables, 8<<10) {
		tables = append(tables, byte(v))
	}
	img := NewImage(t.width, t.height)
	err := t.blocks(func(i, _, x, y, h int) error {
		in, err := t.block(i)
		if err != nil {
			return err
		}
		d := jpegDecoder{data: in, pos: 2}
		if len(in) < 2 || !bytes.HasPrefix(in, []byte{0xff, markerSOI}) {
			return corrupt("tiff: block %d is no JPEG", i)
		}
		if len(tables) > 4 {
			// The tables are a JPEG without a frame: its end and the block's start go.
			d.data = append(bytes.Clone(tables[:len(tables)-2]), in[2:]...)
		}
		d.plainRGB = t.photometric == tiffRGB
		d.maxWidth, d.maxHeight = t.blockWidth, t.blockHeight
		part, err := d.decode(limit)
		if err != nil {
			return err
		}
		for j := range min(h, part.Height, t.height-y) {
			w := min(part.Width, t.width-x)
			copy(img.row(y + j)[3*x:3*(x+w)], part.row(j))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return img, nil
}

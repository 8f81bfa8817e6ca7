package imaging

import (
	"encoding/binary"
	"slices"
)

func isBMP(b []byte) bool { return len(b) >= 2 && string(b[:2]) == "BM" }

// bmpHeader is what the headers of a BMP say.
type bmpHeader struct {
	width, height int
	bits          int
	topDown       bool
	compression   int
	palette       [][3]uint8
	layout        bmpLayout
	data          []byte // from the first row on
}

// Kinds of compression.
const (
	bmpPlain  = 0
	bmpRLE8   = 1
	bmpRLE4   = 2
	bmpFields = 3
)

// bmpLayout is where red, green and blue are in a pixel: the places of their
// bytes, or for 16 bits the number of bits of green.
type bmpLayout struct {
	r, g, b   int
	greenBits int
}

// bmpLayouts are the masks that Pillow knows, by bits a pixel.
var bmpLayouts = map[int]map[[3]uint32]bmpLayout{
	16: {
		{0xf800, 0x7e0, 0x1f}: {greenBits: 6},
		{0x7c00, 0x3e0, 0x1f}: {greenBits: 5},
	},
	24: {{0xff0000, 0xff00, 0xff}: {r: 2, g: 1, b: 0}},
	32: {
		{0xff0000, 0xff00, 0xff}:       {r: 2, g: 1, b: 0},
		{0xff000000, 0xff0000, 0xff00}: {r: 3, g: 2, b: 1},
		{0xff000000, 0xff00, 0xff}:     {r: 3, g: 1, b: 0},
		{0xff, 0xff00, 0xff0000}:       {r: 0, g: 1, b: 2},
		{}:                             {r: 2, g: 1, b: 0},
	},
}

func probeBMP(b []byte) (w, h int, err error) {
	head, err := readBMP(b)
	return head.width, head.height, err
}

func readBMP(b []byte) (bmpHeader, error) {
	var h bmpHeader
	le := binary.LittleEndian
	if len(b) < 18 {
		return h, truncated("bmp: ends in its header")
	}
	offset, size := int(le.Uint32(b[10:])), int(le.Uint32(b[14:]))
	if !slices.Contains([]int{12, 40, 52, 56, 64, 108, 124}, size) {
		return h, unsupported("bmp: header of %d bytes", size)
	}
	if len(b) < 14+size {
		return h, truncated("bmp: ends in its header")
	}
	info := b[14 : 14+size]
	at := 14 + size
	colours, entry := 0, 4
	if size == 12 {
		h.width, h.height = int(le.Uint16(info[4:])), int(le.Uint16(info[6:]))
		h.bits, entry = int(le.Uint16(info[10:])), 3
	} else {
		h.width, h.height = int(int32(le.Uint32(info[4:]))), int(int32(le.Uint32(info[8:])))
		if h.height < 0 {
			h.height, h.topDown = -h.height, true
		}
		h.bits, h.compression = int(le.Uint16(info[14:])), int(le.Uint32(info[16:]))
		colours = int(le.Uint32(info[32:]))
	}
	if h.width < 1 || h.height < 1 {
		return h, corrupt("bmp: no pixels: %d x %d", h.width, h.height)
	}
	masks := [3]uint32{0xff0000, 0xff00, 0xff}
	switch {
	case h.compression == bmpFields && size == 40:
		if len(b) < at+12 {
			return h, truncated("bmp: ends in its masks")
		}
		info = append(slices.Clip(info), b[at:at+12]...)
		at += 12
		fallthrough
	case h.compression == bmpFields && size >= 52:
		masks = [3]uint32{le.Uint32(info[40:]), le.Uint32(info[44:]), le.Uint32(info[48:])}
	case h.compression == bmpRLE8 && h.bits == 8, h.compression == bmpRLE4 && h.bits == 4:
	case h.compression != bmpPlain:
		return h, unsupported("bmp: compression %d of %d bits", h.compression, h.bits)
	case h.bits == 16:
		masks = [3]uint32{0x7c00, 0x3e0, 0x1f}
	}
	switch h.bits {
	case 1, 4, 8:
		if h.compression == bmpFields {
			return h, unsupported("bmp: masks of %d bits", h.bits)
		}
		if colours == 0 {
			colours = 1 << h.bits
		}
		if colours < 0 || colours > 1<<h.bits {
			return h, corrupt("bmp: %d colours of %d bits", colours, h.bits)
		}
		if len(b) < at+entry*colours {
			return h, truncated("bmp: ends in its palette")
		}
		for i := range colours {
			c := b[at+entry*i:]
			h.palette = append(h.palette, [3]uint8{c[2], c[1], c[0]})
		}
		if offset == 14+size { // some writers don't count the palette
			offset += 4 * colours
		}
	case 16, 24, 32:
		layout, ok := bmpLayouts[h.bits][masks]
		if !ok {
			return h, unsupported("bmp: masks %x of %d bits", masks, h.bits)
		}
		h.layout = layout
	default:
		return h, unsupported("bmp: %d bits a pixel", h.bits)
	}
	if offset == 0 {
		offset = at
	}
	h.data = b[min(offset, len(b)):]
	return h, nil
}

func decodeBMP(b []byte, _ int) (*Image, error) {
	h, err := readBMP(b)
	if err != nil {
		return nil, err
	}
	if h.compression == bmpRLE8 || h.compression == bmpRLE4 {
		return h.decodeRuns()
	}
	stride := (h.width*h.bits + 31) / 32 * 4
	// The padding of the last row may lack.
	if need := stride*(h.height-1) + ceilDiv(h.width*h.bits, 8); len(h.data) < need {
		return nil, truncated("bmp: %d of %d bytes of pixels", len(h.data), need)
	}
	img := NewImage(h.width, h.height)
	colours := h.colours()
	for y := range h.height {
		in, out := h.data[y*stride:], img.row(h.line(y))
		switch {
		case colours != nil:
			for x := range h.width {
				copy(out[3*x:3*x+3], colours[packed(in, x, h.bits)][:])
			}
		case h.bits == 16:
			green := h.layout.greenBits
			for x := range h.width {
				v := int(binary.LittleEndian.Uint16(in[2*x:]))
				p := out[3*x : 3*x+3]
				p[0] = uint8((v >> (5 + green) & 31) * 255 / 31)
				p[1] = uint8((v >> 5 & (1<<green - 1)) * 255 / (1<<green - 1))
				p[2] = uint8((v & 31) * 255 / 31)
			}
		default:
			size := h.bits / 8
			r, g, bl := h.layout.r, h.layout.g, h.layout.b
			for x := range h.width {
				p, s := out[3*x:3*x+3], in[size*x:size*x+size]
				p[0], p[1], p[2] = s[r], s[g], s[bl]
			}
		}
	}
	return img, nil
}

// line returns where the y-th row of the file goes.
func (h *bmpHeader) line(y int) int {
	if h.topDown {
		return y
	}
	return h.height - 1 - y
}

// colours returns the palette, black beyond its end, or nil where there is none.
func (h *bmpHeader) colours() *[256][3]uint8 {
	if h.bits > 8 {
		return nil
	}
	c := new([256][3]uint8)
	copy(c[:], h.palette)
	return c
}

// decodeRuns reads run lengths. Pixels that no run reaches have the first colour.
func (h *bmpHeader) decodeRuns() (*Image, error) {
	pixels := scratch(h.width * h.height) // in the order of the file
	defer free(pixels)
	clear(*pixels)
	x, y := 0, 0
	put := func(v uint8) {
		if x < h.width && y < h.height {
			(*pixels)[y*h.width+x] = v
		}
		x++
	}
	nibbles := h.compression == bmpRLE4
	b := h.data
	for y < h.height {
		if len(b) < 2 {
			return nil, truncated("bmp: ends in row %d of %d", y, h.height)
		}
		n, v := int(b[0]), b[1]
		b = b[2:]
		if n > 0 { // a run
			for i := range n {
				switch {
				case !nibbles:
					put(v)
				case i%2 == 0:
					put(v >> 4)
				default:
					put(v & 15)
				}
			}
			continue
		}
		switch v {
		case 0: // the end of a row
			x, y = 0, y+1
		case 1: // the end of the picture
			y = h.height
		case 2: // a jump
			if len(b) < 2 {
				return nil, truncated("bmp: ends in a jump")
			}
			x, y = x+int(b[0]), y+int(b[1])
			b = b[2:]
		default: // pixels as they are, padded to two bytes
			size := int(v)
			if nibbles {
				size = (size + 1) / 2
			}
			if len(b) < size {
				return nil, truncated("bmp: ends in row %d of %d", y, h.height)
			}
			for i := range int(v) {
				if nibbles {
					put(packed(b, i, 4))
				} else {
					put(b[i])
				}
			}
			b = b[min(size+size&1, len(b)):]
		}
	}
	img := NewImage(h.width, h.height)
	colours := h.colours()
	for y := range h.height {
		out := img.row(h.line(y))
		for x, v := range (*pixels)[y*h.width : (y+1)*h.width] {
			copy(out[3*x:3*x+3], colours[v][:])
		}
	}
	return img, nil
}

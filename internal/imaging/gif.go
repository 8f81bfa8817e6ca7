package imaging

import (
	"compress/lzw"
	"encoding/binary"
	"errors"
	"io"
)

func isGIF(b []byte) bool {
	return len(b) >= 6 && (string(b[:6]) == "GIF87a" || string(b[:6]) == "GIF89a")
}

// gifFrame is the first frame of a GIF, with what it needs of the file.
type gifFrame struct {
	width, height int // of the canvas, which a frame that leaves it enlarges
	x, y, w, h    int
	palette       []byte // nil: indices are grey
	transparent   int    // the colour key, or -1
	interlaced    bool
	litWidth      int
	blocks        []byte // the compressed data, in blocks
}

func probeGIF(b []byte) (w, h int, err error) {
	f, err := readGIF(b)
	if err != nil {
		return 0, 0, err
	}
	return f.width, f.height, nil
}

func readGIF(b []byte) (*gifFrame, error) {
	if len(b) < 13 {
		return nil, truncated("gif: ends in its header")
	}
	f := &gifFrame{
		width:       int(binary.LittleEndian.Uint16(b[6:])),
		height:      int(binary.LittleEndian.Uint16(b[8:])),
		transparent: -1,
	}
	flags := b[10]
	b = b[13:]
	var err error
	if flags&0x80 != 0 {
		if f.palette, b, err = gifPalette(b, flags); err != nil {
			return nil, err
		}
	}
	for {
		if len(b) == 0 {
			return nil, truncated("gif: no frame")
		}
		kind := b[0]
		b = b[1:]
		switch kind {
		case ',':
			return f, f.read(b)
		case ';':
			return nil, corrupt("gif: no frame")
		case '!':
			if len(b) < 1 {
				return nil, truncated("gif: ends in an extension")
			}
			label := b[0]
			b = b[1:]
			if label == 0xf9 && len(b) >= 5 && b[0] >= 4 && b[1]&1 != 0 {
				f.transparent = int(b[4])
			}
			for {
				if len(b) < 1 || len(b) < 1+int(b[0]) {
					return nil, truncated("gif: ends in an extension")
				}
				n := int(b[0])
				b = b[1+n:]
				if n == 0 {
					break
				}
			}
		}
		// Other bytes between blocks are passed over.
	}
}

func gifPalette(b []byte, flags byte) (palette, rest []byte, err error) {
	n := 3 << (flags&7 + 1)
	if len(b) < n {
		return nil, nil, truncated("gif: ends in a palette")
	}
	return b[:n], b[n:], nil
}

// read takes the frame's own header.
func (f *gifFrame) read(b []byte) error {
	if len(b) < 9 {
		return truncated("gif: ends in a frame's header")
	}
	f.x, f.y = int(binary.LittleEndian.Uint16(b)), int(binary.LittleEndian.Uint16(b[2:]))
	f.w, f.h = int(binary.LittleEndian.Uint16(b[4:])), int(binary.LittleEndian.Uint16(b[6:]))
	f.width, f.height = max(f.width, f.x+f.w), max(f.height, f.y+f.h)
	flags := b[8]
	b = b[9:]
	f.interlaced = flags&0x40 != 0
	if flags&0x80 != 0 {
		var err error
		if f.palette, b, err = gifPalette(b, flags); err != nil {
			return err
		}
	}
	if len(b) < 1 {
		return truncated("gif: ends in a frame's header")
	}
	f.litWidth = int(b[0])
	f.blocks = b[1:]
	return nil
}

func decodeGIF(b []byte, _ int) (*Image, error) {
	f, err := readGIF(b)
	if err != nil {
		return nil, err
	}
	if f.litWidth < 2 || f.litWidth > 8 {
		return nil, corrupt("gif: code size %d", f.litWidth)
	}
	// A code of 12 bits stands for 4,096 pixels at the most.
	if f.w*f.h/(4096*8/12) > len(f.blocks) {
		return nil, truncated("gif: %d bytes for %d x %d pixels", len(f.blocks), f.w, f.h)
	}
	img := NewImage(f.width, f.height)
	colours := f.colours()
	// Around the frame the canvas has the colour key, else the first colour.
	if around := colours[max(f.transparent, 0)]; f.w*f.h < f.width*f.height && around != [3]uint8{} {
		for i := 0; i < len(img.Pix); i += 3 {
			copy(img.Pix[i:], around[:])
		}
	}
	r := lzw.NewReader(&gifBlocks{b: f.blocks}, lzw.LSB, f.litWidth)
	defer func() { _ = r.Close() }() // frees nothing that could fail
	line := make([]byte, f.w)
	for i := range f.h {
		if _, err := io.ReadFull(r, line); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil, truncated("gif: ends in row %d of %d", i, f.h)
			}
			return nil, corrupt("gif: damaged compressed data: %w", err)
		}
		out := img.row(f.y + f.line(i))[3*f.x:]
		for x, v := range line {
			copy(out[3*x:3*x+3], colours[v][:])
		}
	}
	return img, nil
}

// line returns where the i-th row of an interlaced frame goes.
func (f *gifFrame) line(i int) int {
	if !f.interlaced {
		return i
	}
	for _, pass := range [...]struct{ from, step int }{{0, 8}, {4, 8}, {2, 4}, {1, 2}} {
		n := max(0, ceilDiv(f.h-pass.from, pass.step))
		if i < n {
			return pass.from + i*pass.step
		}
		i -= n
	}
	return 0
}

func (f *gifFrame) colours() *[256][3]uint8 {
	c := new([256][3]uint8)
	for i := range c {
		switch {
		case f.palette == nil:
			c[i] = [3]uint8{uint8(i), uint8(i), uint8(i)}
		case 3*i < len(f.palette):
			copy(c[i][:], f.palette[3*i:3*i+3])
		}
	}
	return c
}

// gifBlocks reads the bytes of blocks, each preceded by its length, up to an
// empty one.
type gifBlocks struct {
	b    []byte
	left int
}

func (r *gifBlocks) ReadByte() (byte, error) {
	if r.left == 0 {
		if len(r.b) == 0 {
			return 0, io.ErrUnexpectedEOF
		}
		r.left = int(r.b[0])
		r.b = r.b[1:]
		if r.left == 0 {
			r.b = nil // the end stays the end
			return 0, io.EOF
		}
	}
	if len(r.b) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	c := r.b[0]
	r.b = r.b[1:]
	r.left--
	return c, nil
}

func (r *gifBlocks) Read(p []byte) (int, error) {
	for i := range p {
		c, err := r.ReadByte()
		if err != nil {
			return i, err
		}
		p[i] = c
	}
	return len(p), nil
}

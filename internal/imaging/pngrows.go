package imaging

import (
	"errors"
	"io"
)

// pngDecoder turns the uncompressed bytes of a PNG into pixels.
type pngDecoder struct {
	pngHeader
	palette *[256][3]uint8
	whole   bool // another chunk follows the data, so nothing of it was cut off
}

// short is the error of data that end too early: those of a file that was cut
// off, or of a whole one, which is damaged.
func (d *pngDecoder) short(format string, args ...any) error {
	if d.whole {
		return corrupt(format, args...)
	}
	return truncated(format, args...)
}

func (d *pngDecoder) setPalette(chunk []byte) {
	d.palette = new([256][3]uint8) // indices beyond the palette are black
	for i := range min(256, len(chunk)/3) {
		copy(d.palette[i][:], chunk[3*i:])
	}
}

// pngPass is one of the seven pictures of an interlaced one: every dx-th pixel
// from x, every dy-th row from y.
type pngPass struct{ x, y, dx, dy int }

var (
	adam7 = []pngPass{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}
	plain = []pngPass{{0, 0, 1, 1}}
)

func (d *pngDecoder) decode(r io.Reader) (*Image, error) {
	img := NewImage(d.width, d.height)
	passes := plain
	if d.interlaced {
		passes = adam7
	}
	bits := d.channels() * d.depth
	rowBytes := ceilDiv(d.width*bits, 8)
	buffer := scratch(2 * (1 + rowBytes))
	defer free(buffer)
	line := make([]byte, 3*d.width)
	for _, p := range passes {
		w, h := ceilDiv(d.width-p.x, p.dx), ceilDiv(d.height-p.y, p.dy)
		if w <= 0 || h <= 0 {
			continue
		}
		n := 1 + ceilDiv(w*bits, 8)
		row, above := (*buffer)[:n], (*buffer)[n:2*n]
		clear(above)
		for y := range h {
			if _, err := io.ReadFull(r, row); err != nil {
				if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
					return nil, d.short("png: ends in row %d of %d", y, h)
				}
				return nil, corrupt("png: damaged compressed data: %w", err)
			}
			if err := unfilter(row[0], row[1:], above[1:], max(1, bits/8)); err != nil {
				return nil, err
			}
			out := img.row(p.y + y*p.dy)
			if p.dx == 1 {
				d.convert(out, row[1:])
			} else {
				d.convert(line[:3*w], row[1:])
				for x := range w {
					copy(out[3*(p.x+x*p.dx):], line[3*x:3*x+3])
				}
			}
			row, above = above, row
		}
	}
	return img, nil
}

// unfilter undoes the prediction of a row from the row above and, step bytes to
// the left, from itself.
func unfilter(filter byte, row, above []byte, step int) error {
	above = above[:len(row)]
	switch filter {
	case 0:
	case 1:
		for i := step; i < len(row); i++ {
			row[i] += row[i-step]
		}
	case 2:
		for i := range row {
			row[i] += above[i]
		}
	case 3:
		for i := range min(step, len(row)) {
			row[i] += above[i] / 2
		}
		for i := step; i < len(row); i++ {
			row[i] += uint8((int(row[i-step]) + int(above[i])) / 2)
		}
	case 4:
		for i := range min(step, len(row)) {
			row[i] += above[i]
		}
		for i := step; i < len(row); i++ {
			row[i] += paeth(row[i-step], above[i], above[i-step])
		}
	default:
		return corrupt("png: row filter %d", filter)
	}
	return nil
}

// paeth is the neighbour that is nearest to left + up - corner.
func paeth(left, up, corner uint8) uint8 {
	dl := int32(up) - int32(corner)
	du := int32(left) - int32(corner)
	dc := abs(dl + du)
	dl, du = abs(dl), abs(du)
	if dl <= du && dl <= dc {
		return left
	}
	if du <= dc {
		return up
	}
	return corner
}

func abs(v int32) int32 {
	if v < 0 {
		return -v
	}
	return v
}

// convert writes a row as RGB.
func (d *pngDecoder) convert(rgb, row []byte) {
	n := len(rgb) / 3
	switch {
	case d.colour == pngRGB && d.depth == 8:
		copy(rgb, row)
	case d.colour == pngPalette:
		for x := range n {
			copy(rgb[3*x:3*x+3], d.palette[packed(row, x, d.depth)][:])
		}
	case d.colour == pngGrey && d.depth == 16:
		for x := range n {
			v := row[2*x+1]
			if row[2*x] != 0 {
				v = 255 // clipped, not scaled
			}
			grey(rgb[3*x:3*x+3], v)
		}
	case d.colour == pngGrey:
		scale := uint8(255 / (1<<d.depth - 1))
		for x := range n {
			grey(rgb[3*x:3*x+3], packed(row, x, d.depth)*scale)
		}
	case d.colour == pngGreyAlpha:
		step := d.depth / 4
		for x := range n {
			grey(rgb[3*x:3*x+3], row[x*step])
		}
	default: // RGB with alpha, or of 16 bits: the upper byte counts
		size := d.depth / 8
		step := size * d.channels()
		for x := range n {
			p, s := rgb[3*x:3*x+3], row[x*step:(x+1)*step]
			p[0], p[1], p[2] = s[0], s[size], s[2*size]
		}
	}
}

// packed returns the x-th sample of a row of 1, 2, 4 or 8 bits.
func packed(row []byte, x, depth int) uint8 {
	bit := x * depth
	return row[bit>>3] >> (8 - depth - bit&7) & (1<<depth - 1)
}

func grey(p []byte, v uint8) { p[0], p[1], p[2] = v, v, v }

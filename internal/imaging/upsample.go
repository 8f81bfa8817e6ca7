package imaging

import "encoding/binary"

// upsampler brings lines of a component to the picture's width and height.
// Chroma at half the size is interpolated with weights 3 and 1, libjpeg's
// "fancy" upsampling, with its alternating roundings; other ratios are repeated.
type upsampler struct {
	c      *jpegComponent
	h, v   int // how many pixels a sample is wide and high
	smooth bool
	out    []byte
}

func newUpsampler(c *jpegComponent, d *jpegDecoder) upsampler {
	u := upsampler{c: c, h: d.maxH / c.h, v: d.maxV / c.v}
	switch {
	case u.h == 1 && u.v == 1:
		return u // lines are used where they are
	case u.h == 2 && u.v <= 2:
		u.smooth = c.width > 2
	case u.h == 1 && u.v == 2:
		u.smooth = true
	}
	u.out = make([]byte, u.h*c.width)
	return u
}

// line returns line y of the picture. It stays valid up to the next call.
func (u *upsampler) line(y int) []byte {
	near := u.c.row(y / u.v)
	switch {
	case u.h == 1 && u.v == 1:
		return near
	case !u.smooth:
		repeat(u.out, near, u.h)
	case u.v == 1:
		widen(u.out, near, nil)
	default:
		// The other line that counts is the nearer neighbour.
		far := u.c.row(y/u.v - 1 + 2*(y%2))
		if u.h == 2 {
			widen(u.out, near, far)
			break
		}
		bias := 1 + y%2
		for x := range near {
			u.out[x] = uint8((weigh(near, far, x) + bias) >> 2)
		}
	}
	return u.out
}

// weigh is a sample interpolated down the columns, four times as large, or the
// sample itself where there is no second line.
func weigh(near, far []byte, x int) int {
	if far == nil {
		return int(near[x])
	}
	return 3*int(near[x]) + int(far[x])
}

// widen doubles a line that is interpolated between two. The halves of a pixel
// are rounded up and down in turn, and the ends repeated. Eight samples are done
// at once, four of them in the 16-bit lanes of a word.
func widen(out, near, far []byte) {
	left, right, shift := 1, 2, 2
	if far != nil {
		left, right, shift = 8, 7, 4
	}
	const lanes, each = 0x00ff00ff00ff00ff, 0x0001000100010001
	lefts, rights := uint64(left)*each, uint64(right)*each
	n, x := len(near), 0
	before := weigh(near, far, 0)
	for ; x+9 <= n; x += 8 {
		v := binary.LittleEndian.Uint64(near[x:])
		even, odd := v&lanes, v>>8&lanes
		if far != nil {
			f := binary.LittleEndian.Uint64(far[x:])
			even, odd = 3*even+f&lanes, 3*odd+f>>8&lanes
		}
		after := weigh(near, far, x+8)
		l0 := (3*even + (odd<<16 | uint64(before)) + lefts) >> (shift & 7) & lanes
		r0 := (3*even + odd + rights) >> (shift & 7) & lanes
		l1 := (3*odd + even + lefts) >> (shift & 7) & lanes
		r1 := (3*odd + (even>>16 | uint64(after)<<48) + rights) >> (shift & 7) & lanes
		before = int(odd >> 48)
		a, b := l0|r0<<8, l1|r1<<8
		o := out[2*x : 2*x+16 : 2*x+16]
		for i := 0; i < 16; i += 4 {
			binary.LittleEndian.PutUint32(o[i:], uint32(a&0xffff|b<<16))
			a, b = a>>16, b>>16
		}
	}
	for ; x < n; x++ {
		s := weigh(near, far, x)
		after := s
		if x+1 < n {
			after = weigh(near, far, x+1)
		}
		out[2*x] = uint8((3*s + before + left) >> shift)
		out[2*x+1] = uint8((3*s + after + right) >> shift)
		before = s
	}
}

func repeat(out, line []byte, times int) {
	for x, s := range line {
		for i := range times {
			out[x*times+i] = s
		}
	}
}

package imaging

// upsampler brings lines of a component to the picture's width and height.
// Chroma at half the size is interpolated with weights 3 and 1, libjpeg's
// "fancy" upsampling, with its alternating roundings; other ratios are repeated.
type upsampler struct {
	c      *jpegComponent
	h, v   int // how many pixels a sample is wide and high
	smooth bool
	sums   []int32 // a line interpolated down the columns
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
	if u.smooth {
		u.sums = make([]int32, c.width)
	}
	u.out = make([]byte, u.h*c.width)
	return u
}

// line returns line y of the picture. It stays valid up to the next call.
func (u *upsampler) line(y int) []byte {
	in := u.c.row(y / u.v)
	switch {
	case u.h == 1 && u.v == 1:
		return in
	case !u.smooth:
		return u.repeat(in)
	case u.v == 1:
		for x, s := range in {
			u.sums[x] = int32(s)
		}
		widen(u.out, u.sums, 1, 2, 2)
		return u.out
	}
	// The other line that counts is the nearer neighbour.
	other := u.c.row(y/u.v - 1 + 2*(y%2))
	for x, s := range in {
		u.sums[x] = 3*int32(s) + int32(other[x])
	}
	if u.h == 1 {
		bias := int32(1 + y%2)
		for x, s := range u.sums {
			u.out[x] = uint8((s + bias) >> 2)
		}
		return u.out
	}
	widen(u.out, u.sums, 8, 7, 4)
	return u.out
}

// widen doubles a line of sums, with one rounding for the left and one for the
// right half of each, and shifts the result down. The ends are repeated.
func widen(out []byte, sums []int32, left, right int32, shift uint) {
	n := len(sums)
	out = out[:2*n]
	last := sums[0]
	for x, s := range sums {
		next := s
		if x+1 < n {
			next = sums[x+1]
		}
		o := out[2*x : 2*x+2]
		o[0] = uint8((3*s + last + left) >> shift)
		o[1] = uint8((3*s + next + right) >> shift)
		last = s
	}
}

func (u *upsampler) repeat(in []byte) []byte {
	at := 0
	for _, s := range in {
		for range u.h {
			u.out[at] = s
			at++
		}
	}
	return u.out
}

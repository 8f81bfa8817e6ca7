package imaging

import (
	"encoding/binary"
	"sync"
)

// Both passes sum two samples in one 64-bit word, one in each half: a sum of
// products of 8-bit samples with 22-bit coefficients fits 32 bits, and what the
// lower half borrows from the upper is put right when the halves are parted. So
// each multiplication does the work of two, and the result is exact.

// half is the rounding of both sums: 0.5 in the fixed point of coefficients.
const half = 1<<(precision-1) | 1<<(precision-1)<<32

// outside has the bits that are set where a sum of a word is below 0 or not below
// 256. Most words of most pictures have none of them: both samples are then a
// shift away.
const outside = 3<<30 | 3<<62

// clip takes a sum in fixed point to a sample.
func clip(sum int32) uint8 {
	v := sum >> precision
	if uint32(v) > 255 {
		return uint8(^(v >> 31)) // below 0: 0, above 255: 255
	}
	return uint8(v)
}

// part separates the two sums of a word.
func part(sums int64) (lower, upper int32) {
	lower = int32(sums)
	return lower, int32((sums - int64(lower)) >> 32)
}

// pairs holds the pixels of two rows, one sample of each in a word.
type pairs [][3]int64

var pairBuffers = sync.Pool{New: func() any { return new(pairs) }}

// resampleRows fills dst, whose width the kernel has, from the rows of src that
// begin at row first.
func resampleRows(dst, src *Image, first int, k *kernel) {
	buffer := pairBuffers.Get().(*pairs)
	defer pairBuffers.Put(buffer)
	*buffer = grow(*buffer, src.Width)
	in := *buffer
	for y := 0; y < dst.Height; y += 2 {
		next := min(y+1, dst.Height-1) // an odd last row is paired with itself
		pack(in, src.row(first+y), src.row(first+next))
		a, b := dst.row(y), dst.row(next)
		for x := range dst.Width {
			from, weights := k.at(x)
			pixels := in[from : from+len(weights)]
			weights = weights[:len(pixels)]
			var r, g, bl int64 = half, half, half
			for j := range pixels {
				p, w := &pixels[j], weights[j]
				r += p[0] * w
				g += p[1] * w
				bl += p[2] * w
			}
			pa, pb := a[3*x:3*x+3], b[3*x:3*x+3]
			if uint64(r|g|bl)&outside == 0 {
				pa[0], pa[1], pa[2] = uint8(r>>precision), uint8(g>>precision), uint8(bl>>precision)
				pb[0], pb[1], pb[2] = uint8(r>>(32+precision)), uint8(g>>(32+precision)), uint8(bl>>(32+precision))
				continue
			}
			ra, rb := part(r)
			ga, gb := part(g)
			ba, bb := part(bl)
			pa[0], pa[1], pa[2] = clip(ra), clip(ga), clip(ba)
			pb[0], pb[1], pb[2] = clip(rb), clip(gb), clip(bb)
		}
	}
}

// pack puts row a into the lower and row b into the upper halves.
func pack(to pairs, a, b []byte) {
	for x := range to {
		pa, pb, t := a[3*x:3*x+3], b[3*x:3*x+3], &to[x]
		t[0] = int64(pa[0]) | int64(pb[0])<<32
		t[1] = int64(pa[1]) | int64(pb[1])<<32
		t[2] = int64(pa[2]) | int64(pb[2])<<32
	}
}

// resampleColumns fills dst, whose height the kernel has, from src, whose row 0
// is row first of the kernel's input. It goes along a row eight bytes at a time
// with all sums in registers, so a source row is read from the cache as often as
// the kernel needs it and nothing between is stored.
func resampleColumns(dst, src *Image, first int, k *kernel) {
	stride := 3 * src.Width
	for y := range dst.Height {
		from, weights := k.at(y)
		in := src.Pix[(from-first)*stride : (from-first+len(weights))*stride]
		out := dst.row(y)
		if stride < 8 {
			columnsOneByOne(out, in, stride, weights)
			continue
		}
		for x := 0; x < stride; x += 8 {
			x = min(x, stride-8) // the last eight overlap those before
			binary.LittleEndian.PutUint64(out[x:], columns8(in[x:], stride, weights))
		}
	}
}

// columns8 returns the eight samples at the start of in, summed down the rows.
func columns8(in []byte, stride int, weights []int64) uint64 {
	const each4th = 0xff | 0xff<<32
	var s0, s1, s2, s3 int64 = half, half, half, half
	at := 0
	for _, w := range weights {
		v := binary.LittleEndian.Uint64(in[at:])
		at += stride
		s0 += int64(v&each4th) * w
		s1 += int64(v>>8&each4th) * w
		s2 += int64(v>>16&each4th) * w
		s3 += int64(v>>24&each4th) * w
	}
	if uint64(s0|s1|s2|s3)&outside == 0 {
		return uint64(s0)>>precision&each4th | uint64(s1)>>precision&each4th<<8 |
			uint64(s2)>>precision&each4th<<16 | uint64(s3)>>precision&each4th<<24
	}
	a0, a4 := part(s0)
	a1, a5 := part(s1)
	a2, a6 := part(s2)
	a3, a7 := part(s3)
	return uint64(clip(a0)) | uint64(clip(a1))<<8 | uint64(clip(a2))<<16 | uint64(clip(a3))<<24 |
		uint64(clip(a4))<<32 | uint64(clip(a5))<<40 | uint64(clip(a6))<<48 | uint64(clip(a7))<<56
}

// columnsOneByOne is for pictures of one or two columns.
func columnsOneByOne(out, in []byte, stride int, weights []int64) {
	for x := range out {
		sum := int32(1 << (precision - 1))
		for j, w := range weights {
			sum += int32(in[j*stride+x]) * int32(w)
		}
		out[x] = clip(sum)
	}
}

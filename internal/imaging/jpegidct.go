package imaging

// block is 8 x 8 coefficients in natural order.
type block [64]int16

// quantTable is the step of each coefficient in natural order.
type quantTable [64]int32

// natural takes the place in zigzag order to that in a block. Damaged data can
// run up to 16 places beyond the end: those go to the last, as in libjpeg.
var natural = [64 + 16]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
	63, 63, 63, 63, 63, 63, 63, 63,
	63, 63, 63, 63, 63, 63, 63, 63,
}

// Constants of libjpeg's accurate integer transform, with 13 fraction bits.
const (
	idctBits  = 13
	idctExtra = 2 // fraction bits kept between the passes

	fix0298 = 2446
	fix0390 = 3196
	fix0541 = 4433
	fix0765 = 6270
	fix0899 = 7373
	fix1175 = 9633
	fix1501 = 12299
	fix1847 = 15137
	fix1961 = 16069
	fix2053 = 16819
	fix2562 = 20995
	fix3072 = 25172
)

// idct writes the samples of a block to out, whose rows are stride apart: the
// transform of Loeffler, Ligtenberg and Moschytz with libjpeg's roundings.
func idct(out []byte, stride int, b *block, q *quantTable) {
	var ws [64]int32
	for i := range 8 {
		if b[8+i]|b[16+i]|b[24+i]|b[32+i]|b[40+i]|b[48+i]|b[56+i] == 0 {
			dc := int32(b[i]) * q[i] << idctExtra
			for j := 0; j < 64; j += 8 {
				ws[i+j] = dc
			}
			continue
		}
		z2, z3 := int32(b[16+i])*q[16+i], int32(b[48+i])*q[48+i]
		z1 := (z2 + z3) * fix0541
		t2, t3 := z1-z3*fix1847, z1+z2*fix0765
		z2, z3 = int32(b[i])*q[i], int32(b[32+i])*q[32+i]
		t0, t1 := (z2+z3)<<idctBits, (z2-z3)<<idctBits
		e0, e3, e1, e2 := t0+t3, t0-t3, t1+t2, t1-t2

		t0, t1, t2, t3 = odd(int32(b[56+i])*q[56+i], int32(b[40+i])*q[40+i], int32(b[24+i])*q[24+i], int32(b[8+i])*q[8+i])

		const shift, round = idctBits - idctExtra, 1 << (idctBits - idctExtra - 1)
		ws[i] = (e0 + t3 + round) >> shift
		ws[56+i] = (e0 - t3 + round) >> shift
		ws[8+i] = (e1 + t2 + round) >> shift
		ws[48+i] = (e1 - t2 + round) >> shift
		ws[16+i] = (e2 + t1 + round) >> shift
		ws[40+i] = (e2 - t1 + round) >> shift
		ws[24+i] = (e3 + t0 + round) >> shift
		ws[32+i] = (e3 - t0 + round) >> shift
	}
	for y := range 8 {
		w := (*[8]int32)(ws[8*y:])
		o := (*[8]byte)(out[y*stride:])

		z1 := (w[2] + w[6]) * fix0541
		t2, t3 := z1-w[6]*fix1847, z1+w[2]*fix0765
		t0, t1 := (w[0]+w[4])<<idctBits, (w[0]-w[4])<<idctBits
		e0, e3, e1, e2 := t0+t3, t0-t3, t1+t2, t1-t2

		t0, t1, t2, t3 = odd(w[7], w[5], w[3], w[1])

		o[0] = sample(e0 + t3)
		o[7] = sample(e0 - t3)
		o[1] = sample(e1 + t2)
		o[6] = sample(e1 - t2)
		o[2] = sample(e2 + t1)
		o[5] = sample(e2 - t1)
		o[3] = sample(e3 + t0)
		o[4] = sample(e3 - t0)
	}
}

// odd is the part of the transform that takes the odd coefficients, 7, 5, 3, 1.
func odd(t0, t1, t2, t3 int32) (int32, int32, int32, int32) {
	z1, z2, z3, z4 := t0+t3, t1+t2, t0+t2, t1+t3
	z5 := (z3 + z4) * fix1175
	z1 *= -fix0899
	z2 *= -fix2562
	z3 = z5 - z3*fix1961
	z4 = z5 - z4*fix0390
	return t0*fix0298 + z1 + z3, t1*fix2053 + z2 + z4, t2*fix3072 + z2 + z3, t3*fix1501 + z1 + z4
}

// sample takes a sum of the second pass to 8 bits around 128.
func sample(v int32) uint8 {
	const shift = idctBits + idctExtra + 3
	return clamp((v+1<<(shift-1))>>shift + 128)
}

func clamp(v int32) uint8 {
	if uint32(v) > 255 {
		return uint8(^(v >> 31))
	}
	return uint8(v)
}

// flat is idct of a block that has its first coefficient alone.
func flat(out []byte, stride int, dc int32) {
	v := clamp((dc+4)>>3 + 128)
	for y := range 8 {
		o := (*[8]byte)(out[y*stride:])
		for x := range o {
			o[x] = v
		}
	}
}

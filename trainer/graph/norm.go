package graph

// normed is a norm's result before gain and offset, and what its gradient needs.
type normed struct{ y, inverse string }

// norm brings the rows of x to mean 0 and deviation 1. Gain and offset belong to
// what comes behind.
func (b *builder) norm(x string, width int, epsilon float64) normed {
	c := b.sub(x, b.mean(x, 1))
	variance := b.times(b.squares(c, 1), 1/float64(width))
	inverse := b.op("Reciprocal", nil, b.op("Sqrt", nil, b.add(variance, b.number(epsilon))))
	return normed{b.mul(c, inverse), inverse}
}

// normBack gives the gradient of a norm's input of that of its result, each of
// whose rows must have the mean 0. skip, where there is one, is what reaches the
// input on another way.
func (b *builder) normBack(n normed, dy string, skip ...string) string {
	dx := b.mul(b.sub(dy, b.mul(n.y, b.mean(b.mul(dy, n.y), 1))), n.inverse)
	for _, s := range skip {
		dx = b.add(s, dx)
	}
	return dx
}

// affine applies gain and offset to a norm's result, and gives the way back from
// its gradient to that of the norm's input.
func (b *builder) affine(name string, n normed) (string, func(dz string) string) {
	gain, offset := b.param(name+".weight"), b.param(name+".bias")
	z := b.add(b.mul(n.y, gain), offset)
	return z, func(dz string) string {
		b.gradient(name+".weight", b.columns(b.mul(dz, n.y)))
		b.gradient(name+".bias", b.columns(dz))
		dy := b.mul(dz, gain)
		return b.normBack(n, b.sub(dy, b.mean(dy, 1)))
	}
}

package graph

// The rows of a residual stream have mean 0 here: whatever writes to the stream is
// centred first, its weights that is, which are small. All who read the stream are
// norms, which take the mean away in any case, so nothing else changes; and no norm
// needs a pass for the mean, forward or backward.

// normed is a norm's result before gain and offset, plus 1: y = x/σ + 1. The 1 is what
// carries the bias of the linear layer behind, see [afterNorm].
type normed struct{ y, inverse string }

// inverse gives 1/σ of rows with mean 0.
func (b *builder) inverse(x string, t Tower) string {
	variance := b.times(b.squares(x, 1), 1/float64(t.Width))
	return b.op("Reciprocal", nil, b.op("Sqrt", nil, b.add(variance, b.number(t.Epsilon))))
}

func (b *builder) norm(x string, t Tower) normed {
	inverse := b.inverse(x, t)
	return normed{b.add(b.mul(x, inverse), b.number(1)), inverse}
}

// normBack gives the gradient of a norm's input of that of its result y, or of y
// plus 1: (dy - y·mean(dy·y))/σ. The rows of dy must have the mean 0, or else those of
// y. The rows of what it gives have any mean, which the stream's writers do not see.
// skip, where there is one, is what reaches the input on another way.
func (b *builder) normBack(n normed, dy string, skip ...string) string {
	dx := b.mul(b.sub(dy, b.mul(n.y, b.mean(b.mul(dy, n.y), 1))), n.inverse)
	for _, s := range skip {
		dx = b.add(s, dx)
	}
	return dx
}

// affine is a norm of x with its gain and offset, made to be a stream. The way back is
// from the stream's gradient to that of x.
func (b *builder) affine(name, x string, t Tower) (string, func(dz string) string) {
	gain, offset := b.param(name+".weight"), b.param(name+".bias")
	inverse := b.inverse(x, t)
	y := b.mul(x, inverse)
	z := b.centred(b.add(b.mul(y, gain), offset), 1)
	return z, func(dz string) string {
		dz = b.centred(dz, 1)
		b.gradient(name+".weight", b.columns(b.mul(dz, y)))
		b.gradient(name+".bias", b.columns(dz))
		return b.normBack(normed{y, inverse}, b.mul(dz, gain))
	}
}

// centred is x without its means over one dimension.
func (b *builder) centred(x string, axis int64) string { return b.sub(x, b.mean(x, axis)) }

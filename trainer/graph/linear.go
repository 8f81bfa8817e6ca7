package graph

// linear is x · weightᵀ + bias, with the bias under the name's own and weights
// as PyTorch keeps them: [out, in]. skip, where there is one, is added. alpha
// scales the product.
func (b *builder) linear(name, x string, alpha float64, skip ...string) (string, func(du string) string) {
	w, bias := b.param(name+".weight"), b.param(name+".bias")
	u := b.add(b.gemm(x, w, false, true, alpha, skip...), bias)
	return u, func(du string) string {
		b.gradient(name+".bias", b.columns(du))
		b.gradient(name+".weight", b.gemm(du, x, true, false, alpha))
		return b.gemm(du, w, false, false, alpha)
	}
}

// afterNorm holds linear layers that read one norm's result. Gain and offset of
// the norm are folded into their weights: with y the norm's result before them,
//
//	(y·g + o) · Wᵀ + b = y · (W·g)ᵀ + (b + W·o)
//
// and so are their gradients into those of the folded weights. The folded weight
// is centred over its inputs on the way back, since the gradient that reaches the
// norm must have the mean 0.
type afterNorm struct {
	b     *builder
	norm  string // the norm's name
	y     string
	scale float64 // of all results

	gains, offsets []string // gradients, one for each layer
}

// layer is one such linear layer, its result times the scale.
func (a *afterNorm) layer(name string) (string, func(du string) string) {
	b := a.b
	w, bias := b.param(name+".weight"), b.param(name+".bias")
	gain, offset := b.param(a.norm+".weight"), b.param(a.norm+".bias")
	folded := b.mul(w, b.times(gain, a.scale))
	in := int64(b.shapes[name+".weight"][1])
	column := b.reshape(offset, in, 1)
	shift := b.times(b.add(b.reshape(b.op("MatMul", nil, w, column), -1), bias), a.scale)
	u := b.add(b.gemm(a.y, folded, false, true, 1), shift)
	return u, func(du string) string {
		db := b.times(b.columns(du), a.scale)
		b.gradient(name+".bias", db)
		dFolded := b.gemm(du, a.y, true, false, a.scale) // of W·g
		b.gradient(name+".weight", b.add(b.mul(dFolded, gain), b.mul(b.reshape(db, -1, 1), b.reshape(offset, 1, in))))
		a.gains = append(a.gains, b.columns(b.mul(dFolded, w)))
		a.offsets = append(a.offsets, b.reshape(b.op("MatMul", nil, b.reshape(db, 1, -1), w), in))
		return b.gemm(du, b.sub(folded, b.mean(folded, 1)), false, false, 1)
	}
}

// finish writes the norm's own gradients, when all layers have gone back.
func (a *afterNorm) finish() {
	sum := func(parts []string) string {
		s := parts[0]
		for _, p := range parts[1:] {
			s = a.b.add(s, p)
		}
		return s
	}
	a.b.gradient(a.norm+".weight", sum(a.gains))
	a.b.gradient(a.norm+".bias", sum(a.offsets))
}

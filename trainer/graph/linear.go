package graph

// toStream adds alpha · x · weightᵀ + bias to a stream, with weights as PyTorch keeps
// them: [out, in]. ones is a row of a one for each of x's rows: their sum as a product.
func (b *builder) toStream(name, stream, x, ones string, alpha float64) (string, func(du string) string) {
	w, bias := b.centred(b.param(name+".weight"), 0), b.centred(b.param(name+".bias"), 0)
	u := b.add(b.gemm(x, w, false, true, alpha, stream), bias)
	return u, func(du string) string {
		b.gradient(name+".bias", b.reshape(b.centred(b.op("MatMul", nil, ones, du), 1), -1))
		b.gradient(name+".weight", b.centred(b.gemm(du, x, true, false, alpha), 0))
		return b.gemm(du, w, false, false, alpha)
	}
}

// afterNorm holds linear layers that read one norm. Gain g and offset o of the norm
// and the bias are folded into their weights. With ŷ the norm's result before them, whose
// rows have mean 0, and C what makes a weight's rows have mean 0,
//
//	(ŷ·g + o) · Wᵀ + bias = ŷ · C(W·g)ᵀ + β,  β = W·o + bias
//	                      = (ŷ + 1) · (C(W·g) + β/in)ᵀ
//
// since ŷ is blind to the part of a weight's row that is the same everywhere, and 1 to
// the rest of it. So a bias costs no pass over the rows, and nor does its gradient.
type afterNorm struct {
	b     *builder
	norm  string  // the norm's name
	scale float64 // of all results

	gains, offsets []string // gradients, one for each layer
}

// bias says what a linear layer after a norm does with β.
type bias int

const (
	withBias bias = iota
	noBias        // has none of its own
	unmoved       // has one, and β makes no difference to what comes behind: it is left out
)

// folded is one such layer.
type folded struct {
	from           *afterNorm
	name           string
	bias           bias
	gain           string // times the scale
	centred, whole string // weights, the latter with β
}

func (a *afterNorm) layer(name string, kind bias) *folded {
	b := a.b
	w := b.param(name + ".weight")
	in := b.shapes[name+".weight"][1]
	f := &folded{from: a, name: name, bias: kind, gain: b.times(b.param(a.norm+".weight"), a.scale)}
	f.centred = b.centred(b.mul(w, f.gain), 1)
	f.whole = f.centred
	if kind == unmoved {
		return f
	}
	var own []string
	if kind == withBias {
		own = []string{b.reshape(b.param(name+".bias"), -1, 1)}
	}
	beta := b.gemm(w, b.reshape(b.param(a.norm+".bias"), int64(in), 1), false, false, 1, own...)
	f.whole = b.add(f.centred, b.times(beta, a.scale/float64(in)))
	return f
}

// of is the layer's result for rows of a norm.
func (f *folded) of(y string) string { return f.from.b.gemm(y, f.whole, false, true, 1) }

// back writes the gradients of weight and bias from that of the result, du, and gives
// that of ŷ. more, where there is one, is added to it.
func (f *folded) back(y, du string, more ...string) string {
	a, b := f.from, f.from.b
	w := b.param(f.name + ".weight")
	all := b.gemm(du, y, true, false, 1)
	sums := b.mean(all, 1) // of du, since the rows of y sum to their length
	centred := b.sub(all, sums)
	a.gains = append(a.gains, b.times(b.sum(b.mul(centred, w), false, 0), a.scale))
	dw := b.mul(centred, f.gain)
	if f.bias != unmoved {
		offset := b.reshape(b.param(a.norm+".bias"), 1, -1)
		dw = b.gemm(sums, offset, false, false, a.scale, dw)
		a.offsets = append(a.offsets, b.reshape(b.gemm(sums, w, true, false, a.scale), -1))
	}
	if f.bias == withBias {
		b.gradient(f.name+".bias", b.reshape(b.times(sums, a.scale), -1))
	}
	b.gradient(f.name+".weight", dw)
	return b.gemm(du, f.centred, false, false, 1, more...)
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

package graph

import "math"

// quick is the factor of quick GELU, x · sigmoid(1.702 x) (Hendrycks and
// Gimpel, arXiv 1606.08415).
const quick = 1.702

// mlp is two linear layers with an activation between them, added to the stream x of
// layer p. The way back gives the gradient of x.
func (t *transformer) mlp(p, x, ones string) (string, func(dx string) string) {
	n := t.norm(x, t.t)
	// The activation is of a scaled argument, and its result as much too large, which
	// the weights on both sides make good.
	scale := math.Sqrt2 / 2
	if t.t.Activation == QuickGELU {
		scale = quick
	}
	in := &afterNorm{b: t.builder, norm: p + "layer_norm2", scale: scale}
	fc1 := in.layer(p+"mlp.fc1", withBias)
	g, backActivation := t.activation(t.t.Activation, fc1.of(n.y))
	x, backOut := t.toStream(p+"mlp.fc2", x, g, ones, 1/scale)
	return x, func(d string) string {
		dy := fc1.back(n.y, backActivation(backOut(d)))
		in.finish()
		return t.normBack(n, dy, d)
	}
}

// activation is u · sigmoid(u) for quick GELU and u · (1 + erf u)/2 for GELU.
func (b *builder) activation(kind, u string) (string, func(dg string) string) {
	if kind == QuickGELU {
		s := b.op("Sigmoid", nil, u)
		g := b.mul(u, s)
		return g, func(dg string) string {
			return b.mul(dg, b.add(s, b.mul(g, b.sub(b.number(1), s))))
		}
	}
	half := b.times(b.add(b.op("Erf", nil, u), b.number(1)), 0.5)
	return b.mul(u, half), func(dg string) string {
		density := b.times(b.op("Exp", nil, b.op("Neg", nil, b.mul(u, u))), 1/math.Sqrt(math.Pi))
		return b.mul(dg, b.add(half, b.mul(u, density)))
	}
}

package graph

import "math"

// quick is the factor of quick GELU, x · sigmoid(1.702 x) (Hendrycks and
// Gimpel, arXiv 1606.08415).
const quick = 1.702

// mlp is the layer from the residual stream x, of rows, to the sum of x and two
// linear layers with an activation between them. The way back gives the gradient
// of x.
func (b *builder) mlp(name, norm, x string, t Tower) (string, func(dx string) string) {
	n := b.norm(x, t.Width, t.Epsilon)
	scale := 1.0
	if t.Activation == QuickGELU {
		scale = quick // u · sigmoid(u) of the scaled u is 1.702 times what is wanted
	}
	in := &afterNorm{b: b, norm: norm, y: n.y, scale: scale}
	u, backIn := in.layer(name + ".fc1")
	g, slope := b.activation(t.Activation, u)
	out, backOut := b.linear(name+".fc2", g, 1/scale, x)
	return out, func(d string) string {
		dy := backIn(b.mul(backOut(d), slope()))
		in.finish()
		return b.normBack(n, dy, d)
	}
}

// activation gives the function's value, and writes its derivative when asked.
func (b *builder) activation(kind, u string) (string, func() string) {
	if kind == QuickGELU {
		s := b.op("Sigmoid", nil, u)
		g := b.mul(u, s)
		return g, func() string { return b.add(s, b.mul(g, b.sub(b.number(1), s))) }
	}
	half := b.times(b.add(b.op("Erf", nil, b.times(u, math.Sqrt2/2)), b.number(1)), 0.5) // Φ(u)
	return b.mul(u, half), func() string {
		density := b.times(b.op("Exp", nil, b.times(b.mul(u, u), -0.5)), 1/math.Sqrt(2*math.Pi))
		return b.add(half, b.mul(u, density))
	}
}

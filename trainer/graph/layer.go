package graph

import (
	"fmt"
	"slices"
)

// transformer is what the layers of a tower share. Only one position of each sample is
// read in the end, so the last layer makes queries, and all that is behind them, for this
// position alone. That changes neither the result nor a gradient.
type transformer struct {
	*builder
	prefix   string
	t        Tower
	all, one heads
	// ones and onesPooled are a row of ones, of all rows and of pooled ones.
	ones, onesPooled string
	pooled           string // which rows are pooled: [batch]
	spot             string // 1 where a position is, else 0: [positions, batch or 1, 1]
}

// layers is the whole transformer over a stream x, pooled. The way back is from the
// gradient of the pooled rows to that of x.
func (t *transformer) layers(x string) (string, func(d string) string) {
	var back []func(string) string
	for i := range t.t.Layers {
		layer := t.layer
		if i == t.t.Layers-1 {
			layer = t.last
		}
		var f func(string) string
		x, f = layer(fmt.Sprintf("%s.encoder.layers.%d.", t.prefix, i), x)
		back = append(back, f)
	}
	return x, func(d string) string {
		for _, f := range slices.Backward(back) {
			d = f(d)
		}
		return d
	}
}

func (t *transformer) layer(p, x string) (string, func(d string) string) {
	n := t.norm(x, t.t)
	in := &afterNorm{b: t.builder, norm: p + "layer_norm1", scale: 1}
	q, k, v := in.projections(p)
	o, backAttend := t.attend(t.all, q.of(n.y), k.of(n.y), v.of(n.y))
	x, backOut := t.toStream(p+"self_attn.out_proj", x, o, t.ones, 1)
	x, backMLP := t.mlp(p, x, t.ones)
	return x, func(d string) string {
		d = backMLP(d)
		dq, dk, dv := backAttend(backOut(d))
		dy := v.back(n.y, dv, k.back(n.y, dk, q.back(n.y, dq)))
		in.finish()
		return t.normBack(n, dy, d)
	}
}

// last is a layer from a stream to its pooled rows.
func (t *transformer) last(p, x string) (string, func(d string) string) {
	pool := func(x string) string { return t.op("Gather", nil, x, t.pooled) }
	n := t.norm(x, t.t)
	one := normed{pool(n.y), pool(n.inverse)}
	in := &afterNorm{b: t.builder, norm: p + "layer_norm1", scale: 1}
	q, k, v := in.projections(p)
	o, backAttend := t.attend(t.one, q.of(one.y), k.of(n.y), v.of(n.y))
	x, backOut := t.toStream(p+"self_attn.out_proj", pool(x), o, t.onesPooled, 1)
	x, backMLP := t.mlp(p, x, t.onesPooled)
	return x, func(d string) string {
		d = backMLP(d)
		dq, dk, dv := backAttend(backOut(d))
		d = t.normBack(one, q.back(one.y, dq), d)
		dy := v.back(n.y, dv, k.back(n.y, dk))
		in.finish()
		return t.normBack(n, dy, t.rows(t.mul(t.spot, d), t.t.Width))
	}
}

// projections are those of an attention. What is added to all keys alike adds the same to
// all logits of a query, which changes no softmax: no graph reads the keys' bias, and its
// gradient is 0.
func (a *afterNorm) projections(p string) (q, k, v *folded) {
	return a.layer(p+"self_attn.q_proj", withBias), a.layer(p+"self_attn.k_proj", unmoved), a.layer(p+"self_attn.v_proj", withBias)
}

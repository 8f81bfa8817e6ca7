package graph

import "math"

// heads is the shape of attention: how rows of tokens become heads and back.
type heads struct {
	split string // shape [batch, tokens, heads, width of a head]
	width int
	scale float64
	mask  string // added to the logits; empty: every token sees all
}

// headsOf gives the shape, where tokens is the list [batch, tokens].
func (b *builder) headsOf(tokens string, t Tower, mask string) heads {
	size := t.Width / t.Heads
	return heads{
		split: b.concat(0, tokens, b.ints(int64(t.Heads), int64(size))),
		width: t.Width, scale: 1 / math.Sqrt(float64(size)), mask: mask,
	}
}

func (b *builder) splitHeads(x string, h heads) string {
	return b.transpose(b.op("Reshape", nil, x, h.split), 0, 2, 1, 3)
}

func (b *builder) joinHeads(x string, h heads) string {
	return b.rows(b.transpose(x, 0, 2, 1, 3), h.width)
}

// attention is the layer from the residual stream x, of rows, to the sum of x
// and what its heads read. The way back gives the gradient of x.
func (b *builder) attention(name, norm, x string, t Tower, h heads) (string, func(dx string) string) {
	n := b.norm(x, t.Width, t.Epsilon)
	in := &afterNorm{b: b, norm: norm, y: n.y, scale: 1}
	q2, backQ := in.layer(name + ".q_proj")
	k2, backK := in.layer(name + ".k_proj")
	v2, backV := in.layer(name + ".v_proj")
	q, k, v := b.splitHeads(q2, h), b.splitHeads(k2, h), b.splitHeads(v2, h)
	logits := b.product(q, k, false, true, h.scale)
	if h.mask != "" {
		logits = b.add(logits, h.mask)
	}
	p := b.op("Softmax", attrs{"axis": int64(-1)}, logits)
	out, back := b.linear(name+".out_proj", b.joinHeads(b.product(p, v, false, false, 1), h), 1, x)
	return out, func(d string) string {
		do := b.splitHeads(back(d), h)
		dv := b.product(p, do, true, false, 1)
		dp := b.product(do, v, false, true, 1)
		// The softmax's gradient: p · (dp - Σ p·dp).
		pd := b.mul(p, dp)
		dl := b.sub(pd, b.mul(p, b.sum(pd, true, -1)))
		dq := b.product(dl, k, false, false, h.scale)
		dk := b.product(dl, q, true, false, h.scale)
		dy := backQ(b.joinHeads(dq, h))
		dy = b.add(dy, backK(b.joinHeads(dk, h)))
		dy = b.add(dy, backV(b.joinHeads(dv, h)))
		in.finish()
		return b.normBack(n, dy, d)
	}
}

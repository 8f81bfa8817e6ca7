package graph

import "math"

// heads is the shape of attention: how rows become heads and back. Rows are positions
// first: row t·batch + s is position t of sample s.
type heads struct {
	keys, queries string // shape [positions, batch, heads, width of a head], of keys and values, and of queries
	width         int
	scale         float64
	mask          string // added to the logits; empty: every query sees all
}

// headsOf gives the shape of queries and keys of so many positions.
func (b *builder) headsOf(t Tower, queries, keys, mask string) heads {
	size := t.Width / t.Heads
	split := func(positions string) string { return b.concat(0, positions, b.ints(-1, int64(t.Heads), int64(size))) }
	return heads{keys: split(keys), queries: split(queries), width: t.Width, scale: 1 / math.Sqrt(float64(size)), mask: mask}
}

// splitHeads makes [batch, heads, positions, width of a head] of rows.
func (b *builder) splitHeads(x, shape string) string {
	return b.transpose(b.op("Reshape", nil, x, shape), 1, 2, 0, 3)
}

func (b *builder) joinHeads(x string, h heads) string {
	return b.rows(b.transpose(x, 2, 0, 1, 3), h.width)
}

// attend is softmax(q·kᵀ + mask)·v of rows. The way back gives their gradients.
func (b *builder) attend(h heads, q, k, v string) (string, func(do string) (dq, dk, dv string)) {
	q, k, v = b.splitHeads(q, h.queries), b.splitHeads(k, h.keys), b.splitHeads(v, h.keys)
	logits := b.product(q, k, false, true, h.scale)
	if h.mask != "" {
		logits = b.add(logits, h.mask)
	}
	p := b.op("Softmax", attrs{"axis": int64(-1)}, logits)
	o := b.product(p, v, false, false, 1)
	return b.joinHeads(o, h), func(do string) (dq, dk, dv string) {
		do = b.splitHeads(do, h.queries)
		dv = b.product(p, do, true, false, 1)
		// The softmax's gradient: p · (dp - Σ p·dp), where the sum over all keys is also
		// Σ o·do over the width of a head (Dao et al., arXiv 2205.14135).
		dp := b.product(do, v, false, true, 1)
		dl := b.mul(p, b.sub(dp, b.sum(b.mul(o, do), true, -1)))
		dq = b.product(dl, k, false, false, h.scale)
		dk = b.product(dl, q, true, false, h.scale)
		return b.joinHeads(dq, h), b.joinHeads(dk, h), b.joinHeads(dv, h)
	}
}

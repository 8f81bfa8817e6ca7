package graph

import "math"

// heads is the shape of attention: how rows become heads and back. Rows are positions
// first: row t·batch + s is position t of sample s, so that FusedMatMul can read heads
// where a linear layer left them, as [positions, batch, heads, width of a head].
type heads struct {
	keys, queries string // that shape, of keys and values, and of queries
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

// order says how a product takes a factor: transposed, and whether it lies positions
// first. The others, and results, are [batch, heads, positions, any].
type order struct{ transposed, positions bool }

// perHead is a product for each head of each sample, times alpha.
func (b *builder) perHead(x, y string, ox, oy order, alpha float64) string {
	out := b.op("FusedMatMul", attrs{
		"transA": flag(ox.transposed), "transBatchA": flag(ox.positions),
		"transB": flag(oy.transposed), "transBatchB": flag(oy.positions), "alpha": float32(alpha),
	}, x, y)
	b.g.Nodes[len(b.g.Nodes)-1].Domain = contrib
	return out
}

// attend is softmax(q·kᵀ + mask)·v of rows. The way back gives their gradients.
func (b *builder) attend(h heads, q, k, v string) (string, func(do string) (dq, dk, dv string)) {
	split := func(x, shape string) string { return b.op("Reshape", nil, x, shape) }
	join := func(x string) string { return b.rows(b.transpose(x, 2, 0, 1, 3), h.width) }
	q, k, v = split(q, h.queries), split(k, h.keys), split(v, h.keys)
	var (
		plain  = order{}
		turned = order{transposed: true}
		first  = order{positions: true}
		both   = order{transposed: true, positions: true}
	)
	logits := b.perHead(q, k, first, both, h.scale)
	if h.mask != "" {
		logits = b.add(logits, h.mask)
	}
	p := b.op("Softmax", attrs{"axis": int64(-1)}, logits)
	o := b.transpose(b.perHead(p, v, plain, first, 1), 2, 0, 1, 3)
	return b.rows(o, h.width), func(do string) (dq, dk, dv string) {
		do = split(do, h.queries)
		dv = join(b.perHead(p, do, turned, first, 1))
		dp := b.perHead(do, v, first, both, 1)
		// The softmax's gradient: p · (dp - Σ p·dp), where the sum over all keys is also
		// Σ o·do over the width of a head (Dao et al., arXiv 2205.14135).
		along := b.transpose(b.sum(b.mul(o, do), true, 3), 1, 2, 0, 3)
		dl := b.mul(p, b.sub(dp, along))
		dq = join(b.perHead(dl, k, plain, first, h.scale))
		dk = join(b.perHead(dl, q, turned, first, h.scale))
		return dq, dk, dv
	}
}

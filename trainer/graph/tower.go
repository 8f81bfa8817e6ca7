package graph

import (
	"fmt"
	"slices"
)

// layers are the blocks of a tower over the residual stream x, of rows.
func (b *builder) layers(prefix, x string, t Tower, h heads) (string, func(dx string) string) {
	var back []func(string) string
	for i := range t.Layers {
		p := fmt.Sprintf("%s.encoder.layers.%d.", prefix, i)
		var backAttention, backMLP func(string) string
		x, backAttention = b.attention(p+"self_attn", p+"layer_norm1", x, t, h)
		x, backMLP = b.mlp(p+"mlp", p+"layer_norm2", x, t)
		back = append(back, backAttention, backMLP)
	}
	return x, func(d string) string {
		for _, f := range slices.Backward(back) {
			d = f(d)
		}
		return d
	}
}

// project is the last norm of pooled rows, the projection and the norm 1 of
// every row. The way back takes the gradient of the features and gives that of
// the pooled rows.
func (b *builder) project(norm, projection, pooled string, t Tower) (string, func(df string) string) {
	z, backNorm := b.affine(norm, b.norm(pooled, t.Width, t.Epsilon))
	w := b.param(projection)
	e := b.gemm(z, w, false, true, 1)
	length := b.op("Sqrt", nil, b.squares(e, 1))
	f := b.div(e, length)
	return f, func(df string) string {
		de := b.div(b.sub(df, b.mul(f, b.sum(b.mul(df, f), true, 1))), length)
		b.gradient(projection, b.gemm(de, z, true, false, 1))
		return backNorm(b.gemm(de, w, false, false, 1))
	}
}

// vision is the vision tower: images [batch, 3, size, size] become features
// [batch, projection]. The way back takes the gradient of the features.
func (b *builder) vision(v Vision, images string) (string, func(df string)) {
	const p = "vision_model.embeddings."
	n, size, w := int64(v.Image/v.Patch), int64(v.Patch), int64(v.Width)
	side := int64(v.Channels) * size * size
	patches := b.rows(b.transpose(b.reshape(images, -1, int64(v.Channels), n, size, n, size), 0, 2, 4, 1, 3, 5), int(side))
	kernel := b.reshape(b.param(p+"patch_embedding.weight"), w, side)
	class, position := b.param(p+"class_embedding"), b.param(p+"position_embedding.weight")
	batch := b.sizes(images, 0, 1)
	first := b.op("Expand", nil, b.reshape(class, 1, 1, w), b.concat(0, batch, b.ints(1, w)))
	tokens := b.concat(1, first, b.reshape(b.gemm(patches, kernel, false, true, 1), -1, n*n, w))
	embedded := b.rows(b.add(tokens, position), v.Width)
	x, backNorm := b.affine("vision_model.pre_layrnorm", b.norm(embedded, v.Width, v.Epsilon))
	count := int64(v.tokens())
	x, backLayers := b.layers("vision_model", x, v.Tower, b.headsOf(b.concat(0, batch, b.ints(count)), v.Tower, ""))
	pooled := b.rows(b.slice(b.reshape(x, -1, count, w), 1, 0, 1), v.Width)
	f, backProject := b.project("vision_model.post_layernorm", "visual_projection.weight", pooled, v.Tower)
	return f, func(df string) {
		// Of the last layer's rows only the class tokens are read.
		dClass := b.reshape(backProject(df), -1, 1, w)
		rest := b.op("Expand", nil, b.reshape(b.number(0), 1, 1, 1), b.concat(0, batch, b.ints(n*n, w)))
		d := backNorm(backLayers(b.rows(b.concat(1, dClass, rest), v.Width)))
		d3 := b.reshape(d, -1, count, w)
		dPosition := b.sum(d3, false, 0)
		b.gradient(p+"position_embedding.weight", dPosition)
		b.gradient(p+"class_embedding", b.reshape(b.slice(dPosition, 0, 0, 1), w))
		dKernel := b.gemm(b.rows(b.slice(d3, 1, 1, end), v.Width), patches, true, false, 1)
		b.gradient(p+"patch_embedding.weight", b.reshape(dKernel, w, int64(v.Channels), size, size))
	}
}

// tokenEmbedding is the one parameter whose gradient a graph gives by token
// rather than whole: [texts, length, width], to be added up by the tokens' IDs.
// A vocabulary is large, and a batch has few of it.
const tokenEmbedding = "text_model.embeddings.token_embedding.weight"

// text is the text tower: tokens [texts, length] become features [texts,
// projection], read at the first end-of-text token. What is behind it is never
// looked at. The way back takes the gradient of the features.
func (b *builder) text(t Text, ids string) (string, func(df string)) {
	const positions = "text_model.embeddings.position_embedding.weight"
	w := int64(t.Width)
	shape := b.op("Shape", nil, ids)
	length := b.sizes(ids, 1, 2)
	position := b.op("Slice", nil, b.param(positions), b.ints(0), length, b.ints(0))
	x := b.rows(b.add(b.op("Gather", attrs{"axis": int64(0)}, b.param(tokenEmbedding), ids), position), t.Width)
	x, backLayers := b.layers("text_model", x, t.Tower, b.headsOf(shape, t.Tower, b.causal(t.Context, length)))

	isEnd := b.op("Cast", attrs{"to": int64(1)}, b.op("Equal", nil, ids, b.integer(int64(t.EOS))))
	at := b.op("ArgMax", attrs{"axis": int64(1), "keepdims": int64(0)}, isEnd)
	here := b.op("OneHot", attrs{"axis": int64(-1)}, at, b.reshape(length), b.pair(0, 1))
	mask := b.op("Unsqueeze", nil, here, b.ints(2)) // [texts, length, 1]
	pooled := b.sum(b.mul(b.op("Reshape", nil, x, b.concat(0, shape, b.ints(w))), mask), false, 1)
	f, backProject := b.project("text_model.final_layer_norm", "text_projection.weight", pooled, t.Tower)
	return f, func(df string) {
		d := b.mul(b.reshape(backProject(df), -1, 1, w), mask)
		d = b.op("Reshape", nil, backLayers(b.rows(d, t.Width)), b.concat(0, shape, b.ints(w)))
		b.gradient(tokenEmbedding, d)
		behind := b.sub(b.ints(int64(t.Context)), length)
		b.gradient(positions, b.op("Pad", nil, b.sum(d, false, 0), b.concat(0, b.ints(0, 0), behind, b.ints(0))))
	}
}

// causal is what keeps a token from seeing those behind it: 0 where it may look
// and a number below every logit where not, [length, length].
func (b *builder) causal(context int, length string) string {
	rows := b.op("Range", nil, b.integer(0), b.integer(int64(context)), b.integer(1))
	ahead := b.op("Greater", nil, b.reshape(rows, 1, -1), b.reshape(rows, -1, 1))
	mask := b.times(b.op("Cast", attrs{"to": int64(1)}, ahead), -1e9)
	return b.op("Slice", nil, mask, b.ints(0, 0), b.concat(0, length, length), b.ints(0, 1))
}

package graph

import "recaption/internal/ort/onnx"

// project is the last norm of pooled rows, the projection and the norm 1 of
// every row. The way back takes the gradient of the features and gives that of
// the pooled rows.
func (b *builder) project(norm, projection, pooled string, t Tower) (string, func(df string) string) {
	n := b.norm(pooled, t)
	in := &afterNorm{b: b, norm: norm, scale: 1}
	p := in.layer(projection, noBias)
	e := p.of(n.y)
	length := b.op("Sqrt", nil, b.squares(e, 1))
	f := b.div(e, length)
	return f, func(df string) string {
		de := b.div(b.sub(df, b.mul(f, b.sum(b.mul(df, f), true, 1))), length)
		dy := p.back(n.y, de)
		in.finish()
		return b.normBack(n, dy)
	}
}

// vision is the vision tower: images [batch, 3, size, size] become features
// [batch, projection]. The way back takes the gradient of the features.
func (b *builder) vision(v Vision, images string) (string, func(df string)) {
	batch, positions := b.sizes(images, 0, 1), b.ints(int64(v.tokens()))
	t := &transformer{
		builder: b, prefix: "vision_model", t: v.Tower,
		all:        b.headsOf(v.Tower, positions, positions, ""),
		one:        b.headsOf(v.Tower, b.ints(1), positions, ""),
		ones:       b.ones(b.mul(batch, positions)),
		onesPooled: b.ones(batch),
		pooled:     b.count(batch),
		spot:       b.firstOf(v.tokens()),
	}
	x, backPatches := b.patches(v, images, batch)
	pooled, backLayers := t.layers(x)
	f, backProject := b.project("vision_model.post_layernorm", "visual_projection", pooled, v.Tower)
	return f, func(df string) { backPatches(backLayers(backProject(df))) }
}

// patches makes the stream of images: class token and patches, with their positions,
// after a first norm. They are read by this norm alone, so they are centred like a stream.
func (b *builder) patches(v Vision, images, batch string) (string, func(dx string)) {
	const p = "vision_model.embeddings."
	n, size, w := int64(v.Image/v.Patch), int64(v.Patch), int64(v.Width)
	ch := int64(v.Channels)
	side := ch * size * size
	cut := b.rows(b.transpose(b.reshape(images, -1, ch, n, size, n, size), 2, 4, 0, 1, 3, 5), int(side))
	kernel := b.centred(b.reshape(b.param(p+"patch_embedding.weight"), w, side), 0)
	position := b.centred(b.param(p+"position_embedding.weight"), 1)
	class := b.centred(b.reshape(b.param(p+"class_embedding"), 1, w), 1)
	class = b.reshape(b.add(class, b.slice(position, 0, 0, 1)), 1, 1, w)
	first := b.op("Expand", nil, class, b.concat(0, b.ints(1), batch, b.ints(w)))
	rest := b.add(b.reshape(b.gemm(cut, kernel, false, true, 1), n*n, -1, w), b.reshape(b.slice(position, 0, 1, end), n*n, 1, w))
	x, backNorm := b.affine("vision_model.pre_layrnorm", b.rows(b.concat(0, first, rest), v.Width), v.Tower)
	return x, func(dx string) {
		d := backNorm(dx)
		dPosition := b.centred(b.sum(b.reshape(d, int64(v.tokens()), -1, w), false, 1), 1)
		b.gradient(p+"position_embedding.weight", dPosition)
		b.gradient(p+"class_embedding", b.reshape(b.slice(dPosition, 0, 0, 1), w))
		dPatches := b.op("Slice", nil, d, batch, b.ints(end), b.ints(0))
		dKernel := b.centred(b.gemm(dPatches, cut, true, false, 1), 0)
		b.gradient(p+"patch_embedding.weight", b.reshape(dKernel, w, ch, size, size))
	}
}

// tokenEmbedding is the one parameter whose gradient a graph gives by token rather
// than whole: [length, texts, width], to be added up by the tokens' IDs. A
// vocabulary is large, and a batch has few of it.
const tokenEmbedding = "text_model.embeddings.token_embedding.weight"

// masked is added to a logit that must not count: finite, and far below any.
const masked = -1e9

// text is the text tower: tokens [texts, length] become features [texts,
// projection], read at the first end-of-text token. What is behind it is never
// looked at. The way back takes the gradient of the features.
func (b *builder) text(v Text, ids string) (string, func(df string)) {
	batch, length := b.sizes(ids, 0, 1), b.sizes(ids, 1, 2)
	isEnd := b.op("Cast", attrs{"to": int64(onnx.Float)}, b.op("Equal", nil, ids, b.integer(int64(v.EOS))))
	at := b.op("ArgMax", attrs{"axis": int64(1), "keepdims": int64(1)}, isEnd) // [texts, 1]
	places := b.count(length)
	// behind is the mask of keys that are behind a query's place.
	behind := func(query string) string {
		ahead := b.op("Greater", nil, b.reshape(places, 1, -1), query)
		return b.times(b.op("Cast", attrs{"to": int64(onnx.Float)}, ahead), masked)
	}
	here := b.op("Equal", nil, b.reshape(places, -1, 1, 1), b.reshape(at, 1, -1, 1))
	t := &transformer{
		builder: b, prefix: "text_model", t: v.Tower,
		all:        b.headsOf(v.Tower, length, length, behind(b.reshape(places, -1, 1))),
		one:        b.headsOf(v.Tower, b.ints(1), length, b.op("Unsqueeze", nil, behind(at), b.ints(1, 2))),
		ones:       b.ones(b.mul(batch, length)),
		onesPooled: b.ones(batch),
		pooled:     b.add(b.mul(b.reshape(at, -1), batch), b.count(batch)),
		spot:       b.op("Cast", attrs{"to": int64(onnx.Float)}, here),
	}
	x, backTokens := b.tokens(v, ids, length)
	pooled, backLayers := t.layers(x)
	f, backProject := b.project("text_model.final_layer_norm", "text_projection", pooled, v.Tower)
	return f, func(df string) { backTokens(backLayers(backProject(df))) }
}

// tokens makes the stream of texts.
func (b *builder) tokens(v Text, ids, length string) (string, func(dx string)) {
	const positions = "text_model.embeddings.position_embedding.weight"
	w := int64(v.Width)
	position := b.op("Slice", nil, b.param(positions), b.ints(0), length, b.ints(0))
	read := b.op("Gather", attrs{"axis": int64(0)}, b.param(tokenEmbedding), b.transpose(ids, 1, 0)) // [length, texts, width]
	x := b.centred(b.rows(b.add(read, b.reshape(position, -1, 1, w)), v.Width), 1)
	return x, func(dx string) {
		d := b.op("Reshape", nil, b.centred(dx, 1), b.concat(0, length, b.ints(-1, w)))
		b.gradient(tokenEmbedding, d)
		behind := b.sub(b.ints(int64(v.Context)), length)
		b.gradient(positions, b.op("Pad", nil, b.sum(d, false, 1), b.concat(0, b.ints(0, 0), behind, b.ints(0))))
	}
}

// count is the numbers from 0 to n-1, where n is a list of one.
func (b *builder) count(n string) string {
	return b.op("Range", nil, b.integer(0), b.reshape(n), b.integer(1))
}

// ones is a row of n ones, where n is a list of one.
func (b *builder) ones(n string) string {
	one := onnx.Tensor{Dims: []int64{1}, Floats: []float32{1}}
	return b.op("ConstantOfShape", attrs{"value": one}, b.concat(0, b.ints(1), n))
}

// firstOf is a one and n-1 zeros, [n, 1, 1].
func (b *builder) firstOf(n int) string {
	v := make([]float32, n)
	v[0] = 1
	b.g.Initializers = append(b.g.Initializers, onnx.Tensor{Name: "first", Dims: []int64{int64(n), 1, 1}, Floats: v})
	return "first"
}

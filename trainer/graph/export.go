package graph

import (
	"fmt"
	"math"

	"recaption/internal/ort/onnx"
)

// Weights gives a parameter's values by its name; they are read, not kept.
type Weights func(name string) []float32

// VisionTower is the vision tower for use elsewhere, in the layout of public CLIP exports:
// pixel_values [batch, 3, size, size] to image_embeds [batch, projection] and
// last_hidden_state [batch, positions, width]. Operators are of ONNX's default set, weights
// are within. Unlike those of most public exports, embeddings have the norm 1; who
// norms them again gets the same.
func VisionTower(c Config, w Weights) []byte {
	v := c.Vision
	e := newExporter("vision_model", c, v.Tower, w)
	pixels := e.input(InPixels, onnx.Float, "batch_size", v.Channels, v.Image, v.Image)
	const p = "vision_model.embeddings."
	n, width := int64(v.Image/v.Patch), int64(v.Width)
	kernel := e.weight(p + "patch_embedding.weight")
	patch := []int64{int64(v.Patch), int64(v.Patch)}
	patches := e.op("Conv", attrs{"kernel_shape": patch, "strides": patch}, pixels, kernel) // [batch, width, n, n]
	patches = e.transpose(e.reshape(patches, 0, width, n*n), 0, 2, 1)
	class := e.op("Expand", nil, e.reshape(e.weight(p+"class_embedding"), 1, 1, width), e.concat(0, e.sizes(pixels, 0, 1), e.ints(1, width)))
	x := e.add(e.concat(1, class, patches), e.weight(p+"position_embedding.weight"))
	x = e.encoder("vision_model", e.layerNorm("vision_model.pre_layrnorm", x), "")
	pooled := e.layerNorm("vision_model.post_layernorm", e.reshape(e.slice(x, 1, 0, 1), -1, width))
	e.embedding(OutImages, "visual_projection.weight", pooled)
	e.output("last_hidden_state", x, "batch_size", v.tokens(), v.Width)
	return e.g.Marshal()
}

// TextTower is the text tower likewise: input_ids [batch, length] to text_embeds [batch,
// projection] and last_hidden_state [batch, length, width]. A text is read at its first
// end-of-text token; what is behind may be anything, so there is no mask.
func TextTower(c Config, w Weights) []byte {
	v := c.Text
	e := newExporter("text_model", c, v.Tower, w)
	ids := e.input(InTexts, onnx.Int64, "batch_size", "sequence_length")
	const p = "text_model.embeddings."
	length := e.sizes(ids, 1, 2)
	position := e.op("Slice", nil, e.weight(p+"position_embedding.weight"), e.ints(0), length, e.ints(0))
	x := e.add(e.op("Gather", attrs{"axis": int64(0)}, e.weight(p+"token_embedding.weight"), ids), position)
	places := e.count(length)
	ahead := e.op("Greater", nil, e.reshape(places, 1, -1), e.reshape(places, -1, 1))
	x = e.encoder("text_model", x, e.times(e.op("Cast", attrs{"to": int64(onnx.Float)}, ahead), masked))
	x = e.layerNorm("text_model.final_layer_norm", x)
	isEnd := e.op("Cast", attrs{"to": int64(onnx.Float)}, e.op("Equal", nil, ids, e.integer(int64(v.EOS))))
	at := e.op("ArgMax", attrs{"axis": int64(1), "keepdims": int64(1)}, isEnd)
	e.embedding(OutTexts, "text_projection.weight", e.op("GatherND", attrs{"batch_dims": int64(1)}, x, at))
	e.output("last_hidden_state", x, "batch_size", "sequence_length", v.Width)
	return e.g.Marshal()
}

// exporter writes a tower with its weights, samples first.
type exporter struct {
	*builder
	t       Tower
	weights Weights
}

func newExporter(name string, c Config, t Tower, w Weights) *exporter {
	return &exporter{newBuilder(name, c.Params(CLIP)), t, w}
}

// weight puts a parameter into the graph.
func (e *exporter) weight(name string) string {
	e.g.Initializers = append(e.g.Initializers, onnx.Tensor{Name: name, Dims: int64s(e.shapes[name]), Floats: e.weights(name)})
	return name
}

// matrix puts a linear layer's weight into the graph as [in, out], which is how MatMul
// takes it.
func (e *exporter) matrix(name string) string {
	out, in := e.shapes[name][0], e.shapes[name][1]
	w, turned := e.weights(name), make([]float32, out*in)
	for o := range out {
		for i, v := range w[o*in:][:in] {
			turned[i*out+o] = v
		}
	}
	name += ".transposed"
	e.g.Initializers = append(e.g.Initializers, onnx.Tensor{Name: name, Dims: []int64{int64(in), int64(out)}, Floats: turned})
	return name
}

func (e *exporter) linear(name, x string) string {
	return e.add(e.op("MatMul", nil, x, e.matrix(name+".weight")), e.weight(name+".bias"))
}

func (e *exporter) layerNorm(name, x string) string {
	return e.op("LayerNormalization", attrs{"axis": int64(-1), "epsilon": float32(e.t.Epsilon)}, x, e.weight(name+".weight"), e.weight(name+".bias"))
}

// encoder is all layers of x, [batch, positions, width].
func (e *exporter) encoder(prefix, x, mask string) string {
	for i := range e.t.Layers {
		p := fmt.Sprintf("%s.encoder.layers.%d.", prefix, i)
		x = e.add(x, e.attention(p+"self_attn.", e.layerNorm(p+"layer_norm1", x), mask))
		u := e.linear(p+"mlp.fc1", e.layerNorm(p+"layer_norm2", x))
		x = e.add(x, e.linear(p+"mlp.fc2", e.activate(u)))
	}
	return x
}

func (e *exporter) attention(p, x, mask string) string {
	heads, size := int64(e.t.Heads), int64(e.t.Width/e.t.Heads)
	split := func(name string, perm ...int64) string {
		return e.transpose(e.reshape(e.linear(p+name, x), 0, 0, heads, size), perm...)
	}
	q := e.times(split("q_proj", 0, 2, 1, 3), 1/math.Sqrt(float64(size)))
	logits := e.op("MatMul", nil, q, split("k_proj", 0, 2, 3, 1))
	if mask != "" {
		logits = e.add(logits, mask)
	}
	shares := e.op("Softmax", attrs{"axis": int64(-1)}, logits)
	o := e.transpose(e.op("MatMul", nil, shares, split("v_proj", 0, 2, 1, 3)), 0, 2, 1, 3)
	return e.linear(p+"out_proj", e.reshape(o, 0, 0, heads*size))
}

func (e *exporter) activate(u string) string {
	if e.t.Activation == QuickGELU {
		return e.mul(u, e.op("Sigmoid", nil, e.times(u, quick)))
	}
	erf := e.op("Erf", nil, e.times(u, math.Sqrt2/2))
	return e.times(e.mul(u, e.add(erf, e.number(1))), 0.5)
}

// embedding projects pooled rows and gives them the norm 1.
func (e *exporter) embedding(name, projection, pooled string) {
	x := e.op("MatMul", nil, pooled, e.matrix(projection))
	e.output(name, e.div(x, e.op("Sqrt", nil, e.squares(x, 1))), "batch_size", e.shapes[projection][0])
}

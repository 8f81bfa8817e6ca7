package graph

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"recaption/internal/ort"
	"recaption/internal/ort/onnx"
)

// trial is a graph of one block: the sum of its results, each times a random number, and
// the gradient of this sum by every input.
type trial struct {
	*builder
	inputs map[string][]int
	stream map[string]bool // inputs whose rows have mean 0
}

// given declares an input that is no parameter.
func (x *trial) given(name string, shape ...int) string {
	dims := make([]any, len(shape))
	for i, d := range shape {
		dims[i] = d
	}
	x.inputs[name] = shape
	return x.input(name, onnx.Float, dims...)
}

func (x *trial) givenStream(name string, shape ...int) string {
	x.stream[name] = true
	return x.given(name, shape...)
}

// result makes y a part of the sum, and gives the gradient of the sum by y.
func (x *trial) result(y string, shape ...int) (string, func()) {
	weight := x.given("weight of "+y, shape...)
	return weight, func() {
		x.output("sum", x.total(x.mul(y, weight)))
		x.outputGradients()
	}
}

// slope makes v the gradient of an input.
func (x *trial) slope(name, v string) {
	x.shapes[name] = x.inputs[name]
	x.gradient(name, v)
}

// TestBlocksNumerically holds the gradient of each block to differences of its results. The
// difference along a random direction of one input at a time is compared, as float32 has
// few digits to spare.
func TestBlocksNumerically(t *testing.T) {
	const rows, batch = 6, 2
	c := small(GELU)
	width, inner := c.Text.Width, c.Text.Inner
	layer := func(x *trial) *transformer {
		three := x.ints(3)
		return &transformer{
			builder: x.builder, prefix: "text_model", t: c.Text.Tower,
			all:  x.headsOf(c.Text.Tower, three, three, ""),
			one:  x.headsOf(c.Text.Tower, x.ints(1), three, ""),
			ones: x.ones(x.ints(rows)), onesPooled: x.ones(x.ints(batch)),
			pooled: x.ints(4, 1), spot: x.op("Constant", attrs{"value": onnx.Tensor{Dims: []int64{3, 2, 1}, Floats: []float32{0, 1, 0, 0, 1, 0}}}),
		}
	}
	const p = "text_model.encoder.layers.0."
	activation := func(kind string) func(x *trial) {
		return func(x *trial) {
			g, back := x.activation(kind, x.given("u", rows, inner))
			d, end := x.result(g, rows, inner)
			x.slope("u", back(d))
			end()
		}
	}
	contrast := func(l Loss, negatives int) func(x *trial) {
		return func(x *trial) {
			others := ""
			images, texts := x.given("images", rows, 8), x.given("texts", rows, 8)
			if negatives > 0 {
				others = x.given("others", negatives, 8)
			}
			loss, di, dt, dn := x.contrast(l, images, texts, others)
			x.slope("images", di)
			x.slope("texts", dt)
			if negatives > 0 {
				x.slope("others", dn)
			}
			x.output("sum", loss)
			x.outputGradients()
		}
	}
	blocks := map[string]func(x *trial){
		"quick gelu":            activation(QuickGELU),
		"gelu":                  activation(GELU),
		"clip":                  contrast(CLIP, 0),
		"clip with negatives":   contrast(CLIP, 4),
		"siglip":                contrast(SigLIP, 0),
		"siglip with negatives": contrast(SigLIP, 4),
		"linear to a stream": func(x *trial) {
			stream := x.givenStream("stream", rows, width)
			y, back := x.toStream(p+"mlp.fc2", stream, x.given("x", rows, inner), x.ones(x.ints(rows)), 0.7)
			// The gradient of a stream has any mean, so only its centred part is compared.
			d, end := x.result(x.centred(y, 1), rows, width)
			x.slope("x", back(d))
			x.slope("stream", x.op("Identity", nil, d))
			end()
		},
		"norm and linear": func(x *trial) {
			stream := x.givenStream("stream", rows, width)
			n := x.norm(stream, c.Text.Tower)
			in := &afterNorm{b: x.builder, norm: p + "layer_norm2", scale: 1.3}
			f := in.layer(p+"mlp.fc1", withBias)
			d, end := x.result(f.of(n.y), rows, inner)
			dx := x.normBack(n, f.back(n.y, d))
			in.finish()
			x.slope("stream", dx)
			end()
		},
		"norm with gain and offset": func(x *trial) {
			y, back := x.affine("text_model.final_layer_norm", x.givenStream("x", rows, width), c.Text.Tower)
			d, end := x.result(y, rows, width)
			x.slope("x", back(d))
			end()
		},
		"attention": func(x *trial) {
			h := layer(x).all
			h.mask = x.op("Constant", attrs{"value": onnx.Tensor{Dims: []int64{3, 3}, Floats: []float32{0, masked, masked, 0, 0, masked, 0, 0, 0}}})
			o, back := x.attend(h, x.given("q", rows, width), x.given("k", rows, width), x.given("v", rows, width))
			d, end := x.result(o, rows, width)
			dq, dk, dv := back(d)
			x.slope("q", dq)
			x.slope("k", dk)
			x.slope("v", dv)
			end()
		},
		"layer": func(x *trial) {
			y, back := layer(x).layer(p, x.givenStream("stream", rows, width))
			d, end := x.result(x.centred(y, 1), rows, width)
			x.slope("stream", back(x.centred(d, 1)))
			end()
		},
		"last layer": func(x *trial) {
			y, back := layer(x).last(p, x.givenStream("stream", rows, width))
			d, end := x.result(x.centred(y, 1), batch, width)
			x.slope("stream", back(x.centred(d, 1)))
			end()
		},
		"projection": func(x *trial) {
			f, back := x.project("text_model.final_layer_norm", "text_projection", x.givenStream("pooled", rows, width), c.Text.Tower)
			d, end := x.result(f, rows, c.Projection)
			x.slope("pooled", back(d))
			end()
		},
		"patches": func(x *trial) {
			v := c.Vision
			pixels := x.given("pixels", batch, 3, v.Image, v.Image)
			y, back := x.patches(v, pixels, x.sizes(pixels, 0, 1))
			d, end := x.result(y, batch*v.tokens(), v.Width)
			back(d)
			end()
		},
		"tokens": func(x *trial) {
			ids := x.op("Constant", attrs{"value": onnx.Tensor{Dims: []int64{2, 3}, Ints: []int64{5, 7, 39, 7, 39, 1}}})
			y, back := x.tokens(c.Text, ids, x.ints(3))
			d, end := x.result(y, rows, width)
			back(d)
			end()
		},
	}
	for name, build := range blocks {
		t.Run(name, func(t *testing.T) {
			x := &trial{builder: newBuilder(name, c.Params(SigLIP)), inputs: map[string][]int{}, stream: map[string]bool{}}
			build(x)
			x.check(t)
		})
	}
}

func (x *trial) check(t *testing.T) {
	s, err := ort.LoadBytes(x.g.Name, x.g.Marshal(), ort.Options{IntraThreads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	random := rand.New(rand.NewPCG(4, 5))
	data := map[string][]float32{}
	var feeds []ort.Feed
	for _, in := range s.Inputs() {
		shape := make([]int64, len(in.Dims))
		for i, d := range in.Dims {
			shape[i] = d.Size
		}
		v, err := ort.Make(ort.F32, shape)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		if data[in.Name], err = ort.Data[float32](v); err != nil {
			t.Fatal(err)
		}
		copy(data[in.Name], x.direction(random, in.Name, len(data[in.Name])))
		if strings.HasSuffix(in.Name, "norm.weight") || strings.HasSuffix(in.Name, "norm2.weight") || strings.HasSuffix(in.Name, "norm1.weight") {
			for i := range data[in.Name] {
				data[in.Name][i] += 1
			}
		}
		feeds = append(feeds, ort.Feed{Name: in.Name, Value: v})
	}
	run := func(name string) []float32 {
		out, err := r.Run(feeds, []ort.Fetch{{Name: name}})
		if err != nil {
			t.Fatal(err)
		}
		defer out[0].Close()
		got, err := out[0].Floats()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, name := range x.order {
		if name == tokenEmbedding {
			continue // given by row; the step's test adds them up
		}
		gradient := run(GradientPrefix + name)
		d := x.direction(random, name, len(data[name]))
		at := append([]float32{}, data[name]...)
		along := func(step float32) float64 {
			var sums [2]float64
			for k, sign := range []float32{1, -1} {
				for i := range at {
					data[name][i] = at[i] + sign*step*d[i]
				}
				sums[k] = float64(run("sum")[0])
			}
			copy(data[name], at)
			return (sums[0] - sums[1]) / float64(2*step)
		}
		var slope, squares float64
		for i, g := range gradient {
			slope += float64(g) * float64(d[i])
			squares += float64(g) * float64(g)
		}
		want := (4*along(1.0/64) - along(1.0/32)) / 3 // without the error of the second order
		if diff := math.Abs(slope - want); diff > 1e-3*math.Sqrt(squares)+1e-4 {
			t.Errorf("slope of %s is %g, by differences %g", name, slope, want)
		}
	}
}

// direction is random numbers, with rows of mean 0 for a stream.
func (x *trial) direction(r *rand.Rand, name string, n int) []float32 {
	d := make([]float32, n)
	for i := range d {
		d[i] = float32(r.NormFloat64()) * 0.5
	}
	if !x.stream[name] {
		return d
	}
	width := x.inputs[name][1]
	for from := 0; from < n; from += width {
		var sum float32
		for _, v := range d[from : from+width] {
			sum += v
		}
		for i := range width {
			d[from+i] -= sum / float32(width)
		}
	}
	return d
}

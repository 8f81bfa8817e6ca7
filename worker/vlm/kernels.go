package vlm

import (
	"math"

	"recaption/internal/ort"
	"recaption/internal/ort/onnx"
)

// kernels are small graphs that run beside the model on its device, so that
// caches, embeddings and logits never leave it.
type kernels struct {
	merge  *ort.Session // puts feature rows in the place of image tokens
	greedy *ort.Session // logits to the likeliest token and its log-probability
	hold   *ort.Session // the same, without stop tokens for some rows
	draw   *ort.Session // logits to the likeliest tokens, for a draw
	keep   *ort.Session // keeps some rows of a cache, from some position on
}

func loadKernels(g *graphs, stop []int32, cfg Config) (*kernels, error) {
	device := g.decoder.Device()
	k := &kernels{}
	for _, l := range []struct {
		name  string
		into  **ort.Session
		graph *onnx.Graph
	}{
		{"merge", &k.merge, mergeGraph(g)},
		{"greedy", &k.greedy, choiceGraph(g, nil, false)},
		{"hold", &k.hold, choiceGraph(g, stop, false)},
		{"draw", &k.draw, choiceGraph(g, stop, true)},
		{"keep", &k.keep, keepGraph(g)},
	} {
		var err error
		if *l.into, err = ort.LoadBytes("kernel "+l.name, l.graph.Marshal(), sessionOptions(cfg, device, l.name)); err != nil {
			k.close()
			return nil, err
		}
	}
	return k, nil
}

func (k *kernels) close() {
	for _, s := range []*ort.Session{k.merge, k.greedy, k.hold, k.draw, k.keep} {
		s.Close()
	}
}

func port(name string, t int, dims ...any) onnx.Port {
	return onnx.Port{Name: name, Type: t, Dims: dims}
}

// mergeGraph: embeds [rows, length, hidden] with features written at
// index [n, 2], pairs of row and position.
func mergeGraph(g *graphs) *onnx.Graph {
	p, _ := g.vision.Output(g.features)
	dims := []any{"pictures", "tokens", g.hidden}[3-len(p.Dims):]
	k := &onnx.Graph{Name: "merge",
		Inputs: []onnx.Port{
			port("embeds", int(g.embedType), "batch", "length", g.hidden),
			port("features", int(g.featureType), dims...),
			port("index", onnx.Int64, "n", 2),
		},
		Outputs: []onnx.Port{port("merged", int(g.embedType), "batch", "length", g.hidden)},
	}
	rows := k.Add("Reshape", "rows", nil, "features", k.Ints("flat", -1, g.hidden))
	if g.featureType != g.embedType {
		rows = k.Add("Cast", "cast", map[string]any{"to": int(g.embedType)}, rows)
	}
	k.Add("ScatterND", "merged", nil, "embeds", "index", rows)
	return k
}

// choiceGraph looks at the last position of logits [rows, length, vocabulary].
// With stop tokens it takes them away from the rows for which held [rows, 1] is
// true. It gives the token of each row, or with draw the maxTopK likeliest with
// their logits, and lets log-probabilities be made with lse, the logarithm of
// the sum over the vocabulary of the model's own logits.
func choiceGraph(g *graphs, stop []int32, draw bool) *onnx.Graph {
	k := &onnx.Graph{Name: "choice", Inputs: []onnx.Port{port("logits", int(g.logitType), "batch", "length", g.vocab)}}
	k.Initializers = append(k.Initializers, onnx.Tensor{Name: "last", Ints: []int64{-1}})
	raw := k.Add("Gather", "at", map[string]any{"axis": 1}, "logits", "last")
	if g.logitType != ort.F32 {
		raw = k.Add("Cast", "wide", map[string]any{"to": onnx.Float}, raw)
	}
	k.Add("ReduceLogSumExp", "lse", map[string]any{"axes": []int64{1}, "keepdims": 1}, raw)
	logits := raw
	if stop != nil {
		mask := make([]bool, g.vocab)
		for _, id := range stop {
			mask[id] = true
		}
		k.Inputs = append(k.Inputs, port("held", onnx.Boolean, "batch", 1))
		k.Initializers = append(k.Initializers,
			onnx.Tensor{Name: "stop", Dims: []int64{1, g.vocab}, Bools: mask},
			onnx.Tensor{Name: "never", Floats: []float32{float32(math.Inf(-1))}})
		k.Add("And", "taken", nil, "held", "stop")
		logits = k.Add("Where", "left", nil, "taken", "never", raw)
	}
	lse := port("lse", onnx.Float, "batch", 1)
	if draw {
		n := min(g.vocab, maxTopK)
		k.Nodes = append(k.Nodes, onnx.Node{Op: "TopK", Inputs: []string{logits, k.Ints("n", n)}, Outputs: []string{"scores", "tokens"}})
		k.Outputs = []onnx.Port{port("tokens", onnx.Int64, "batch", n), port("scores", onnx.Float, "batch", n), lse}
		return k
	}
	k.Add("ArgMax", "tokens", map[string]any{"axis": 1, "keepdims": 1}, logits)
	k.Add("GatherElements", "scores", map[string]any{"axis": 1}, logits, "tokens")
	k.Outputs = []onnx.Port{port("tokens", onnx.Int64, "batch", 1), port("scores", onnx.Float, "batch", 1), lse}
	return k
}

// keepGraph keeps the rows of index from the position start on, in every tensor
// of the cache.
func keepGraph(g *graphs) *onnx.Graph {
	k := &onnx.Graph{Name: "keep", Inputs: []onnx.Port{port("index", onnx.Int64, "kept"), port("start", onnx.Int64, 1)}}
	k.Ints("end", math.MaxInt64)
	k.Ints("axis", 2)
	for _, c := range g.cache {
		k.Inputs = append(k.Inputs, port(c.past, int(c.typ), "batch", c.heads, "length", c.size))
		rows := k.Add("Gather", c.past+".rows", map[string]any{"axis": 0}, c.past, "index")
		k.Add("Slice", c.present, nil, rows, "start", "end", "axis")
		k.Outputs = append(k.Outputs, port(c.present, int(c.typ), "kept", c.heads, "left", c.size))
	}
	return k
}

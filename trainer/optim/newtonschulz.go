package optim

import (
	"fmt"

	"recaption/internal/ort"
	"recaption/internal/ort/onnx"
)

// The quintic iteration x → a·x + b·x³ + c·x⁵ on singular values, as in Muon's
// reference: after five rounds they are all near 1.
const (
	nsRounds = 5
	nsA      = 3.4445
	nsB      = -4.7750
	nsC      = 2.0315
)

// newtonSchulz makes matrices of length 1 orthogonal, nearly. One graph is for
// matrices that are wide, one for those that are tall, so that the products are of
// the shorter side.
type newtonSchulz struct {
	wide, tall side
}

type side struct {
	session *ort.Session
	runner  *ort.Runner
}

func newNewtonSchulz(o Options) (n newtonSchulz, err error) {
	options := ort.Options{IntraThreads: o.Threads, Device: o.Device, Spin: true}
	if n.wide, err = loadSide("muon of wide matrices", orthogonal(false), options); err != nil {
		return n, err
	}
	n.tall, err = loadSide("muon of tall matrices", orthogonal(true), options)
	return n, err
}

func loadSide(name string, model []byte, o ort.Options) (s side, err error) {
	if s.session, err = ort.LoadBytes(name, model, o); err != nil {
		return s, err
	}
	s.runner, err = s.session.NewRunner()
	return s, err
}

func (n newtonSchulz) close() {
	for _, s := range []side{n.wide, n.tall} {
		if s.runner != nil {
			s.runner.Close()
		}
		if s.session != nil {
			s.session.Close()
		}
	}
}

func (n newtonSchulz) run(g muonGroup) error {
	s := n.wide
	if g.rows > g.columns {
		s = n.tall
	}
	_, err := s.runner.Run([]ort.Feed{{Name: "x", Value: g.in}}, []ort.Fetch{{Name: "y", Into: g.out}})
	return err
}

// orthogonal writes the iteration over a stack of matrices x, [n, rows, columns].
func orthogonal(tall bool) []byte {
	dims := []any{"n", "rows", "columns"}
	g := onnx.Graph{
		Name:    "orthogonal",
		Inputs:  []onnx.Port{{Name: "x", Type: onnx.Float, Dims: dims}},
		Outputs: []onnx.Port{{Name: "y", Type: onnx.Float, Dims: dims}},
		Initializers: []onnx.Tensor{
			{Name: "a", Floats: []float32{nsA}},
			{Name: "b", Floats: []float32{nsB}},
		},
	}
	fused := func(out string, at map[string]any, in ...string) {
		g.Add("FusedMatMul", out, at, in...)
		g.Nodes[len(g.Nodes)-1].Domain = "com.microsoft"
	}
	x := "x"
	for i := range nsRounds {
		name := func(s string) string { return fmt.Sprintf("%s%d", s, i) }
		square, shorter := name("square"), map[string]any{"transB": 1}
		if tall {
			shorter = map[string]any{"transA": 1}
		}
		fused(square, shorter, x, x)
		fused(name("fourth"), map[string]any{"alpha": float32(nsC)}, square, square)
		g.Add("Mul", name("scaled"), nil, square, "b")
		g.Add("Add", name("by"), nil, name("scaled"), name("fourth"))
		if tall {
			g.Add("MatMul", name("moved"), nil, x, name("by"))
		} else {
			g.Add("MatMul", name("moved"), nil, name("by"), x)
		}
		g.Add("Mul", name("kept"), nil, x, "a")
		next := name("x")
		if i == nsRounds-1 {
			next = "y"
		}
		x = g.Add("Add", next, nil, name("kept"), name("moved"))
	}
	return g.Marshal()
}

package graph

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"recaption/internal/ort"
	"recaption/internal/ort/onnx"
)

// TestExportAgainstReference runs exported towers beside Hugging Face's features in
// float64.
func TestExportAgainstReference(t *testing.T) {
	for _, activation := range []string{QuickGELU, GELU} {
		t.Run(activation, func(t *testing.T) {
			g := open(t, activation+"-clip")
			m := load(t, open(t, activation), small(activation), CLIP, Options{})
			vision, text, err := m.Export()
			if err != nil {
				t.Fatal(err)
			}
			b := g.batch()
			for _, x := range []struct {
				name, input, output string
				model               []byte
				value               func() (*ort.Value, error)
				hidden              []int64
			}{
				{"vision", InPixels, OutImages, vision, func() (*ort.Value, error) { return ort.New([]int64{5, 3, 12, 12}, b.Pixels) }, []int64{5, 10, 24}},
				{"text", InTexts, OutTexts, text, func() (*ort.Value, error) { return ort.New([]int64{5, 9}, b.Texts) }, []int64{5, 9, 16}},
			} {
				ops, err := onnx.ReadOps(bytes.NewReader(x.model))
				if err != nil {
					t.Fatal(err)
				}
				for op := range ops {
					if strings.Contains(op, ".") {
						t.Errorf("%s has %s, which is no standard operator", x.name, op)
					}
				}
				got, hidden := run(t, x.model, x.input, x.output, x.value)
				if d := distance(got, g.read(x.output)); d > 2e-6 {
					t.Errorf("%s: embeddings are off by %.2g", x.name, d)
				}
				if !slices.Equal(hidden, x.hidden) {
					t.Errorf("%s: last_hidden_state is %v, want %v", x.name, hidden, x.hidden)
				}
			}
		})
	}
}

// run gives a graph's output, and the shape of its last hidden state.
func run(t *testing.T, model []byte, input, output string, value func() (*ort.Value, error)) ([]float32, []int64) {
	t.Helper()
	s, err := ort.LoadBytes("export", model, ort.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	v, err := value()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	out, err := r.Run([]ort.Feed{{Name: input, Value: v}}, []ort.Fetch{{Name: output}, {Name: "last_hidden_state"}})
	if err != nil {
		t.Fatal(err)
	}
	defer out[0].Close()
	defer out[1].Close()
	got, err := out[0].Floats()
	if err != nil {
		t.Fatal(err)
	}
	return got, out[1].Shape()
}

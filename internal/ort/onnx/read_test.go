package onnx_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/internal/ort/onnx"
)

func sample() onnx.Graph {
	g := onnx.Graph{Name: "sample", Inputs: []onnx.Port{{Name: "x", Type: onnx.Float, Dims: []any{"n", 4}}}, Outputs: []onnx.Port{{Name: "y", Type: onnx.Float, Dims: []any{"n", 4}}}}
	g.Initializers = append(g.Initializers, onnx.Tensor{Name: "w", Dims: []int64{4}, Floats: make([]float32, 4)})
	g.Add("Add", "a", nil, "x", "w")
	g.Add("Add", "b", nil, "a", "w")
	g.Nodes = append(g.Nodes, onnx.Node{Op: "GroupQueryAttention", Domain: "com.microsoft", Inputs: []string{"b"}, Outputs: []string{"y"}, Attrs: map[string]any{"num_heads": 2}})
	return g
}

func TestOps(t *testing.T) {
	g := sample()
	got, err := onnx.ReadOps(bytes.NewReader(g.Marshal()))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]int{"Add": 2, "com.microsoft.GroupQueryAttention": 1}, got); d != "" {
		t.Error(d)
	}
}

func FuzzReadOps(f *testing.F) {
	g := sample()
	whole := g.Marshal()
	f.Add([]byte(whole))
	f.Add([]byte(whole[:len(whole)/2]))
	f.Add([]byte("\x3a\x04\x0a\x02\x22\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := onnx.ReadOps(bytes.NewReader(b)); err != nil && !errors.Is(err, onnx.ErrNoModel) {
			t.Fatal(err)
		}
	})
}

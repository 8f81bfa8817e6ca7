package probe

import (
	"os"
	"path/filepath"
	"testing"

	"recaption/internal/ort/onnx"
)

// fixedGraph is a graph of both towers whose dimensions are all fixed, or whose
// batches are tied by one symbol. Its rows are means and weighted sums of its inputs.
func fixedGraph(batch any, length int64) []byte {
	g := onnx.Graph{
		Name: "fixed",
		Inputs: []onnx.Port{
			{Name: pixelsInput, Type: onnx.Float, Dims: []any{batch, 3, 24, 24}},
			{Name: idsInput, Type: onnx.Int64, Dims: []any{batch, int(length)}},
			{Name: maskInput, Type: onnx.Int64, Dims: []any{batch, int(length)}},
		},
		Outputs: []onnx.Port{
			{Name: "image_embeds", Type: onnx.Float, Dims: []any{batch, 3}},
			{Name: "text_embeds", Type: onnx.Float, Dims: []any{batch, 3}},
		},
	}
	weights := make([]float32, 3*length)
	for i := range weights {
		weights[i] = float32(i*i%17) - 8
	}
	g.Initializers = append(g.Initializers, onnx.Tensor{Name: "w", Dims: []int64{length, 3}, Floats: weights})
	g.Add("ReduceMean", "image_only", map[string]any{"axes": []int64{2, 3}, "keepdims": int64(0)}, pixelsInput)
	g.Add("Mul", "shown", nil, idsInput, maskInput)
	g.Add("Cast", "real", map[string]any{"to": int64(onnx.Float)}, "shown")
	g.Add("MatMul", "text_only", nil, "real", "w")
	// Ties the two halves' batches, as the logits of public exports would.
	g.Initializers = append(g.Initializers, onnx.Tensor{Name: "zero", Floats: []float32{0}, Dims: []int64{1}})
	g.Add("Mul", "nothing of text", nil, "text_only", "zero")
	g.Add("Mul", "nothing of image", nil, "image_only", "zero")
	g.Add("Add", "image_embeds", nil, "image_only", "nothing of text")
	g.Add("Add", "text_embeds", nil, "text_only", "nothing of image")
	return g.Marshal()
}

// TestBatchesOfOneSize runs three pictures and texts through graphs that take
// batches of two, and ones that want as many of the other kind: the rows must be
// those of one at a time.
func TestBatchesOfOneSize(t *testing.T) {
	g := readExportGolden(t, "testdata/clip")
	texts := []string{"a red circle", "the star is above the moon", "star"}
	rows := map[string][][]float32{}
	for name, batch := range map[string]any{"fixed": 2, "tied": "batch"} {
		dir := copyModel(t, "testdata/clip")
		if err := os.RemoveAll(filepath.Join(dir, "onnx")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "model.onnx"), fixedGraph(batch, 16), 0o600); err != nil {
			t.Fatal(err)
		}
		e := open(t, dir, ExportConfig{})
		if e.Context() != 16 {
			t.Errorf("%s: a context of %d, want the graph's, 16", name, e.Context())
		}
		images, err := e.EmbedImages(t.Context(), g.pictures[:3])
		if err != nil {
			t.Fatal(err)
		}
		words, err := e.EmbedTexts(t.Context(), texts)
		if err != nil {
			t.Fatal(err)
		}
		rows[name] = append(images, words...)
		for i := range 3 {
			one, err := e.EmbedImages(t.Context(), g.pictures[i:i+1])
			if err != nil {
				t.Fatal(err)
			}
			sameRow(t, g.Images[i].File, images[i], one[0])
			if one, err = e.EmbedTexts(t.Context(), texts[i:i+1]); err != nil {
				t.Fatal(err)
			}
			sameRow(t, texts[i], words[i], one[0])
		}
	}
	for i, r := range rows["fixed"] {
		sameRow(t, "fixed and tied", r, rows["tied"][i])
	}
}

package train

import (
	"bytes"
	"image"
	"image/png"
	"math"
	"path/filepath"
	"testing"

	"recaption/shards/memstore"
	"recaption/trainer/feed"
	"recaption/trainer/probe"
)

// TestExportIsReadAsAnyModel trains a little, writes the folder, and opens it as
// a public export is opened: its features are those of the model in training.
func TestExportIsReadAsAnyModel(t *testing.T) {
	tokens, err := NewTokens(read(t, "../../models/bundled/tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	c := config()
	c.Model = c.Model.WithTokens(tokens.Size, tokens.BOS, tokens.EOS)
	c.Optimizer.Steps = 3
	r, err := run(t.Context(), t, memstore.New(), c, drawn{c: c.Model})
	if err != nil {
		t.Fatal(err)
	}
	files, err := Export(r.Model, tokens)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "model")
	for range 2 { // the second replaces the first
		if err := WriteFolder(dir, files); err != nil {
			t.Fatal(err)
		}
	}
	towers, err := probe.Open(dir, probe.ExportConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer towers.Close()
	got, err := towers.EmbedTexts(t.Context(), []string{"a red star", "the sea"})
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"a red star", "the sea"} {
		ids, err := tokens.EncodeSpecial(text)
		if err != nil {
			t.Fatal(err)
		}
		wide := make([]int64, len(ids))
		for j, id := range ids {
			wide[j] = int64(id)
		}
		want, err := r.Model.EmbedTexts(wide, len(wide), 1)
		if err != nil {
			t.Fatal(err)
		}
		near(t, text, got[i], want)
	}
	size := c.Model.Vision.Image
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	as := feed.CLIPPixels(size)
	var pixels []float32
	for ch := range 3 {
		for i := range size * size {
			v := byte(37*i + 91*ch)
			img.Pix[4*i+ch], img.Pix[4*i+3] = v, 255
			pixels = append(pixels, (float32(v)/255-as.Mean[ch])/as.Std[ch])
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	rows, err := towers.EmbedImages(t.Context(), [][]byte{b.Bytes()})
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.Model.EmbedImages(pixels, 1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "picture", rows[0], want)
}

func near(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d features, want %d", what, len(got), len(want))
	}
	for i := range got {
		if math.Abs(float64(got[i]-want[i])) > 1e-5 {
			t.Errorf("%s: feature %d is %g, want %g", what, i, got[i], want[i])
		}
	}
}

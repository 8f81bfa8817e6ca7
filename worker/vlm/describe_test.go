package vlm

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDescribe(t *testing.T) {
	d, err := Inspect(tiny, config())
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, f := range d.Files {
		files = append(files, f.Path)
		if f.Bytes == 0 || f.SHA256.IsZero() {
			t.Errorf("%s has no size or digest", f.Path)
		}
	}
	want := []string{"config.json", "generation_config.json", "onnx/decoder_model_merged.onnx", "onnx/embed_tokens.onnx", "onnx/vision_encoder.onnx", "preprocessor_config.json", "processor_config.json", "tokenizer.json"}
	if d := cmp.Diff(want, files); d != "" {
		t.Error(d)
	}
	if d.Family != "llava" || d.Problem != "" || d.Prompt.Template != "raw" || d.Prompt.ImageTokens != 16 || len(d.Graphs) != 3 {
		t.Errorf("%+v", d)
	}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []string{`"max_new_tokens":48`, `"eos_token_id":[1]`, `"resample":3`, `pixel_values float32[batch_size,3,32,32]`, `"version":"1.`} {
		if !strings.Contains(string(b), w) {
			t.Errorf("%s is not in %s", w, b)
		}
	}
}

// What the engine runs with must not show in what a recipe digests.
func TestRecipePartIgnoresTheMachine(t *testing.T) {
	part := func(c Config) string {
		d, err := Inspect(tiny, c)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal([]any{d.Family, d.Files, d.Preprocessing, d.Generation})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	a := part(config())
	if b := part(config(func(c *Config) { c.BatchSize, c.Lanes, c.Threads = 3, 1, 2 })); a != b {
		t.Errorf("%s\n%s", a, b)
	}
	if b := part(config(precision(decoderGraph, "keep"))); a == b {
		t.Error("another file gives the same recipe")
	}
}

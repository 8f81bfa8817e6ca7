package vlm

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recaption/internal/ort/onnx"
)

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// copyModel copies testdata/tiny, to be changed.
func copyModel(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(tiny)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// edit changes fields of a JSON file; nil takes one away.
func edit(t *testing.T, dir, name string, fields map[string]any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	m := map[string]any{}
	if err == nil {
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
	}
	for k, v := range fields {
		if v == nil {
			delete(m, k)
		} else {
			m[k] = v
		}
	}
	b, err = json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, name, string(b))
}

func ports(list ...onnx.Port) []onnx.Port { return list }

// fake writes a graph with these ports in the place of the model's: each output
// is zeros of its declared size, symbols taken as 1.
func fake(t *testing.T, dir, stem string, in, out []onnx.Port, extra ...onnx.Node) {
	t.Helper()
	g := onnx.Graph{Name: stem, Inputs: in, Outputs: out, Nodes: extra}
	for _, o := range out {
		shape := make([]int64, len(o.Dims))
		for i, d := range o.Dims {
			shape[i] = 1
			if n, ok := d.(int); ok {
				shape[i] = int64(n)
			}
		}
		g.Add("ConstantOfShape", o.Name+".f", nil, g.Ints(o.Name+".shape", shape...))
		g.Add("Cast", o.Name, map[string]any{"to": o.Type}, o.Name+".f")
	}
	write(t, dir, "onnx/"+stem+".onnx", string(g.Marshal()))
}

func p(name string, typ int, dims ...any) onnx.Port { return port(name, typ, dims...) }

func TestRefusedByName(t *testing.T) {
	pixels := p("pixel_values", onnx.Float, "batch", 3, 32, 32)
	features := p("image_features", onnx.Float, "batch", 16, 32)
	decoderIn := ports(p("inputs_embeds", onnx.Float, "b", "s", 32), p("attention_mask", onnx.Int64, "b", "t"), p("past_key_values.0.key", onnx.Float, "b", 2, "p", 8))
	decoderOut := ports(p("logits", onnx.Float, "b", "s", 320), p("present.0.key", onnx.Float, "b", 2, "t", 8))
	swap := func(list []onnx.Port, i int, q onnx.Port) []onnx.Port {
		out := append([]onnx.Port{}, list...)
		out[i] = q
		return out
	}
	for _, c := range []struct {
		name   string
		change func(dir string)
		want   []string
	}{
		{"no config", func(d string) { os.Remove(filepath.Join(d, "config.json")) }, []string{"config.json", "no such file"}},
		{"broken config", func(d string) { write(t, d, "config.json", "{") }, []string{"config.json"}},
		{"no tokenizer", func(d string) { os.Remove(filepath.Join(d, "tokenizer.json")) }, []string{"tokenizer.json", "no such file"}},
		{"broken tokenizer", func(d string) { write(t, d, "tokenizer.json", `{"model":{"type":"Unigram"}}`) }, []string{"tokenizer.json"}},
		{"unknown family", func(d string) { edit(t, d, "config.json", map[string]any{"model_type": "blip"}) }, []string{"model_type", `"blip"`, `"llava"`}},
		{"other image token", func(d string) { edit(t, d, "config.json", map[string]any{"image_token_index": 3}) }, []string{"image_token_index", "found 3", "expected 2"}},
		{"no processor", func(d string) { os.Remove(filepath.Join(d, "preprocessor_config.json")) }, []string{"preprocessor_config.json", "no such file"}},
		{"padding to a square", func(d string) { edit(t, d, "preprocessor_config.json", map[string]any{"do_pad": true}) }, []string{"do_pad", "found true"}},
		{"unknown step", func(d string) { edit(t, d, "preprocessor_config.json", map[string]any{"do_sharpen": true}) }, []string{"do_sharpen"}},
		{"unknown processor", func(d string) {
			edit(t, d, "preprocessor_config.json", map[string]any{"image_processor_type": "FooProcessor"})
		}, []string{"FooProcessor"}},
		{"unknown filter", func(d string) { edit(t, d, "preprocessor_config.json", map[string]any{"resample": 9}) }, []string{"resample", "found 9"}},
		{"no mean", func(d string) { edit(t, d, "preprocessor_config.json", map[string]any{"image_mean": []int{1}}) }, []string{"image_mean"}},
		{"odd size", func(d string) {
			edit(t, d, "preprocessor_config.json", map[string]any{"size": map[string]int{"longest_edge": 32}})
		}, []string{"size", "longest_edge"}},
		{"another size", func(d string) {
			edit(t, d, "preprocessor_config.json", map[string]any{"size": map[string]int{"height": 64, "width": 64}})
		},
			[]string{"float32[batch_size,3,32,32]", "float32[batch,3,64,64]"}},
		{"unsupported generation", func(d string) { edit(t, d, "generation_config.json", map[string]any{"num_beams": 4}) }, []string{"num_beams", "found 4"}},
		{"stop token outside", func(d string) { edit(t, d, "generation_config.json", map[string]any{"eos_token_id": 4000}) }, []string{"eos_token_id", "found 4000", "below 320"}},
		{"no graph", func(d string) { os.Remove(filepath.Join(d, "onnx", "embed_tokens.onnx")) }, []string{"embed_tokens.onnx", "no such file"}},
		{"broken graph", func(d string) { write(t, d, "onnx/embed_tokens.onnx", "no model") }, []string{"embed_tokens.onnx"}},
		{"vision type", func(d string) {
			fake(t, d, visionGraph, ports(p("pixel_values", onnx.Float16, "batch", 3, 32, 32)), ports(features))
		},
			[]string{"vision_encoder.onnx: input pixel_values", "found pixel_values float16[batch,3,32,32]", "expected pixel_values float32[batch,3,32,32]"}},
		{"vision size", func(d string) {
			fake(t, d, visionGraph, ports(p("pixel_values", onnx.Float, "batch", 3, 48, 48)), ports(features))
		}, []string{"float32[batch,3,48,48]"}},
		{"vision batch", func(d string) {
			fake(t, d, visionGraph, ports(p("pixel_values", onnx.Float, 4, 3, 32, 32)), ports(features))
		}, []string{"a batch of any size, or of 1"}},
		{"vision input too many", func(d string) { fake(t, d, visionGraph, ports(pixels, p("grid", onnx.Int64, "n", 3)), ports(features)) }, []string{"input grid", "no such input"}},
		{"vision width", func(d string) {
			fake(t, d, visionGraph, ports(pixels), ports(p("image_features", onnx.Float, "batch", 16, 48)))
		}, []string{"16,48]", "last dimension of 32"}},
		{"embedding with two outputs", func(d string) {
			fake(t, d, embedGraph, ports(p("input_ids", onnx.Int64, "b", "s")), ports(p("inputs_embeds", onnx.Float, "b", "s", 32), p("per_layer_inputs", onnx.Float, "b", "s", 8)))
		}, []string{"per_layer_inputs", "inputs_embeds alone"}},
		{"decoder input", func(d string) {
			fake(t, d, decoderGraph, append(decoderIn, p("use_cache_branch", onnx.Boolean, 1)), decoderOut)
		}, []string{"use_cache_branch", "does not know it"}},
		{"decoder width", func(d string) {
			fake(t, d, decoderGraph, swap(decoderIn, 0, p("inputs_embeds", onnx.Float, "b", "s", 48)), decoderOut)
		}, []string{"inputs_embeds float32[b,s,48]", "float32[batch,length,32]"}},
		{"decoder mask", func(d string) {
			fake(t, d, decoderGraph, swap(decoderIn, 1, p("attention_mask", onnx.Float, "b", "t")), decoderOut)
		}, []string{"attention_mask float32[b,t]"}},
		{"no cache", func(d string) { fake(t, d, decoderGraph, decoderIn[:2], decoderOut[:1]) }, []string{"past_key_values", "a cache"}},
		{"cache without its next", func(d string) {
			fake(t, d, decoderGraph, decoderIn, swap(decoderOut, 1, p("present.9.key", onnx.Float, "b", 2, "t", 8)))
		}, []string{"present.0.key", "found none"}},
		{"cache of unknown heads", func(d string) {
			fake(t, d, decoderGraph, swap(decoderIn, 2, p("past_key_values.0.key", onnx.Float, "b", "h", "p", 8)), decoderOut)
		}, []string{"past_key_values.0.key float32[b,h,p,8]"}},
		{"vocabulary", func(d string) {
			fake(t, d, decoderGraph, decoderIn, swap(decoderOut, 0, p("logits", onnx.Float, "b", "s", 100)))
		}, []string{"vocabulary of 320"}},
		{"slots", func(d string) {
			fake(t, d, decoderGraph, decoderIn, decoderOut, onnx.Node{Op: "GroupQueryAttention", Domain: "com.microsoft", Inputs: []string{"inputs_embeds"}, Outputs: []string{"x"}})
		}, []string{"1 nodes of com.microsoft.GroupQueryAttention", "right-padded"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := copyModel(t)
			c.change(dir)
			e, err := Open(dir, config())
			if err == nil {
				e.Close()
			}
			if err == nil || !strings.Contains(err.Error(), dir) {
				t.Fatalf("error %v does not name the folder", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q lacks %q", err, w)
				}
			}
			d, err := Inspect(dir, config())
			if c.name == "no config" || c.name == "broken config" {
				if err == nil {
					t.Error("inspected a folder without a model")
				}
			} else if err != nil || d.Problem == "" || len(d.Files) == 0 {
				t.Errorf("inspect: %v, problem %q, %d files", err, d.Problem, len(d.Files))
			}
		})
	}
}

func TestUnknownPrecisionNamesWhatThereIs(t *testing.T) {
	_, err := Open(tiny, config(precision(decoderGraph, "q4")))
	if err == nil || !strings.Contains(err.Error(), "decoder_model_merged_fp16.onnx") {
		t.Error(err)
	}
}

func TestConfigFaultsAllAtOnce(t *testing.T) {
	_, err := Open(tiny, Config{Device: "tpu", BatchSize: 0, Threads: -1, Precision: map[string]string{"x": "../y"}})
	for _, w := range []string{"tpu", "batch size", "cache bytes", "threads", "precision of x", "../y"} {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%v lacks %q", err, w)
		}
	}
}

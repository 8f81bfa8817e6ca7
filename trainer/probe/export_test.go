package probe

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// exportGolden is what the reference makes of pictures and texts (testdata/gen.py).
type exportGolden struct {
	Images []struct {
		File string
		Row  []float32
	}
	Texts []struct {
		Text string
		IDs  []int32
		Row  []float32
	}
	pictures [][]byte
	pixels   []float32
}

func readExportGolden(t *testing.T, dir string) (g exportGolden) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	for _, i := range g.Images {
		b, err := os.ReadFile(filepath.Join("testdata", "pictures", i.File))
		if err != nil {
			t.Fatal(err)
		}
		g.pictures = append(g.pictures, b)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "pixels.bin"))
	if err != nil {
		t.Fatal(err)
	}
	g.pixels = make([]float32, len(raw)/4)
	for i := range g.pixels {
		g.pixels[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return g
}

// open opens a model of testdata, or another folder, until the test ends.
func open(t *testing.T, dir string, c ExportConfig) *Export {
	t.Helper()
	e, err := Open(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// copyModel copies a model so that a test may change it.
func copyModel(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// oneGraph is the tiny CLIP as one graph.
func oneGraph(t *testing.T) string {
	dir := copyModel(t, "testdata/clip")
	if err := os.RemoveAll(filepath.Join(dir, "onnx")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS("testdata/clip-one")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRowsAsReference(t *testing.T) {
	models := map[string]func(t *testing.T) string{
		"two graphs": func(*testing.T) string { return "testdata/clip" },
		"one graph":  oneGraph,
		"siglip":     func(*testing.T) string { return "testdata/siglip" },
	}
	for name, dir := range models {
		for _, batch := range []int{1, 4, 0} {
			t.Run(name, func(t *testing.T) {
				e := open(t, dir(t), ExportConfig{BatchSize: batch})
				golden := "testdata/clip"
				if name == "siglip" {
					golden = "testdata/siglip"
				}
				g := readExportGolden(t, golden)
				rows, err := e.EmbedImages(t.Context(), g.pictures)
				if err != nil {
					t.Fatal(err)
				}
				for i, want := range g.Images {
					sameRow(t, want.File, rows[i], want.Row)
				}
				texts := make([]string, len(g.Texts))
				for i, c := range g.Texts {
					texts[i] = c.Text
				}
				if rows, err = e.EmbedTexts(t.Context(), texts); err != nil {
					t.Fatal(err)
				}
				for i, want := range g.Texts {
					sameRow(t, want.Text, rows[i], want.Row)
				}
			})
		}
	}
}

func sameRow(t *testing.T, name string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%q: a row of %d numbers, want %d", name, len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(float64(got[i] - want[i])); !(d < 2e-6) {
			t.Errorf("%q: number %d of the row is %v, want %v", name, i, got[i], want[i])
			return
		}
	}
}

// TestInputsAsReference holds what goes into the graphs against the reference,
// bit for bit.
func TestInputsAsReference(t *testing.T) {
	for _, dir := range []string{"testdata/clip", "testdata/siglip"} {
		t.Run(filepath.Base(dir), func(t *testing.T) { inputsAsReference(t, dir) })
	}
}

func inputsAsReference(t *testing.T, dir string) {
	e := open(t, dir, ExportConfig{})
	g := readExportGolden(t, dir)
	h, w := e.pixels.Size()
	size := 3 * h * w
	if len(g.pixels) != size*len(g.pictures) {
		t.Fatalf("%d numbers for %d pictures of %d", len(g.pixels), len(g.pictures), size)
	}
	got := make([]float32, size)
	for i, p := range g.pictures {
		if err := e.apply(got, p); err != nil {
			t.Fatal(err)
		}
		if want := g.pixels[i*size : (i+1)*size]; !slices.Equal(got, want) {
			t.Errorf("%s: the pixels differ", g.Images[i].File)
		}
	}
	for _, c := range g.Texts {
		got, cut, err := e.text.ids(c.Text)
		if err != nil {
			t.Fatal(err)
		}
		for e.fam.padAll && len(got) < e.Context() {
			got = append(got, e.text.pad)
		}
		if !slices.Equal(got, c.IDs) {
			t.Errorf("ids of %q are %v, want %v", c.Text, got, c.IDs)
		}
		_, whole, err := e.Read(c.Text)
		if long := strings.Contains(c.Text, "far longer"); err != nil || cut == whole || long && whole {
			t.Errorf("%q: cut %v, whole %v, %v", c.Text, cut, whole, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	edit := func(file, old, by string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, file)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s := strings.ReplaceAll(string(b), old, by)
			if s == string(b) {
				t.Fatalf("%s has no %q", file, old)
			}
			if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(file string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, file)); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		change func(t *testing.T, dir string)
		want   string
	}{
		{"no config", remove("config.json"), "config.json: found no such file"},
		{"no processor", remove("preprocessor_config.json"), "preprocessor_config.json: found no such file"},
		{"no tokenizer", remove("tokenizer.json"), "tokenizer.json"},
		{"no pad token", remove("tokenizer_config.json"), "pad_token of tokenizer_config.json or special_tokens_map.json: found nothing"},
		{"one tower", remove("onnx/text_model.onnx"), "found onnx/vision_model.onnx, want vision_model.onnx and text_model.onnx, or model.onnx"},
		{"half a config", edit("config.json", "{", ""), "config.json: invalid character"},
		{"family", edit("config.json", `"model_type": "clip",`, `"model_type": "align",`), `found "align", want one of ["clip" "siglip"]`},
		{"pad token", edit("tokenizer_config.json", "<|endoftext|>", "<pad>"), `pad_token: found "<pad>"`},
		{"context", edit("tokenizer_config.json", "20", "2"), "context length: found 2"},
		{"vocabulary", edit("config.json", `"vocab_size": 1031`, `"vocab_size": 900`), "at most vocab_size of config.json, 900"},
		{"processor", edit("preprocessor_config.json", "CLIPImageProcessor", "BitImageProcessor"), `found "BitImageProcessor"`},
		{"processor field", edit("preprocessor_config.json", `"resample"`, `"gamma": 2, "resample"`), "gamma of preprocessor_config.json: found 2"},
		{"filter", edit("preprocessor_config.json", `"resample": 3`, `"resample": 9`), "resample of preprocessor_config.json: found 9"},
		{"graph", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "onnx/text_model.onnx"), []byte("none"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "load graph"},
		{"graphs exchanged", func(t *testing.T, dir string) {
			if err := os.Rename(filepath.Join(dir, "onnx/text_model.onnx"), filepath.Join(dir, "onnx/vision_model.onnx")); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(filepath.Join(dir, "onnx2"), os.DirFS("testdata/clip/onnx")); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(dir, "onnx2/vision_model.onnx"), filepath.Join(dir, "onnx/text_model.onnx")); err != nil {
				t.Fatal(err)
			}
		}, "inputs of vision_model.onnx"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			dir := copyModel(t, "testdata/clip")
			c.change(t, dir)
			e, err := Open(dir, ExportConfig{})
			if err == nil {
				e.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) || !errors.Is(err, ErrModel) {
				t.Errorf("error %q, want %q in it, and ErrModel", err, c.want)
			}
		})
	}
}

func TestExportNamesThePicture(t *testing.T) {
	e := open(t, "testdata/clip", ExportConfig{BatchSize: 2})
	g := readExportGolden(t, "testdata/clip")
	g.pictures[4] = g.pictures[4][:60]
	_, err := e.EmbedImages(t.Context(), g.pictures)
	var at *ImageError
	if !errors.As(err, &at) || at.Index != 4 {
		t.Errorf("error %v, want picture 4's", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.EmbedImages(ctx, g.pictures[:4]); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := e.EmbedTexts(ctx, []string{"a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"recaption/internal/imaging/processor"
	"recaption/internal/safetensors"
	"recaption/trainer/feed"
	"recaption/trainer/graph"
)

// A File is one file of an exported model; its name has slashes.
type File struct {
	Name  string
	Bytes []byte
}

// Export gives a trained model as the files of a public CLIP export: the two
// towers as ONNX graphs, the same weights as safetensors under the names of Hugging
// Face's CLIPModel, configuration, tokenizer and preprocessor. The graphs were
// checked against those that trained the model.
func Export(m *graph.Model, t Tokens) ([]File, error) {
	vision, text, err := m.Export()
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	var tensors []safetensors.Tensor
	for _, p := range m.Tensors {
		tensors = append(tensors, safetensors.Tensor{Name: p.Name, Shape: p.Shape, Data: p.Data})
	}
	r, _, err := safetensors.Encode(tensors, map[string]string{"format": "pt"})
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	weights, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	pixels, err := feed.CLIPPixels(m.Config().Vision.Image).ProcessorConfig()
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	files := []File{
		{"onnx/vision_model.onnx", vision}, {"onnx/text_model.onnx", text},
		{"model.safetensors", weights}, {"tokenizer.json", t.JSON}, {processor.File, pixels},
	}
	c := m.Config()
	end, _ := t.Token(int32(c.Text.EOS))
	start, _ := t.Token(int32(c.Text.BOS))
	for name, v := range map[string]any{
		"config.json": c,
		"tokenizer_config.json": map[string]any{
			"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": c.Text.Context, "bos_token": start, "eos_token": end, "pad_token": end,
			"clean_up_tokenization_spaces": false,
		},
	} {
		b, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("export %s: %w", name, err)
		}
		files = append(files, File{name, append(b, '\n')})
	}
	return files, nil
}

// WriteFolder writes the files of a model into a folder, which appears whole or
// not at all; one that is there is replaced.
func WriteFolder(dir string, files []File) (err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("export to %s: %w", dir, err)
	}
	next, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-")
	if err != nil {
		return fmt.Errorf("export to %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(next)) }()
	if err := os.Chmod(next, 0o755); err != nil {
		return fmt.Errorf("export to %s: %w", dir, err)
	}
	for _, f := range files {
		path := filepath.Join(next, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("export to %s: %w", dir, err)
		}
		if err := os.WriteFile(path, f.Bytes, 0o644); err != nil {
			return fmt.Errorf("export to %s: %w", dir, err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("export to %s: %w", dir, err)
	}
	if err := os.Rename(next, dir); err != nil {
		return fmt.Errorf("export to %s: %w", dir, err)
	}
	return nil
}

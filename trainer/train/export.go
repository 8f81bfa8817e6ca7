package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"recaption/internal/safetensors"
	"recaption/trainer/graph"
)

// ImageMean and ImageStd are CLIP's, of channels between 0 and 1.
var (
	ImageMean = [3]float32{0.48145466, 0.4578275, 0.40821073}
	ImageStd  = [3]float32{0.26862954, 0.26130258, 0.27577711}
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
	files := []File{
		{"onnx/vision_model.onnx", vision}, {"onnx/text_model.onnx", text},
		{"model.safetensors", weights}, {"tokenizer.json", t.JSON},
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
		"preprocessor_config.json": map[string]any{
			"image_processor_type": "CLIPImageProcessor", "do_convert_rgb": true,
			"do_resize": true, "size": map[string]int{"shortest_edge": c.Vision.Image}, "resample": 3,
			"do_center_crop": true, "crop_size": map[string]int{"height": c.Vision.Image, "width": c.Vision.Image},
			"do_rescale": true, "rescale_factor": 1.0 / 255, "do_normalize": true, "image_mean": ImageMean, "image_std": ImageStd,
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

package probe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recaption/internal/imaging"
)

// TestProcessorFiles reads files as public exports have them.
func TestProcessorFiles(t *testing.T) {
	const norm = `"do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]`
	tests := []struct {
		name, file, bad string
		h, w, shortest  int
	}{
		{"clip", `{"crop_size": {"height": 224, "width": 224}, "do_center_crop": true, "image_processor_type": "CLIPImageProcessor", "resample": 3, "size": {"shortest_edge": 224}, ` + norm + `}`, "", 224, 224, 224},
		{"old clip", `{"crop_size": 224, "do_center_crop": true, "feature_extractor_type": "CLIPFeatureExtractor", "resample": 3, "size": 224, ` + norm + `}`, "", 224, 224, 224},
		{"old name in the new field", `{"crop_size": 224, "image_processor_type": "CLIPFeatureExtractor", "size": 256, "use_square_size": false, ` + norm + `}`, "", 224, 224, 256},
		{"fast", `{"crop_size": 224, "image_processor_type": "CLIPImageProcessorFast", "size": 224, "device": null, ` + norm + `}`, "", 224, 224, 224},
		{"siglip", `{"image_processor_type": "SiglipImageProcessor", "do_convert_rgb": null, "size": {"height": 384, "width": 256}, ` + norm + `}`, "", 384, 256, 0},
		{"siglip by its shorter side", `{"image_processor_type": "SiglipImageProcessor", "size": 384, ` + norm + `}`, "do_center_crop of preprocessor_config.json", 0, 0, 0},
		{"square", `{"crop_size": 224, "image_processor_type": "CLIPImageProcessor", "size": 224, "use_square_size": true, ` + norm + `}`, "use_square_size of preprocessor_config.json: found true", 0, 0, 0},
		{"no kind", `{"size": 224, "crop_size": 224, ` + norm + `}`, "image_processor_type", 0, 0, 0},
		{"no mean", `{"crop_size": 224, "image_processor_type": "CLIPImageProcessor", "size": 224}`, "image_mean and image_std", 0, 0, 0},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "preprocessor_config.json"), []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			p, err := readProcessor(folder(dir))
			if err != nil {
				t.Fatal(err)
			}
			tr, err := p.transform()
			if c.bad != "" {
				if err == nil || !strings.Contains(err.Error(), c.bad) {
					t.Errorf("error %v, want %q in it", err, c.bad)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if h, w := tr.size(); h != c.h || w != c.w || tr.shortest != c.shortest || tr.filter != imaging.Bicubic {
				t.Errorf("%d x %d, shorter side %d, %v", h, w, tr.shortest, tr.filter)
			}
		})
	}
}

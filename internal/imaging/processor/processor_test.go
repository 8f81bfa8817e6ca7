package processor

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"recaption/internal/imaging"
)

func refuse(what string, found, expected any) error {
	return fmt.Errorf("%s: found %v, want %v", what, found, expected)
}

// parse reads the text of a file.
func parse(text string) (Config, error) {
	return Read(func(_ string, v any) (bool, error) { return true, json.Unmarshal([]byte(text), v) }, refuse)
}

func TestShortestEdge(t *testing.T) {
	for _, c := range []struct{ h, w, n, wantH, wantW int }{
		{480, 640, 224, 224, 298}, {640, 480, 224, 298, 224}, {10, 10, 336, 336, 336}, {1, 100, 224, 224, 22400},
	} {
		if h, w, err := ShortestEdge(c.h, c.w, c.n); err != nil || h != c.wantH || w != c.wantW {
			t.Errorf("%d x %d to %d: %d x %d, %v", c.h, c.w, c.n, h, w, err)
		}
	}
}

func TestUnknownFields(t *testing.T) {
	if _, err := parse(`{"image_processor_type":"CLIPImageProcessor","do_shear":true}`); err == nil || !strings.Contains(err.Error(), "do_shear") {
		t.Errorf("error %v", err)
	}
}

func TestTransform(t *testing.T) {
	for _, c := range []struct {
		text string
		h, w int
	}{
		{`{"image_processor_type":"CLIPImageProcessor","size":{"shortest_edge":24},"crop_size":{"height":16,"width":20},"image_mean":[0,0,0],"image_std":[1,1,1]}`, 16, 20},
		{`{"image_processor_type":"CLIPImageProcessorFast","size":24,"crop_size":16,"image_mean":[0,0,0],"image_std":[1,1,1]}`, 16, 16},
		{`{"image_processor_type":"SiglipImageProcessor","size":{"height":8,"width":12},"do_normalize":false}`, 8, 12},
	} {
		pc, err := parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		tr, err := pc.Transform(refuse)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if h, w := tr.Size(); h != c.h || w != c.w {
			t.Errorf("%s: %d x %d", c.text, h, w)
		}
		for _, img := range []*imaging.Image{imaging.NewImage(30, 50), imaging.NewImage(1, 1), imaging.NewImage(200, 3)} {
			out, err := tr.Apply(nil, img)
			if err != nil || len(out) != 3*c.h*c.w {
				t.Errorf("%s: %d numbers, %v", c.text, len(out), err)
			}
		}
	}
}

func TestStripsAreRefused(t *testing.T) {
	tr := Transform{resize: true, shortest: 224, filter: imaging.Bicubic, crop: true, cropH: 224, cropW: 224}
	if _, err := tr.Apply(nil, imaging.NewImage(20000, 1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

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
			p, err := parse(c.file)
			if err != nil {
				t.Fatal(err)
			}
			tr, err := p.Transform(refuse)
			if c.bad != "" {
				if err == nil || !strings.Contains(err.Error(), c.bad) {
					t.Errorf("error %v, want %q in it", err, c.bad)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if h, w := tr.Size(); h != c.h || w != c.w || tr.shortest != c.shortest || tr.filter != imaging.Bicubic {
				t.Errorf("%d x %d, shorter side %d, %v", h, w, tr.shortest, tr.filter)
			}
		})
	}
}

// Whatever the file says, the transform is refused or gives its size.
func FuzzProcessor(f *testing.F) {
	f.Add(`{"image_processor_type":"CLIPImageProcessor","size":{"shortest_edge":24},"crop_size":{"height":16,"width":20},"image_mean":[0,0,0],"image_std":[1,1,1]}`)
	f.Add(`{"image_processor_type":"ViTImageProcessor","size":7,"do_center_crop":true,"crop_size":9,"resample":5,"do_normalize":false}`)
	f.Fuzz(func(t *testing.T, text string) {
		pc, err := parse(text)
		if err != nil {
			return
		}
		tr, err := pc.Transform(refuse)
		if err != nil {
			return
		}
		h, w := tr.Size()
		if h < 1 || w < 1 || h*w > 1<<24 {
			t.Fatalf("%d x %d", h, w)
		}
		if h*w > 1<<14 || tr.shortest > 1<<8 {
			return
		}
		out, err := tr.Apply(nil, imaging.NewImage(3, 5))
		if err != nil || len(out) != 3*h*w {
			t.Fatalf("%d numbers for %d x %d: %v", len(out), h, w, err)
		}
	})
}

package vlm

import (
	"encoding/json"
	"errors"
	"testing"

	"recaption/internal/imaging"
)

func TestShortestEdge(t *testing.T) {
	for _, c := range []struct{ h, w, n, wantH, wantW int }{
		{480, 640, 224, 224, 298}, {640, 480, 224, 298, 224}, {10, 10, 336, 336, 336}, {1, 100, 224, 224, 22400},
	} {
		if h, w := shortestEdge(c.h, c.w, c.n); h != c.wantH || w != c.wantW {
			t.Errorf("%d x %d to %d: %d x %d", c.h, c.w, c.n, h, w)
		}
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
		var pc processorConfig
		if err := json.Unmarshal([]byte(c.text), &pc); err != nil {
			t.Fatal(err)
		}
		tr, err := pc.transform()
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if h, w := tr.size(); h != c.h || w != c.w {
			t.Errorf("%s: %d x %d", c.text, h, w)
		}
		for _, img := range []*imaging.Image{imaging.NewImage(30, 50), imaging.NewImage(1, 1), imaging.NewImage(200, 3)} {
			out, err := tr.apply(img)
			if err != nil || len(out) != 3*c.h*c.w {
				t.Errorf("%s: %d numbers, %v", c.text, len(out), err)
			}
		}
	}
}

func TestStripsAreRefused(t *testing.T) {
	tr := transform{resize: true, shortest: 224, filter: imaging.Bicubic, crop: true, cropH: 224, cropW: 224}
	var s *SampleError
	if _, err := tr.apply(imaging.NewImage(20000, 1)); !errors.As(err, &s) {
		t.Errorf("got %v", err)
	}
}

// Whatever the file says, the transform is refused or gives its size.
func FuzzProcessor(f *testing.F) {
	f.Add(`{"image_processor_type":"CLIPImageProcessor","size":{"shortest_edge":24},"crop_size":{"height":16,"width":20},"image_mean":[0,0,0],"image_std":[1,1,1]}`)
	f.Add(`{"image_processor_type":"ViTImageProcessor","size":7,"do_center_crop":true,"crop_size":9,"resample":5,"do_normalize":false}`)
	f.Fuzz(func(t *testing.T, text string) {
		var pc processorConfig
		if json.Unmarshal([]byte(text), &pc) != nil {
			t.Skip()
		}
		tr, err := pc.transform()
		if err != nil {
			return
		}
		h, w := tr.size()
		if h < 1 || w < 1 || h*w > 1<<24 {
			t.Fatalf("%d x %d", h, w)
		}
		if h*w > 1<<14 || tr.shortest > 1<<8 {
			return
		}
		out, err := tr.apply(imaging.NewImage(3, 5))
		if err != nil || len(out) != 3*h*w {
			t.Fatalf("%d numbers for %d x %d: %v", len(out), h, w, err)
		}
	})
}

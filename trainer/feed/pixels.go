package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"recaption/internal/imaging"
	"recaption/internal/imaging/processor"
	"recaption/trainer/mix"
)

// Pixels says what becomes of a picture: decoded, turned as its camera noted,
// its shorter side resized to Size by bicubic interpolation, the middle square
// cut out, and normalised. Without Crop and Flip it is what CLIP's image
// processor does.
type Pixels struct {
	Size      int // of the square, in pixels
	Mean, Std [3]float32
	MaxPixels int         // of a picture; 0: imaging.DefaultMaxPixels
	Crop      *RandomCrop // in place of the middle square
	// Flip mirrors half of the pictures. It is off by default, since it makes
	// every text wrong that says left or right.
	Flip bool
}

// RandomCrop takes a random part of a picture and resizes it to the square, as
// torchvision's RandomResizedCrop does.
type RandomCrop struct {
	MinArea, MaxArea   float64 // share of the picture's area
	MinRatio, MaxRatio float64 // of width to height, before it is resized to a square
}

// CLIPPixels is what CLIP was trained with, at a size.
func CLIPPixels(size int) Pixels {
	return Pixels{Size: size, Mean: [3]float32{0.48145466, 0.4578275, 0.40821073}, Std: [3]float32{0.26862954, 0.26130258, 0.27577711}}
}

// OpenCLIPCrop is the augmentation that open_clip trains with.
func OpenCLIPCrop() *RandomCrop { return &RandomCrop{0.9, 1, 0.75, 4. / 3} }

// Validate names every fault.
func (p Pixels) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("pixels: "+format, args...)) }
	if p.Size < 1 || p.Size > 4096 {
		bad("size %d: want 1 to 4096", p.Size)
	}
	for _, s := range p.Std {
		if !(s > 0) {
			bad("std %v: want three numbers above 0", p.Std)
			break
		}
	}
	if p.MaxPixels < 0 {
		bad("max pixels %d: want 0 or more", p.MaxPixels)
	}
	if c := p.Crop; c != nil {
		if !(c.MinArea > 0 && c.MinArea <= c.MaxArea && c.MaxArea <= 1) {
			bad("crop area %v to %v: want 0 < min <= max <= 1", c.MinArea, c.MaxArea)
		}
		if !(c.MinRatio > 0 && c.MinRatio <= c.MaxRatio && c.MaxRatio <= 100) {
			bad("crop ratio %v to %v: want 0 < min <= max <= 100", c.MinRatio, c.MaxRatio)
		}
	}
	return errors.Join(errs...)
}

// ProcessorConfig writes the preprocessor_config.json of an image processor
// that gives the same pixels, without augmentation.
func (p Pixels) ProcessorConfig() ([]byte, error) {
	return json.MarshalIndent(map[string]any{
		"image_processor_type": "CLIPImageProcessor",
		"do_resize":            true, "size": map[string]int{"shortest_edge": p.Size}, "resample": int(imaging.Bicubic),
		"do_center_crop": true, "crop_size": map[string]int{"height": p.Size, "width": p.Size},
		"do_rescale": true, "rescale_factor": 1. / 255,
		"do_normalize": true, "image_mean": p.Mean, "image_std": p.Std,
		"do_convert_rgb": true,
	}, "", "  ")
}

// values is the number of floats of one picture.
func (p Pixels) values() int { return 3 * p.Size * p.Size }

// square makes the picture of an encoded one, before it is normalised. r
// decides what is random.
func (p Pixels) square(encoded []byte, r *mix.Random) (*imaging.Image, error) {
	img, err := imaging.Decode(encoded, imaging.Options{Orient: true, MaxPixels: p.MaxPixels})
	if err != nil {
		return nil, err
	}
	if p.Crop != nil {
		x, y, w, h := p.Crop.region(img.Width, img.Height, r)
		img = imaging.Resize(imaging.Crop(img, x, y, w, h), p.Size, p.Size, imaging.Bicubic)
	} else {
		h, w, err := processor.ShortestEdge(img.Height, img.Width, p.Size)
		if err != nil {
			return nil, err
		}
		if w != img.Width || h != img.Height {
			img = imaging.Resize(img, w, h, imaging.Bicubic)
		}
		if w != p.Size || h != p.Size {
			img = imaging.CenterCrop(img, p.Size, p.Size)
		}
	}
	if p.Flip && r.Float64() < .5 {
		mirror(img)
	}
	return img, nil
}

// region draws a part of a picture: ten tries, then the largest part in the
// middle whose ratio is within the bounds.
func (c RandomCrop) region(width, height int, r *mix.Random) (x, y, w, h int) {
	area := float64(width) * float64(height)
	least, most := math.Log(c.MinRatio), math.Log(c.MaxRatio)
	for range 10 {
		part := area * (c.MinArea + r.Float64()*(c.MaxArea-c.MinArea))
		ratio := math.Exp(least + r.Float64()*(most-least))
		w, h = int(math.Round(math.Sqrt(part*ratio))), int(math.Round(math.Sqrt(part/ratio)))
		if w > 0 && w <= width && h > 0 && h <= height {
			return r.IntN(width - w + 1), r.IntN(height - h + 1), w, h
		}
	}
	w, h = width, height
	switch ratio := float64(width) / float64(height); {
	case ratio < c.MinRatio:
		h = max(1, int(math.Round(float64(w)/c.MinRatio)))
	case ratio > c.MaxRatio:
		w = max(1, int(math.Round(float64(h)*c.MaxRatio)))
	}
	return (width - w) / 2, (height - h) / 2, w, h
}

// mirror turns left and right.
func mirror(img *imaging.Image) {
	for y := range img.Height {
		row := img.Pix[3*y*img.Width : 3*(y+1)*img.Width]
		for a, b := 0, len(row)-3; a < b; a, b = a+3, b-3 {
			for c := range 3 {
				row[a+c], row[b+c] = row[b+c], row[a+c]
			}
		}
	}
}

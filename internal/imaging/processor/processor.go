// Package processor does what Hugging Face's CLIP-like image processors do: it
// reads a model's preprocessor_config.json, refuses what it doesn't know, and
// turns pictures into the numbers that the reference makes of them.
package processor

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"recaption/internal/imaging"
)

// File is the name of the file that says what a processor does.
const File = "preprocessor_config.json"

// ErrTooLarge says that a picture would become enormous when it is resized.
var ErrTooLarge = errors.New("picture becomes too large")

// Refuse makes the error about something in a file that can't be used.
type Refuse func(what string, found, expected any) error

// A Transform is what CLIP-like image processors do: resize, crop at the
// centre, scale and normalise.
type Transform struct {
	shortest int // resize so that the shorter side is this; 0: to height x width
	height   int
	width    int
	resize   bool
	filter   imaging.Filter
	crop     bool
	cropH    int
	cropW    int
	rescale  float64
	mean     [3]float32
	std      [3]float32
	norm     *imaging.Normalizer
}

// Config is what is read from preprocessor_config.json. Fields that
// are not here and could change pixels make the model refused.
type Config struct {
	Type         string          `json:"image_processor_type"`
	OldType      string          `json:"feature_extractor_type"` // its name in older files
	DoResize     *bool           `json:"do_resize"`
	Size         json.RawMessage `json:"size"`
	Resample     *int            `json:"resample"`
	DoCenterCrop *bool           `json:"do_center_crop"`
	CropSize     json.RawMessage `json:"crop_size"`
	DoRescale    *bool           `json:"do_rescale"`
	Rescale      *float64        `json:"rescale_factor"`
	DoNormalize  *bool           `json:"do_normalize"`
	Mean         []float32       `json:"image_mean"`
	Std          []float32       `json:"image_std"`
	DoConvertRGB *bool           `json:"do_convert_rgb"`
	DoPad        *bool           `json:"do_pad"`
	Square       *bool           `json:"use_square_size"`
	SeqLength    int             `json:"image_seq_length"` // features of a picture, which no pixel depends on
}

// fieldsOfProcessor are the fields above and those without effect on pixels.
var fieldsOfProcessor = []string{
	"image_processor_type", "do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale", "rescale_factor",
	"do_normalize", "image_mean", "image_std", "do_convert_rgb", "do_pad", "use_square_size", "image_seq_length",
	"processor_class", "feature_extractor_type", "data_format", "default_to_square", "return_tensors", "input_data_format",
	"device", "disable_grouping", "patch_size", "auto_map", "num_additional_image_tokens",
}

// processors are the image processors that are this transform, with the
// defaults their reference has where the file says nothing.
var processors = map[string]processorDefaults{
	"CLIPImageProcessor":   {crop: true, filter: imaging.Bicubic},
	"SiglipImageProcessor": {crop: false, filter: imaging.Bicubic},
	"ViTImageProcessor":    {crop: false, filter: imaging.Bilinear},
	"LlavaImageProcessor":  {crop: true, filter: imaging.Bicubic},
}

type processorDefaults struct {
	crop   bool
	filter imaging.Filter
}

// Read reads the file; open reads a file of the model as JSON, and says whether
// there is one.
func Read(open func(name string, v any) (bool, error), refuse Refuse) (Config, error) {
	var c Config
	var fields map[string]json.RawMessage
	found, err := open(File, &fields)
	if err != nil {
		return c, err
	}
	if !found {
		return c, refuse(File, "no such file", "the image processor's settings")
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if strings.HasPrefix(name, "_") || slices.Contains(fieldsOfProcessor, name) || string(fields[name]) == "null" {
			continue
		}
		return c, refuse(name+" of "+File, string(fields[name]), "no such field: it is not known here, and may change pixels")
	}
	_, err = open(File, &c)
	return c, err
}

// Transform settles what the processor does.
func (c Config) Transform(refuse Refuse) (Transform, error) {
	var errs []error
	bad := func(name string, found, expected any) {
		errs = append(errs, refuse(name+" of "+File, found, expected))
	}
	// Older files call it CLIPFeatureExtractor, in either field; newer ones name
	// which implementation it was.
	kind := strings.Replace(cmp.Or(c.Type, c.OldType), "FeatureExtractor", "ImageProcessor", 1)
	d, known := processors[strings.TrimSuffix(strings.TrimSuffix(kind, "Fast"), "Pil")]
	if !known {
		bad("image_processor_type", fmt.Sprintf("%q", kind), fmt.Sprintf("one of %q", slices.Sorted(maps.Keys(processors))))
	}
	t := Transform{resize: true, filter: d.filter, crop: d.crop, rescale: 1.0 / 255}
	set(&t.resize, c.DoResize)
	set(&t.crop, c.DoCenterCrop)
	if c.DoPad != nil && *c.DoPad {
		bad("do_pad", true, false)
	}
	if c.Square != nil && *c.Square {
		bad("use_square_size", true, false)
	}
	if c.DoConvertRGB != nil && !*c.DoConvertRGB {
		bad("do_convert_rgb", false, true)
	}
	if c.Resample != nil {
		t.filter = imaging.Filter(*c.Resample)
		if *c.Resample < 0 || *c.Resample > 5 {
			bad("resample", *c.Resample, "0 to 5")
		}
	}
	if t.resize {
		var err error
		if t.shortest, t.height, t.width, err = readSize(c.Size); err != nil {
			bad("size", string(c.Size), err)
		}
	}
	if t.crop {
		var side int
		var err error
		if side, t.cropH, t.cropW, err = readSize(c.CropSize); err != nil || side != 0 && t.cropH != 0 {
			bad("crop_size", string(c.CropSize), "height and width")
		}
		if side != 0 {
			t.cropH, t.cropW = side, side
		}
	}
	if c.DoRescale != nil && !*c.DoRescale {
		t.rescale = 1
	} else if c.Rescale != nil {
		t.rescale = *c.Rescale
	}
	t.std = [3]float32{1, 1, 1}
	if c.DoNormalize == nil || *c.DoNormalize {
		if len(c.Mean) != 3 || len(c.Std) != 3 || slices.Contains(c.Std, 0) {
			bad("image_mean and image_std", fmt.Sprint(c.Mean, c.Std), "three numbers each, none of the second zero")
		} else {
			t.mean, t.std = [3]float32(c.Mean), [3]float32(c.Std)
		}
	}
	if len(errs) == 0 && t.shortest > 0 && !t.crop {
		bad("do_center_crop", false, "true where size is shortest_edge: pictures must have one size")
	}
	if len(errs) == 0 && !t.resize && !t.crop {
		bad("do_resize", false, "true: pictures must have one size")
	}
	if err := errors.Join(errs...); err != nil {
		return t, err
	}
	t.norm = imaging.NewNormalizer(t.rescale, t.mean, t.std)
	return t, nil
}

// readSize reads {"shortest_edge": n}, {"height": h, "width": w} or a number.
func readSize(raw json.RawMessage) (shortest, height, width int, err error) {
	const most = 1 << 12
	var side int
	if json.Unmarshal(raw, &side) == nil && side > 0 && side <= most {
		return side, 0, 0, nil
	}
	var m map[string]int
	if err := json.Unmarshal(raw, &m); err != nil {
		return 0, 0, 0, errors.New("a side, or height and width")
	}
	for k, v := range m {
		if k != "shortest_edge" && k != "height" && k != "width" || v < 1 || v > most {
			return 0, 0, 0, fmt.Errorf("shortest_edge, or height and width, each 1 to %d", most)
		}
	}
	if s := m["shortest_edge"]; s > 0 && len(m) == 1 {
		return s, 0, 0, nil
	}
	if m["height"] > 0 && m["width"] > 0 && len(m) == 2 {
		return 0, m["height"], m["width"], nil
	}
	return 0, 0, 0, errors.New("shortest_edge, or height and width")
}

func set(dst *bool, v *bool) {
	if v != nil {
		*dst = *v
	}
}

// Size is what every picture becomes.
func (t Transform) Size() (h, w int) {
	if t.crop {
		return t.cropH, t.cropW
	}
	return t.height, t.width
}

// maxSide bounds a picture after resizing: a strip of one pixel's height would
// else become enormous.
const maxSide = 1 << 15

// Apply makes channel-first numbers of a picture, 3 x height x width, in out,
// which has room for them, and gives them; where out is nil it makes room. Its
// error is [ErrTooLarge].
func (t Transform) Apply(out []float32, img *imaging.Image) ([]float32, error) {
	if t.resize {
		h, w := t.height, t.width
		if t.shortest > 0 {
			var err error
			if h, w, err = ShortestEdge(img.Height, img.Width, t.shortest); err != nil {
				return nil, err
			}
		}
		img = imaging.Resize(img, w, h, t.filter)
	}
	if t.crop {
		img = imaging.CenterCrop(img, t.cropW, t.cropH)
	}
	if out == nil {
		out = make([]float32, 3*img.Height*img.Width)
	}
	t.norm.CHW(out, img)
	return out, nil
}

// ShortestEdge scales a picture of h x w pixels so that its shorter side is n;
// the longer is cut down to a whole number, as the reference does. Its error is
// [ErrTooLarge].
func ShortestEdge(h, w, n int) (int, int, error) {
	toH, toW := n, n
	if w <= h {
		toH = int(math.Floor(float64(n) * float64(h) / float64(w)))
	} else {
		toW = int(math.Floor(float64(n) * float64(w) / float64(h)))
	}
	if toH > maxSide || toW > maxSide {
		return 0, 0, fmt.Errorf("%w: %d x %d pixels would become %d x %d", ErrTooLarge, w, h, toW, toH)
	}
	return toH, toW, nil
}

// Describe says what is done, in the words of the file.
func (t Transform) Describe() map[string]any {
	m := map[string]any{"resample": int(t.filter), "resampling": "pillow", "rescale_factor": t.rescale, "image_mean": t.mean, "image_std": t.std}
	if t.resize && t.shortest > 0 {
		m["size"] = map[string]any{"shortest_edge": t.shortest}
	} else if t.resize {
		m["size"] = map[string]any{"height": t.height, "width": t.width}
	}
	if t.crop {
		m["crop_size"] = map[string]any{"height": t.cropH, "width": t.cropW}
	}
	return m
}

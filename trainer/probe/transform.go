package probe

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

// A transform is what CLIP-like image processors do: resize, crop at the
// centre, scale and normalise.
type transform struct {
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

// processorConfig is what is read from preprocessor_config.json. Fields that
// are not here and could change pixels make the model refused.
type processorConfig struct {
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
}

// fieldsOfProcessor are the fields above and those without effect on pixels.
var fieldsOfProcessor = []string{
	"image_processor_type", "do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale", "rescale_factor",
	"do_normalize", "image_mean", "image_std", "do_convert_rgb", "do_pad", "use_square_size",
	"processor_class", "feature_extractor_type", "data_format", "return_tensors", "input_data_format", "device", "disable_grouping",
}

// processors are the image processors that are this transform, with the
// defaults their reference has where the file says nothing.
var processors = map[string]processorDefaults{
	"CLIPImageProcessor":   {crop: true},
	"SiglipImageProcessor": {crop: false},
}

type processorDefaults struct {
	crop bool
}

// readProcessor reads preprocessor_config.json.
func readProcessor(f folder) (processorConfig, error) {
	const file = "preprocessor_config.json"
	var c processorConfig
	var fields map[string]json.RawMessage
	found, err := f.json(file, &fields)
	if err != nil {
		return c, err
	}
	if !found {
		return c, refuse(file, "no such file", "the image processor's settings")
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if strings.HasPrefix(name, "_") || slices.Contains(fieldsOfProcessor, name) || string(fields[name]) == "null" {
			continue
		}
		return c, refuse(name+" of "+file, string(fields[name]), "no such field: it is not known here, and may change pixels")
	}
	if _, err := f.json(file, &c); err != nil {
		return c, err
	}
	return c, nil
}

// transform settles what the processor does.
func (c processorConfig) transform() (transform, error) {
	var errs []error
	bad := func(name string, found, expected any) {
		errs = append(errs, refuse(name+" of preprocessor_config.json", found, expected))
	}
	// Older files call it CLIPFeatureExtractor, in either field; newer ones name
	// which implementation it was.
	kind := strings.Replace(cmp.Or(c.Type, c.OldType), "FeatureExtractor", "ImageProcessor", 1)
	d, known := processors[strings.TrimSuffix(strings.TrimSuffix(kind, "Fast"), "Pil")]
	if !known {
		bad("image_processor_type", fmt.Sprintf("%q", kind), fmt.Sprintf("one of %q", slices.Sorted(maps.Keys(processors))))
	}
	t := transform{resize: true, filter: imaging.Bicubic, crop: d.crop, rescale: 1.0 / 255}
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

// size is what every picture becomes.
func (t transform) size() (h, w int) {
	if t.crop {
		return t.cropH, t.cropW
	}
	return t.height, t.width
}

// maxSide bounds a picture after resizing: a strip of one pixel's height would
// else become enormous.
const maxSide = 1 << 15

// apply writes channel-first numbers of an encoded picture to out, which has
// 3 * height * width elements. The orientation that a camera noted is not applied,
// as in the reference where it is handed an open picture.
func (t transform) apply(out []float32, encoded []byte) error {
	img, err := imaging.Decode(encoded, imaging.Options{})
	if err != nil {
		return err
	}
	if t.resize {
		h, w := t.height, t.width
		if t.shortest > 0 {
			h, w = shortestEdge(img.Height, img.Width, t.shortest)
		}
		if h > maxSide || w > maxSide {
			return fmt.Errorf("a picture of %d x %d pixels would become %d x %d", img.Width, img.Height, w, h)
		}
		img = imaging.Resize(img, w, h, t.filter)
	}
	if t.crop {
		img = imaging.CenterCrop(img, t.cropW, t.cropH)
	}
	t.norm.CHW(out, img)
	return nil
}

// shortestEdge scales so that the shorter side is n; the longer is cut down to
// a whole number, as the reference does.
func shortestEdge(h, w, n int) (int, int) {
	if w <= h {
		return int(math.Floor(float64(n) * float64(h) / float64(w))), n
	}
	return n, int(math.Floor(float64(n) * float64(w) / float64(h)))
}

package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Config is the shape of a CLIP model. Its JSON is the config.json of Hugging
// Face's CLIPModel.
type Config struct {
	ModelType     string   `json:"model_type"` // clip
	Architectures []string `json:"architectures,omitempty"`
	Projection    int      `json:"projection_dim"` // length of an embedding
	LogitScale    float64  `json:"logit_scale_init_value"`
	Text          Text     `json:"text_config"`
	Vision        Vision   `json:"vision_config"`
}

// Text is the shape of the text tower.
type Text struct {
	ModelType string `json:"model_type"` // clip_text_model
	Vocab     int    `json:"vocab_size"`
	Context   int    `json:"max_position_embeddings"` // tokens of the longest text
	EOS       int    `json:"eos_token_id"`
	BOS       int    `json:"bos_token_id"`
	Tower
}

// Vision is the shape of the vision tower.
type Vision struct {
	ModelType string `json:"model_type"` // clip_vision_model
	Image     int    `json:"image_size"`
	Patch     int    `json:"patch_size"`
	Channels  int    `json:"num_channels"` // 3
	Tower
}

// Tower is what both towers have.
type Tower struct {
	Width      int     `json:"hidden_size"`
	Inner      int     `json:"intermediate_size"`
	Layers     int     `json:"num_hidden_layers"`
	Heads      int     `json:"num_attention_heads"`
	Activation string  `json:"hidden_act"` // quick_gelu or gelu
	Epsilon    float64 `json:"layer_norm_eps"`
	Projection int     `json:"projection_dim"`
}

// The activations there are.
const (
	QuickGELU = "quick_gelu" // x · sigmoid(1.702 x)
	GELU      = "gelu"       // x · Φ(x)
)

// DefaultConfig gives a model of the shape of OpenAI's ViT-B/32; see [Preset].
func DefaultConfig() Config {
	c, _ := Preset("ViT-B-32")
	return c
}

// Presets names the shapes that [Preset] knows.
func Presets() []string { return []string{"tiny", "small", "ViT-S-16", "ViT-B-32", "ViT-B-16"} }

// Preset gives a shape by its name. Those of ViT-B are OpenAI's; vocabulary,
// beginning and end of text are those of OpenAI's tokenizer in all of them, until
// [Config.WithTokens].
func Preset(name string) (Config, error) {
	make := func(image, patch, vWidth, vLayers, vHeads, context, tWidth, tLayers, tHeads, projection int) Config {
		tower := func(width, layers, heads int) Tower {
			return Tower{Width: width, Inner: 4 * width, Layers: layers, Heads: heads, Activation: QuickGELU, Epsilon: 1e-5, Projection: projection}
		}
		return Config{
			ModelType: "clip", Architectures: []string{"CLIPModel"}, Projection: projection, LogitScale: math.Log(1 / 0.07),
			Text:   Text{ModelType: "clip_text_model", Vocab: 49408, Context: context, BOS: 49406, EOS: 49407, Tower: tower(tWidth, tLayers, tHeads)},
			Vision: Vision{ModelType: "clip_vision_model", Image: image, Patch: patch, Channels: 3, Tower: tower(vWidth, vLayers, vHeads)},
		}
	}
	switch name {
	case "tiny":
		return make(48, 8, 128, 3, 4, 64, 128, 3, 4, 128), nil
	case "small":
		return make(96, 16, 192, 6, 3, 64, 192, 6, 3, 192), nil
	case "ViT-S-16":
		return make(224, 16, 384, 12, 6, 77, 384, 12, 6, 384), nil
	case "ViT-B-32":
		return make(224, 32, 768, 12, 12, 77, 512, 12, 8, 512), nil
	case "ViT-B-16":
		return make(224, 16, 768, 12, 12, 77, 512, 12, 8, 512), nil
	}
	return Config{}, fmt.Errorf("model %q: want one of %v, or a config.json of a CLIPModel", name, Presets())
}

// WithTokens gives the shape for another tokenizer.
func (c Config) WithTokens(vocab, bos, eos int) Config {
	c.Text.Vocab, c.Text.BOS, c.Text.EOS = vocab, bos, eos
	return c
}

// legacyEOS stands in the first public configurations for the token with the largest
// number, whatever was meant: CLIPModel reads it so, and so is it read here.
const legacyEOS = 2

// ParseConfig reads a config.json of Hugging Face's CLIPModel. What it leaves
// out has CLIPModel's defaults, those of ViT-B/32.
func ParseConfig(b []byte) (Config, error) {
	c := DefaultConfig()
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&c); err != nil {
		return Config{}, fmt.Errorf("config.json: %w", err)
	}
	c.Text.Projection, c.Vision.Projection = c.Projection, c.Projection
	if c.Text.EOS == legacyEOS {
		c.Text.EOS = c.Text.Vocab - 1
	}
	return c, c.Validate()
}

// maxSide bounds every dimension: what is larger is a mistake.
const maxSide = 1 << 20

// Validate names every fault.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("model: "+format, args...)) }
	if c.ModelType != "clip" {
		bad("model_type %q: want clip", c.ModelType)
	}
	for _, f := range []struct {
		name string
		v    int
	}{
		{"projection_dim", c.Projection}, {"text_config.vocab_size", c.Text.Vocab}, {"text_config.max_position_embeddings", c.Text.Context},
		{"vision_config.image_size", c.Vision.Image}, {"vision_config.patch_size", c.Vision.Patch},
	} {
		if f.v < 1 || f.v > maxSide {
			bad("%s %d: want 1 to %d", f.name, f.v, maxSide)
		}
	}
	if c.Vision.Channels != 3 {
		bad("vision_config.num_channels %d: want 3", c.Vision.Channels)
	}
	if c.Vision.Patch > 0 && c.Vision.Image%c.Vision.Patch != 0 {
		bad("vision_config.image_size %d: want a multiple of patch_size %d", c.Vision.Image, c.Vision.Patch)
	}
	if c.Text.EOS < 0 || c.Text.EOS >= c.Text.Vocab {
		bad("text_config.eos_token_id %d: want a token of the vocabulary, which has %d", c.Text.EOS, c.Text.Vocab)
	}
	errs = append(errs, c.Text.validate("text_config"), c.Vision.validate("vision_config"))
	return errors.Join(errs...)
}

func (t Tower) validate(name string) error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("model: "+name+"."+format, args...))
	}
	if t.Width < 1 || t.Width > maxSide || t.Inner < 1 || t.Inner > maxSide {
		bad("hidden_size %d, intermediate_size %d: want 1 to %d", t.Width, t.Inner, maxSide)
	}
	if t.Layers < 1 || t.Layers > 1000 {
		bad("num_hidden_layers %d: want 1 to 1000", t.Layers)
	}
	if t.Heads < 1 || t.Width%max(t.Heads, 1) != 0 {
		bad("num_attention_heads %d: want a divisor of hidden_size %d", t.Heads, t.Width)
	}
	if t.Activation != QuickGELU && t.Activation != GELU {
		bad("hidden_act %q: want %s or %s", t.Activation, QuickGELU, GELU)
	}
	if !(t.Epsilon > 0 && t.Epsilon < 1) {
		bad("layer_norm_eps %g: want more than 0, less than 1", t.Epsilon)
	}
	return errors.Join(errs...)
}

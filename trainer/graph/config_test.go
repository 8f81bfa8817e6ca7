package graph

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPresets(t *testing.T) {
	millions := map[string]float64{"tiny": 7.5, "small": 15.0, "ViT-S-16": 62.2, "ViT-B-32": 151.2, "ViT-B-16": 149.6}
	for _, name := range Presets() {
		c, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		n := 0
		for _, p := range c.Params(CLIP) {
			n += p.Size()
		}
		if got := float64(n/1e5) / 10; got != millions[name] {
			t.Errorf("%s has %.1f million parameters, want %.1f", name, got, millions[name])
		}
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseConfig(b)
		if d := cmp.Diff(c, back); err != nil || d != "" {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
	if _, err := Preset("huge"); err == nil {
		t.Error("no error for an unknown preset")
	}
}

// TestPublicConfig reads a configuration in the form of openai/clip-vit-base-patch32, which
// leaves out what is CLIPModel's default.
func TestPublicConfig(t *testing.T) {
	c, err := ParseConfig([]byte(`{"architectures":["CLIPModel"],"model_type":"clip","projection_dim":512,"logit_scale_init_value":2.6592,
		"text_config":{"model_type":"clip_text_model","eos_token_id":2,"bos_token_id":0,"hidden_size":512,"num_attention_heads":8},
		"vision_config":{"model_type":"clip_vision_model","patch_size":32,"dropout":0.0}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.LogitScale, want.Text.BOS = 2.6592, 0
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}
}

func TestBadConfigs(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                       "config.json",
		`{"model_type":"siglip"}`: `model_type "siglip"`,
		`{"vision_config":{"image_size":50,"patch_size":8}}`:          "image_size 50",
		`{"text_config":{"hidden_size":100,"num_attention_heads":7}}`: "num_attention_heads 7",
		`{"text_config":{"hidden_act":"relu"}}`:                       `hidden_act "relu"`,
		`{"text_config":{"eos_token_id":60000}}`:                      "eos_token_id 60000",
		`{"projection_dim":-1}`:                                       "projection_dim -1",
	} {
		if _, err := ParseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	b, err := json.Marshal(DefaultConfig())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"text_config":{"num_attention_heads":0}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err == nil && len(c.Params(SigLIP)) == 0 {
			t.Error("no parameters")
		}
	})
}

package graph

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"recaption/internal/safetensors"
)

// small is the model of testdata/make.py.
func small(activation string) Config {
	c := DefaultConfig()
	c.Projection = 12
	c.Text.Vocab, c.Text.Context, c.Text.EOS, c.Text.BOS = 40, 12, 39, 38
	c.Vision.Image, c.Vision.Patch = 12, 4
	c.Text.Tower = Tower{Width: 16, Inner: 40, Layers: 2, Heads: 2, Activation: activation, Epsilon: 1e-5, Projection: 12}
	c.Vision.Tower = Tower{Width: 24, Inner: 56, Layers: 2, Heads: 3, Activation: activation, Epsilon: 1e-5, Projection: 12}
	return c
}

type golden struct {
	t *testing.T
	f *safetensors.File
}

func open(t *testing.T, name string) golden {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".safetensors")
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return golden{t, f}
}

// read gives a tensor; none where there is none of the name.
func (g golden) read(name string) []float32 {
	g.t.Helper()
	shape, ok := g.f.Shape(name)
	if !ok {
		return nil
	}
	n := 1
	for _, d := range shape {
		n *= d
	}
	data := make([]float32, n)
	if err := g.f.Read(name, data); err != nil {
		g.t.Fatal(err)
	}
	return data
}

func (g golden) ids(name string) []int64 {
	var ids []int64
	for _, v := range g.read(name) {
		ids = append(ids, int64(v))
	}
	return ids
}

func (g golden) batch() Batch {
	return Batch{Pixels: g.read("pixel_values"), Texts: g.ids("input_ids"), Negatives: g.ids("negative_ids"), Length: 9}
}

// distance is the difference of two vectors over the length of the reference.
func distance(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var diff, length float64
	for i, w := range want {
		d := float64(got[i]) - float64(w)
		diff += d * d
		length += float64(w) * float64(w)
	}
	return math.Sqrt(diff / max(length, 1e-12))
}

// TestStepAgainstReference compares loss and every gradient with those of
// Hugging Face's CLIPModel in float64: of the whole step, and of a batch in
// parts.
func TestStepAgainstReference(t *testing.T) {
	for _, activation := range []string{QuickGELU, GELU} {
		for _, loss := range []Loss{CLIP, SigLIP} {
			for _, negatives := range []bool{false, true} {
				for _, part := range []int{0, 2} {
					name := fmt.Sprintf("%s-%s", activation, loss)
					if negatives {
						name += "-negatives"
					}
					t.Run(fmt.Sprintf("%s part %d", name, part), func(t *testing.T) {
						g := open(t, name)
						m := load(t, open(t, activation), small(activation), loss, Options{Part: part, Negatives: negatives})
						for range 2 { // the second run reuses what the first one made
							got, err := m.Step(g.batch())
							if err != nil {
								t.Fatal(err)
							}
							if d := distance([]float32{got}, g.read("loss")); d > 1e-6 {
								t.Errorf("loss %v, want %v", got, g.read("loss"))
							}
							g.compare(t, m)
						}
					})
				}
			}
		}
	}
}

// gradientError is the largest relative error of a gradient that is allowed:
// float32 keeps 6e-8, and a few hundred sums lie in between.
const gradientError = 2e-5

func (g golden) compare(t *testing.T, m *Model) {
	t.Helper()
	for _, p := range m.Tensors {
		want := g.read(GradientPrefix + p.Name)
		if d := distance(p.Gradient, want); d > gradientError && !strings.HasSuffix(p.Name, "k_proj.bias") {
			t.Errorf("gradient of %s is off by %.2g of its length", p.Name, d)
		}
		if strings.HasSuffix(p.Name, "k_proj.bias") { // it is 0: a shift of all keys changes no softmax
			for i, v := range p.Gradient {
				if math.Abs(float64(v)) > 1e-5 {
					t.Errorf("gradient %d of %s is %g, want 0", i, p.Name, v)
				}
			}
		}
	}
}

// load makes a model with the weights of a golden file.
func load(t *testing.T, weights golden, c Config, l Loss, o Options) *Model {
	t.Helper()
	m, err := New(c, l, 1, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	for _, p := range m.Tensors {
		if p.Name == "logit_bias" {
			p.Data[0] = -2.5
			continue
		}
		if n := copy(p.Data, weights.read(p.Name)); n != len(p.Data) {
			t.Fatalf("%s: %d values, the reference has %d", p.Name, len(p.Data), n)
		}
	}
	return m
}

func TestFeaturesAgainstReference(t *testing.T) {
	for _, activation := range []string{QuickGELU, GELU} {
		g := open(t, activation+"-clip")
		m := load(t, open(t, activation), small(activation), CLIP, Options{})
		b := g.batch()
		images, err := m.EmbedImages(b.Pixels, 2)
		if err != nil {
			t.Fatal(err)
		}
		texts, err := m.EmbedTexts(b.Texts, b.Length, 3)
		if err != nil {
			t.Fatal(err)
		}
		if d := distance(images, g.read("image_embeds")); d > 2e-6 {
			t.Errorf("%s: features of images are off by %.2g", activation, d)
		}
		if d := distance(texts, g.read("text_embeds")); d > 2e-6 {
			t.Errorf("%s: features of texts are off by %.2g", activation, d)
		}
	}
}

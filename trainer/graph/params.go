package graph

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
)

// Loss is what a batch's embeddings are compared by.
type Loss string

const (
	// CLIP is the softmax over the batch, both ways (Radford et al., arXiv 2103.00020).
	CLIP Loss = "clip"
	// SigLIP is the sigmoid of every pair (Zhai et al., arXiv 2303.15343). Its
	// model has a bias of the logits too.
	SigLIP Loss = "siglip"
)

// Param is one parameter of a model.
type Param struct {
	Name   string // as in Hugging Face's CLIPModel; logit_bias as in its SiglipModel
	Shape  []int
	Mean   float64 // of its first values
	Spread float64 // their standard deviation
	Decay  bool    // weight decay is meant for it: a matrix
	Hidden bool    // a matrix between hidden layers, which Muon is meant for
}

// Size is how many numbers it holds.
func (p Param) Size() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// Init fills data with the parameter's first values, a function of seed and
// name.
func (p Param) Init(seed uint64, data []float32) {
	digest := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte(p.Name+"\x00"), seed))
	r := rand.New(rand.NewChaCha8(digest))
	for i := range data {
		v := p.Mean
		if p.Spread > 0 {
			v += p.Spread * r.NormFloat64()
		}
		data[i] = float32(v)
	}
}

// Params lists the parameters that training by a loss has, in the order of the
// model. Their first values are those of CLIPModel, and for SigLIP scale and
// bias begin at ln 10 and -10, as its paper says.
func (c Config) Params(l Loss) []Param {
	var ps []Param
	add := func(name string, mean, spread float64, shape ...int) {
		ps = append(ps, Param{Name: name, Shape: shape, Mean: mean, Spread: spread, Decay: len(shape) > 1})
	}
	hidden := func(name string, spread float64, shape ...int) {
		add(name, 0, spread, shape...)
		ps[len(ps)-1].Hidden = true
	}
	norm := func(name string, width int) {
		add(name+".weight", 1, 0, width)
		add(name+".bias", 0, 0, width)
	}
	layers := func(prefix string, t Tower) {
		in := math.Pow(float64(t.Width), -0.5) * math.Pow(2*float64(t.Layers), -0.5)
		out := math.Pow(float64(t.Width), -0.5)
		for i := range t.Layers {
			p := fmt.Sprintf("%s.encoder.layers.%d.", prefix, i)
			norm(p+"layer_norm1", t.Width)
			for _, m := range []string{"q_proj", "k_proj", "v_proj"} {
				hidden(p+"self_attn."+m+".weight", in, t.Width, t.Width)
				add(p+"self_attn."+m+".bias", 0, 0, t.Width)
			}
			hidden(p+"self_attn.out_proj.weight", out, t.Width, t.Width)
			add(p+"self_attn.out_proj.bias", 0, 0, t.Width)
			norm(p+"layer_norm2", t.Width)
			hidden(p+"mlp.fc1.weight", math.Pow(2*float64(t.Width), -0.5), t.Inner, t.Width)
			add(p+"mlp.fc1.bias", 0, 0, t.Inner)
			hidden(p+"mlp.fc2.weight", in, t.Width, t.Inner)
			add(p+"mlp.fc2.bias", 0, 0, t.Width)
		}
	}
	v, t := c.Vision, c.Text
	add("vision_model.embeddings.class_embedding", 0, math.Pow(float64(v.Width), -0.5), v.Width)
	add("vision_model.embeddings.patch_embedding.weight", 0, 0.02, v.Width, v.Channels, v.Patch, v.Patch)
	add("vision_model.embeddings.position_embedding.weight", 0, 0.02, v.tokens(), v.Width)
	norm("vision_model.pre_layrnorm", v.Width)
	layers("vision_model", v.Tower)
	norm("vision_model.post_layernorm", v.Width)
	add("visual_projection.weight", 0, math.Pow(float64(v.Width), -0.5), c.Projection, v.Width)
	add("text_model.embeddings.token_embedding.weight", 0, 0.02, t.Vocab, t.Width)
	add("text_model.embeddings.position_embedding.weight", 0, 0.02, t.Context, t.Width)
	layers("text_model", t.Tower)
	norm("text_model.final_layer_norm", t.Width)
	add("text_projection.weight", 0, math.Pow(float64(t.Width), -0.5), c.Projection, t.Width)
	if l == SigLIP {
		add("logit_scale", math.Log(10), 0)
		add("logit_bias", -10, 0)
	} else {
		add("logit_scale", c.LogitScale, 0)
	}
	return ps
}

// tokens is how many an image becomes, the class token included.
func (v Vision) tokens() int {
	n := v.Image / v.Patch
	return n*n + 1
}

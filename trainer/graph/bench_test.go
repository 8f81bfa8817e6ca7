package graph

import (
	"math/rand/v2"
	"testing"
)

// random is a batch of random pixels and texts that end at their last token.
func random(c Config, images, length int) Batch {
	r := rand.New(rand.NewPCG(1, 2))
	b := Batch{Length: length, Pixels: make([]float32, images*3*c.Vision.Image*c.Vision.Image), Texts: make([]int64, images*length)}
	for i := range b.Pixels {
		b.Pixels[i] = float32(r.NormFloat64())
	}
	for i := range b.Texts {
		b.Texts[i] = r.Int64N(int64(c.Text.EOS))
		if i%length == length-1 {
			b.Texts[i] = int64(c.Text.EOS)
		}
	}
	return b
}

// BenchmarkStep is one step of the tiny model, 128 samples with texts of 40
// tokens, without the optimizer.
func BenchmarkStep(b *testing.B) {
	c, err := Preset("tiny")
	if err != nil {
		b.Fatal(err)
	}
	c = c.WithTokens(1024, 0, 1)
	m, err := New(c, CLIP, 1, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	batch := random(c, 128, 40)
	for b.Loop() {
		if _, err := m.Step(batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(128*float64(b.N)/b.Elapsed().Seconds(), "images/s")
}

package graph

import (
	"slices"
	"strings"
	"testing"
)

// TestSameBits holds a step to the same bits each time, in one model and in another
// one of the same seed.
func TestSameBits(t *testing.T) {
	c := small(QuickGELU)
	batch := random(c, 32, 7)
	var want []float32
	for range 2 {
		m, err := New(c, CLIP, 9, Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for range 3 {
			loss, err := m.Step(batch)
			if err != nil {
				t.Fatal(err)
			}
			got := []float32{loss}
			for _, x := range m.Tensors {
				got = append(got, x.Gradient...)
			}
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Fatal("loss or gradients differ")
			}
		}
	}
}

// TestParts holds a large batch with negatives, done in parts of several sizes, to the
// same batch in one piece.
func TestParts(t *testing.T) {
	c := small(QuickGELU)
	batch := random(c, 48, 7)
	batch.Negatives = random(c, 30, 7).Texts
	for _, loss := range []Loss{CLIP, SigLIP} {
		whole, err := New(c, loss, 9, Options{Negatives: true})
		if err != nil {
			t.Fatal(err)
		}
		defer whole.Close()
		want, err := whole.Step(batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []int{1, 7, 32} {
			m, err := New(c, loss, 9, Options{Part: part, Negatives: true})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			got, err := m.Step(batch)
			if err != nil {
				t.Fatal(err)
			}
			if d := distance([]float32{got}, []float32{want}); d > 1e-6 {
				t.Errorf("%s, parts of %d: loss %v, in one piece %v", loss, part, got, want)
			}
			for i, x := range m.Tensors {
				if d := distance(x.Gradient, whole.Tensors[i].Gradient); d > gradientError {
					t.Errorf("%s, parts of %d: gradient of %s is off by %.2g", loss, part, x.Name, d)
				}
			}
		}
	}
}

func TestBadBatches(t *testing.T) {
	c := small(QuickGELU)
	m, err := New(c, CLIP, 1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, x := range []struct {
		name, want string
		change     func(*Batch)
	}{
		{"no images", "no images", func(b *Batch) { b.Pixels = nil }},
		{"half an image", "no images", func(b *Batch) { b.Pixels = b.Pixels[1:] }},
		{"one text less", "for 3 images", func(b *Batch) { b.Texts = b.Texts[7:] }},
		{"too long", "want 1 to 12", func(b *Batch) { b.Length = 13 }},
		{"token beyond the vocabulary", "text 1 has token 40", func(b *Batch) { b.Texts[8] = 40 }},
		{"negative token", "text 0 has token -1", func(b *Batch) { b.Texts[0] = -1 }},
		{"no end", "text 2 has no end-of-text token 39", func(b *Batch) { b.Texts[20] = 3 }},
		{"negatives that are not expected", "not expected", func(b *Batch) { b.Negatives = make([]int64, 7) }},
	} {
		b := random(c, 3, 7)
		x.change(&b)
		if _, err := m.Step(b); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %q", x.name, err, x.want)
		}
	}
	m.Close()
	if _, err := m.Step(random(c, 3, 7)); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("after Close: %v", err)
	}
}

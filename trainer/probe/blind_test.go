package probe

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWords(t *testing.T) {
	got := slices.Collect(words(" A man's hat, “red”.  \nwell-known\t3 "))
	want := []string{"a", "man's", "hat", ",", "“", "red", "”", ".", "well-known", "3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestBigramIsADistribution sums over all words that may follow: smoothing must
// neither lose nor invent any.
func TestBigramIsADistribution(t *testing.T) {
	b := FitBigram(slices.Values([]string{"a b c", "a b", "b b a", ""}))
	for _, after := range []string{"a", "b", "c"} {
		last := b.words[after]
		sum := b.probability(last, -1) + b.probability(last, textEnd)
		for _, id := range b.words {
			sum += b.probability(last, id)
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("after %q probabilities sum to %v", after, sum)
		}
	}
}

func TestBigramPrefers(t *testing.T) {
	b := FitBigram(slices.Values([]string{"a red star", "a blue moon", "the red star is above the blue moon"}))
	for _, c := range [][2]string{
		{"a red star", "star red a"},     // order
		{"a red star", "a blue star"},    // neighbours
		{"a red star", "a striped star"}, // known words
		{"the red star is above the blue moon", "above star"},
	} {
		if !(b.Score(c[0]) > b.Score(c[1])) {
			t.Errorf("%q scores %v, %q %v", c[0], b.Score(c[0]), c[1], b.Score(c[1]))
		}
	}
	if s := FitBigram(slices.Values([]string(nil))).Score("anything"); math.IsNaN(s) || math.IsInf(s, 0) {
		t.Errorf("fitted on nothing: %v", s)
	}
}

// TestGuesserKnowsNoText checks that no picture's own text is in the model that
// judges it.
func TestGuesserKnowsNoText(t *testing.T) {
	s := &Suite{Name: "s"}
	p := ChoiceProbe{Name: "p"}
	for i := range 40 {
		name := string(rune('A'+i%26)) + string(rune('a'+i/26))
		s.Images = append(s.Images, picturesOf(name)...)
		p.Items = append(p.Items, Choice{Image: i, True: "word" + name, False: []string{"no"}})
	}
	s.Choices = []ChoiceProbe{p}
	g := newGuesser(s, nil)
	for i, c := range p.Items {
		var known int
		for id := range g.model(i).words {
			if id == slices.Collect(words(c.True))[0] {
				known++
			}
		}
		if known > 0 {
			t.Errorf("%s: the guesser was fitted on %q", s.Images[i].Name, c.True)
		}
	}
}

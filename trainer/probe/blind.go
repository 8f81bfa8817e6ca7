package probe

import (
	"hash/fnv"
	"iter"
	"math"
	"strings"
	"unicode"
)

// Bigram is a model of language that knows words and their neighbours. It is
// safe for use by many goroutines once it is fitted.
//
// Words are in lower case, punctuation is a word of its own, and both ends of a
// text count as neighbours. Counts are smoothed as Witten and Bell have it (IEEE
// Transactions on Information Theory 37, 1991): what follows a word is mixed with
// words in general, and these with a word never seen, the more so the more
// various the followers are.
type Bigram struct {
	words   map[string]int32
	count   []int // of each word, as a follower
	total   int
	follow  map[[2]int32]int
	after   []int // how often a word has a follower
	various []int // how many different ones
}

const (
	textStart int32 = iota
	textEnd
	reserved
)

// FitBigram counts texts.
func FitBigram(texts iter.Seq[string]) *Bigram {
	b := &Bigram{words: map[string]int32{}, follow: map[[2]int32]int{}}
	b.count, b.after, b.various = make([]int, reserved), make([]int, reserved), make([]int, reserved)
	for t := range texts {
		last := textStart
		for w := range words(t) {
			id, ok := b.words[w]
			if !ok {
				id = int32(len(b.count))
				b.words[w] = id
				b.count, b.after, b.various = append(b.count, 0), append(b.after, 0), append(b.various, 0)
			}
			b.add(last, id)
			last = id
		}
		b.add(last, textEnd)
	}
	return b
}

func (b *Bigram) add(last, next int32) {
	k := [2]int32{last, next}
	if b.follow[k] == 0 {
		b.various[last]++
	}
	b.follow[k]++
	b.after[last]++
	b.count[next]++
	b.total++
}

// Score is the mean logarithm of the probability of a text's words and its end,
// given the word before each. The mean, not the sum: else the shorter of two
// texts would be the likelier one, whatever it says.
func (b *Bigram) Score(text string) float64 {
	sum, n := 0.0, 0
	last := textStart
	step := func(id int32) {
		sum += math.Log(b.probability(last, id))
		n++
		last = id
	}
	for w := range words(text) {
		id, ok := b.words[w]
		if !ok {
			id = -1
		}
		step(id)
	}
	step(textEnd)
	return sum / float64(n)
}

// probability of a word, -1 for an unknown one, after another.
func (b *Bigram) probability(last, next int32) float64 {
	kinds := float64(len(b.count)) // the unknown word counts as one, the start as none
	p := kinds / (float64(b.total) + kinds) / kinds
	if next >= 0 {
		p += float64(b.count[next]) / (float64(b.total) + kinds)
	}
	if last < 0 || b.after[last] == 0 {
		return p
	}
	various := float64(b.various[last])
	seen := 0.0
	if next >= 0 {
		seen = float64(b.follow[[2]int32{last, next}])
	}
	return (seen + various*p) / (float64(b.after[last]) + various)
}

// words yields the words of a text.
func words(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for f := range strings.FieldsSeq(strings.ToLower(text)) {
			for f != "" {
				n := strings.IndexFunc(f, func(r rune) bool { return unicode.IsPunct(r) && r != '\'' && r != '-' })
				switch {
				case n < 0:
					n = len(f)
				case n == 0:
					n = 1
					for n < len(f) && f[n]&0xc0 == 0x80 {
						n++
					}
				}
				if !yield(f[:n]) {
					return
				}
				f = f[n:]
			}
		}
	}
}

// folds is how many parts a suite is split into to fit the blind guesser on
// itself.
const folds = 10

// guesser scores texts without their picture: by one model, or for each fold by
// the model of the others.
type guesser struct {
	one  *Bigram
	fold []*Bigram
	of   func(image int) int
}

// newGuesser fits on texts where there are some, else on the suite's own.
func newGuesser(s *Suite, texts iter.Seq[string]) *guesser {
	if texts != nil {
		return &guesser{one: FitBigram(texts)}
	}
	g := &guesser{fold: make([]*Bigram, folds)}
	byImage := make([]int, len(s.Images))
	for i, img := range s.Images {
		h := fnv.New64a()
		_, _ = h.Write([]byte(img.Name)) // never fails
		byImage[i] = int(h.Sum64() % folds)
	}
	g.of = func(image int) int { return byImage[image] }
	for f := range g.fold {
		g.fold[f] = FitBigram(func(yield func(string) bool) {
			for image, text := range s.trueTexts() {
				if byImage[image] != f && !yield(text) {
					return
				}
			}
		})
	}
	return g
}

// model is the one that knows nothing of the picture.
func (g *guesser) model(image int) *Bigram {
	if g.one != nil {
		return g.one
	}
	return g.fold[g.of(image)]
}

func (g *guesser) score(image int, text string) float64 { return g.model(image).Score(text) }

// trueTexts yields the true texts of all items with their pictures, each item's
// by itself; a class probe has none.
func (s *Suite) trueTexts() iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for _, p := range s.Choices {
			for _, c := range p.Items {
				if !yield(c.Image, c.True) {
					return
				}
			}
		}
		for _, p := range s.Pairs {
			for _, c := range p.Items {
				if !yield(c.Images[0], c.Texts[0]) || !yield(c.Images[1], c.Texts[1]) {
					return
				}
			}
		}
		for _, p := range s.Retrieval {
			for _, d := range p.Items {
				for _, t := range d.Texts {
					if !yield(d.Image, t) {
						return
					}
				}
			}
		}
	}
}

package probe

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
)

// wordKind is what a shuffle keeps apart.
type wordKind int

const (
	otherWord wordKind = iota
	noun
	adjective
)

// A shuffle is one of the four ways in which ARO's order suites disturb a text
// (Yuksekgonul et al., ICLR 2023; dataset_zoo/perturbations.py of
// mertyg/vision-language-models-are-bows).
type shuffle struct {
	name   string
	tagged bool // it must know nouns and adjectives
	apply  func(w []string, kinds []wordKind, r *rand.Rand)
}

var shuffles = []shuffle{
	{"nouns and adjectives", true, func(w []string, kinds []wordKind, r *rand.Rand) {
		shuffleWhere(w, r, func(i int) bool { return kinds[i] == noun })
		shuffleWhere(w, r, func(i int) bool { return kinds[i] == adjective })
	}},
	{"all but nouns and adjectives", true, func(w []string, kinds []wordKind, r *rand.Rand) {
		shuffleWhere(w, r, func(i int) bool { return kinds[i] == otherWord })
	}},
	{"within trigrams", false, func(w []string, _ []wordKind, r *rand.Rand) {
		for part := range slices.Chunk(w, 3) {
			r.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
		}
	}},
	{"trigrams", false, func(w []string, _ []wordKind, r *rand.Rand) {
		parts := slices.Collect(slices.Chunk(slices.Clone(w), 3))
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		copy(w, slices.Concat(parts...))
	}},
}

func shuffleWhere(w []string, r *rand.Rand, which func(i int) bool) {
	var at []int
	for i := range w {
		if which(i) {
			at = append(at, i)
		}
	}
	r.Shuffle(len(at), func(i, j int) { w[at[i]], w[at[j]] = w[at[j]], w[at[i]] })
}

// shuffled applies s to the words of a text. Full stops and commas stay where
// they are, else their places would tell a shuffled text. What is drawn depends on
// the text and the shuffle alone. It returns false where no shuffle of several
// tries changed the text.
func (s shuffle) shuffled(text string, kindOf func(word string) wordKind) (string, bool) {
	fields := strings.Fields(text)
	words, tails := make([]string, len(fields)), make([]string, len(fields))
	kinds := make([]wordKind, len(fields))
	for i, f := range fields {
		words[i] = strings.TrimRight(f, ".,")
		tails[i] = f[len(words[i]):]
		if kindOf != nil {
			kinds[i] = kindOf(strings.ToLower(words[i]))
		}
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.name + "\x00" + text)) // never fails
	r := rand.New(rand.NewPCG(h.Sum64(), 0x9e3779b97f4a7c15))
	const tries = 8
	for range tries {
		w := slices.Clone(words)
		s.apply(w, kinds, r)
		for i := range w {
			w[i] += tails[i]
		}
		// Most towers read all in lower case.
		if t := strings.Join(w, " "); !strings.EqualFold(t, strings.Join(fields, " ")) {
			return t, true
		}
	}
	return "", false
}

// disturbed returns the shuffles of a text, without those that leave it as it
// is, and how many these are.
func disturbed(text string, kindOf func(word string) wordKind) (out []string, unchanged int) {
	for _, s := range shuffles {
		if s.tagged && kindOf == nil {
			continue
		}
		t, changed := s.shuffled(text, kindOf)
		if !changed {
			unchanged++
			continue
		}
		if t != text && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out, unchanged
}

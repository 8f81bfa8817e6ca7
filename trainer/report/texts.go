package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"recaption/gate"
	"recaption/schemas"
)

const (
	// exactly is how many different texts or words are counted one by one; more
	// of them are estimated, to within about half a percent.
	exactly = 1 << 16
	// commonest is how many candidates for the commonest words and openers are
	// kept.
	commonest = 1 << 13
	// lengths is the longest text in words that is told from longer ones.
	lengths = 1024
	// listed is how many of the commonest are given.
	listed = 12
	// openerWords is how many first words make an opener.
	openerWords = 3
	// keyBytes is how much of a word or an opener is kept: what is longer is
	// told by its beginning.
	keyBytes = 96
)

// Texts is what the texts of an arm are like.
type Texts struct {
	Texts      int64       `json:"texts"`
	Missing    int64       `json:"missing"` // samples without a text
	Mean       Number      `json:"mean_words"`
	Median     int         `json:"median_words"`
	P95        int         `json:"p95_words"`
	Longest    int         `json:"longest_words"`
	Lengths    []Length    `json:"lengths"` // those that occur, ascending; 1024 stands for all longer ones, too
	Vocabulary Count       `json:"vocabulary"`
	Distinct   Count       `json:"distinct"`
	Openers    []Frequency `json:"openers"` // the commonest first three words
	Words      []Frequency `json:"words"`   // the commonest
	Judged     int64       `json:"judged"`  // captions that a gate judged
	Accepted   int64       `json:"accepted"`
	Flags      []FlagCount `json:"flags,omitempty"` // all of them, of what was judged
}

// Length is how many texts have a number of words.
type Length struct {
	Words int   `json:"words"`
	Texts int64 `json:"texts"`
}

// Count is a number of different things.
type Count struct {
	N     int64 `json:"n"`
	Exact bool  `json:"exact"` // else estimated
}

// Frequency is how often a text occurs: at least Count times, and at most
// Under more.
type Frequency struct {
	Text  string `json:"text"`
	Count int64  `json:"count"`
	Under int64  `json:"under,omitempty"`
}

// FlagCount is how many captions have a flag.
type FlagCount struct {
	Flag     schemas.Flag `json:"flag"`
	Captions int64        `json:"captions"`
}

// TextStats collects [Texts]. Its memory is bounded, about 6 MB, however many
// texts it is given. The same texts in any order give the same result as long
// as no more than 8,192 different words and openers occur. It is not safe for
// concurrent use.
type TextStats struct {
	texts, missing   int64
	words            int64
	longest          int
	byLength         [lengths + 1]int64
	vocabulary       distinct
	distinct         distinct
	openers          frequent
	common           frequent
	judged, accepted int64
	flags            map[schemas.Flag]int64
}

// NewTextStats makes an empty one.
func NewTextStats() *TextStats {
	return &TextStats{
		vocabulary: newDistinct(exactly), distinct: newDistinct(exactly),
		openers: newFrequent(commonest), common: newFrequent(commonest),
		flags: map[schemas.Flag]int64{},
	}
}

// Add counts one text that the arm shows.
func (s *TextStats) Add(text string) {
	s.texts++
	s.distinct.add(text)
	n := 0
	var first []string
	for w := range strings.FieldsFuncSeq(text, between) {
		w = key(strings.ToLower(w))
		s.vocabulary.add(w)
		s.common.add(w)
		if n < openerWords {
			first = append(first, w)
		}
		n++
	}
	if n > 0 {
		s.openers.add(key(strings.Join(first, " ")))
	}
	s.words += int64(n)
	s.longest = max(s.longest, n)
	s.byLength[min(n, lengths)]++
}

// Miss counts a sample that has no text to show.
func (s *TextStats) Miss() { s.missing++ }

// Judge counts what a gate said of a caption. It does not add the text: which
// of a sample's accepted captions is shown, the policy decides.
func (s *TextStats) Judge(v gate.Verdict) {
	s.judged++
	if v.Accepted {
		s.accepted++
	}
	for _, f := range v.Flags {
		s.flags[f]++
	}
}

// Texts gives what was counted so far.
func (s *TextStats) Texts() Texts {
	t := Texts{
		Texts: s.texts, Missing: s.missing, Longest: s.longest,
		Median: s.quantile(1, 2), P95: s.quantile(19, 20),
		Vocabulary: s.vocabulary.count(), Distinct: s.distinct.count(),
		Openers: s.openers.top(listed), Words: s.common.top(listed),
		Judged: s.judged, Accepted: s.accepted, Lengths: []Length{},
	}
	if s.texts > 0 {
		t.Mean = Number(s.words) / Number(s.texts)
	}
	for n, c := range s.byLength {
		if c > 0 {
			t.Lengths = append(t.Lengths, Length{n, c})
		}
	}
	if s.judged > 0 {
		for _, f := range schemas.Flags() {
			t.Flags = append(t.Flags, FlagCount{f, s.flags[f]})
		}
	}
	return t
}

// quantile is the least number of words that num/den of the texts don't pass.
func (s *TextStats) quantile(num, den int64) int {
	need := (s.texts*num + den - 1) / den
	var seen int64
	for n, c := range s.byLength {
		if seen += c; seen >= need {
			return n
		}
	}
	return 0
}

// between tells what words are not made of, as the gate's rules take them.
func between(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r) && r != '\'' && r != '’'
}

// key bounds what is kept of a text. It is a copy: a key must not hold the
// whole text in memory.
func key(text string) string {
	if len(text) > keyBytes {
		n := keyBytes
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		text = text[:n]
	}
	return strings.Clone(text)
}

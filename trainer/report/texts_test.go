package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/gate"
	"recaption/schemas"
)

func TestTextStats(t *testing.T) {
	s := NewTextStats()
	for _, text := range []string{"A red star.", "a red STAR on a wall", "A red star.", "", "…", "Ein Stern, schön", "it's"} {
		s.Add(text)
	}
	s.Miss()
	s.Judge(gate.Verdict{Accepted: true, Text: "A red star."})
	s.Judge(gate.Verdict{Flags: []schemas.Flag{schemas.FlagCut, schemas.FlagShort}})
	got := s.Texts()
	want := Texts{
		Texts: 7, Missing: 1, Mean: Number(16.0 / 7), Median: 3, P95: 6, Longest: 6,
		Lengths:    []Length{{0, 2}, {1, 1}, {3, 3}, {6, 1}},
		Vocabulary: Count{9, true}, Distinct: Count{6, true},
		Openers: []Frequency{{"a red star", 3, 0}, {"ein stern schön", 1, 0}, {"it's", 1, 0}},
		Words:   []Frequency{{"a", 4, 0}, {"red", 3, 0}, {"star", 3, 0}, {"ein", 1, 0}, {"it's", 1, 0}, {"on", 1, 0}, {"schön", 1, 0}, {"stern", 1, 0}, {"wall", 1, 0}},
		Judged:  2, Accepted: 1,
	}
	for _, f := range schemas.Flags() {
		n := int64(0)
		if f == schemas.FlagCut || f == schemas.FlagShort {
			n = 1
		}
		want.Flags = append(want.Flags, FlagCount{f, n})
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTextStatsOfNothing(t *testing.T) {
	got := NewTextStats().Texts()
	want := Texts{Lengths: []Length{}, Vocabulary: Count{0, true}, Distinct: Count{0, true}, Openers: []Frequency{}, Words: []Frequency{}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestTextStatsBound gives ten times as many texts and words as are counted one
// by one: what is kept stays small, estimates come close, and what is common
// is found.
func TestTextStatsBound(t *testing.T) {
	s := NewTextStats()
	const n = 10 * exactly
	for i := range n {
		s.Add(fmt.Sprintf("the word%d", i))
	}
	s.Add(strings.Repeat("long", 1<<20)) // one word of 4 MB
	s.Add(strings.Repeat("w ", 5000))
	got := s.Texts()
	for name, c := range map[string]Count{"vocabulary": got.Vocabulary, "distinct": got.Distinct} {
		if off := math.Abs(float64(c.N)/n - 1); c.Exact || off > .02 {
			t.Errorf("%s: %+v of %d, off by %.3f", name, c, n, off)
		}
	}
	first := got.Words[0]
	if first.Text != "the" || first.Count > n || first.Count+first.Under < n {
		t.Errorf("the commonest word is %+v; it occurs %d times", first, n)
	}
	if got.Longest != 5000 || got.Lengths[len(got.Lengths)-1] != (Length{lengths, 1}) {
		t.Errorf("longest %d, lengths %v", got.Longest, got.Lengths)
	}
	if len(s.vocabulary.hashes) > exactly || len(s.common.counts) > 2*commonest || len(s.openers.counts) > 2*commonest {
		t.Errorf("kept %d hashes, %d words, %d openers", len(s.vocabulary.hashes), len(s.common.counts), len(s.openers.counts))
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 32<<20 {
		t.Errorf("%d MB are held", m.HeapAlloc>>20)
	}
	runtime.KeepAlive(s)
}

// TestFrequent compares with counts of all: every count is a lower bound, and
// with what it may be too small by an upper one.
func TestFrequent(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(rng, 1.2, 1, 1<<20)
	f, all := newFrequent(100), map[string]int64{}
	const n = 200_000
	for range n {
		w := fmt.Sprint(zipf.Uint64())
		f.add(w)
		all[w]++
	}
	if f.off > n/100 {
		t.Errorf("counts are too small by up to %d; want at most %d", f.off, n/100)
	}
	for _, got := range f.top(100) {
		if want := all[got.Text]; got.Count > want || got.Count+got.Under < want {
			t.Errorf("%+v; it occurs %d times", got, want)
		}
	}
	if got := f.top(1)[0].Text; got != "0" {
		t.Errorf("the commonest is %s", got)
	}
}

func BenchmarkTextStats(b *testing.B) {
	s := NewTextStats()
	text := "The picture shows two objects on a smooth cream background. There is a large plain white square. A small plain red star is above the white square."
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s.Add(text)
	}
}

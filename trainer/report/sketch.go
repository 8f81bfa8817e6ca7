package report

import (
	"cmp"
	"hash/fnv"
	"math/bits"
	"slices"
)

// distinct counts different texts in bounded memory: exactly up to limit of
// them, then by adaptive sampling (Flajolet, On Adaptive Sampling, 1990): it
// keeps those whose hash begins with depth zeros, and goes one deeper whenever
// they are too many. The error of the estimate is about 1.2 / sqrt(limit).
// Equal texts in any order give equal counts.
type distinct struct {
	limit  int
	depth  int
	hashes map[uint64]struct{}
}

func newDistinct(limit int) distinct { return distinct{limit: limit, hashes: map[uint64]struct{}{}} }

func (d *distinct) add(text string) {
	h := hash(text)
	if bits.LeadingZeros64(h) < d.depth {
		return
	}
	d.hashes[h] = struct{}{}
	for len(d.hashes) > d.limit {
		d.depth++
		for h := range d.hashes {
			if bits.LeadingZeros64(h) < d.depth {
				delete(d.hashes, h)
			}
		}
	}
}

func (d *distinct) count() Count {
	return Count{N: int64(len(d.hashes)) << d.depth, Exact: d.depth == 0}
}

// hash is FNV-1a with its bits mixed once more (the end of MurmurHash3), since
// the first bits of short texts hardly differ.
func hash(text string) uint64 {
	f := fnv.New64a()
	f.Write([]byte(text))
	h := f.Sum64()
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// frequent finds the commonest texts in bounded memory: exactly while at most
// limit different ones were seen, then by the summary of Misra and Gries
// (1982), whose counts are too small by at most off, which is at most the
// number of all texts / limit.
type frequent struct {
	limit  int
	off    int64
	counts map[string]int64
}

func newFrequent(limit int) frequent { return frequent{limit: limit, counts: map[string]int64{}} }

func (f *frequent) add(text string) {
	f.counts[text]++
	// Twice the limit may pile up, so that a cut pays for itself.
	if len(f.counts) <= 2*f.limit {
		return
	}
	all := make([]int64, 0, len(f.counts))
	for _, n := range f.counts {
		all = append(all, n)
	}
	slices.Sort(all)
	less := all[len(all)-f.limit-1]
	f.off += less
	for t, n := range f.counts {
		if n <= less {
			delete(f.counts, t)
		} else {
			f.counts[t] = n - less
		}
	}
}

// top gives the n commonest, the first in the order of text among equals.
func (f *frequent) top(n int) []Frequency {
	all := make([]Frequency, 0, len(f.counts))
	for t, c := range f.counts {
		all = append(all, Frequency{Text: t, Count: c, Under: f.off})
	}
	slices.SortFunc(all, func(a, b Frequency) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text))
	})
	return all[:min(n, len(all))]
}

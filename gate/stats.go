package gate

import (
	"hash/maphash"
	"strings"

	"recaption/schemas"
)

// Stats counts what repeats over the captions of a shard: one caption on many
// images, and how many begin alike. It never decides a row. Its memory grows
// with the rows it has seen, at most one shard's. The zero value is ready.
type Stats struct {
	seed     maphash.Seed
	captions map[uint64]count
	openers  map[string]int
	rows     int
}

type count struct {
	text string
	n    int
}

// Add takes the caption of one row.
func (s *Stats) Add(text string) {
	if s.captions == nil {
		s.seed, s.captions, s.openers = maphash.MakeSeed(), map[uint64]count{}, map[string]int{}
	}
	s.rows++
	k := maphash.String(s.seed, text)
	c := s.captions[k]
	s.captions[k] = count{text, c.n + 1}
	w := words(text)
	if len(w) > 3 {
		w = w[:3]
	}
	s.openers[strings.Join(w, " ")]++
}

// Repeated gives the most frequent caption and opener, nil when no row was
// added. Among equals the first in the order of text is given, so that equal
// rows give equal statistics.
func (s *Stats) Repeated() *schemas.Repeated {
	if s.rows == 0 {
		return nil
	}
	r := &schemas.Repeated{}
	for _, c := range s.captions {
		if c.n > r.Rows || c.n == r.Rows && c.text < r.Caption {
			r.Caption, r.Rows = c.text, c.n
		}
	}
	most := 0
	for o, n := range s.openers {
		if n > most || n == most && o < r.Opener {
			r.Opener, most = o, n
		}
	}
	r.Share = float64(most) / float64(s.rows)
	return r
}

package gate

import (
	"strings"

	"recaption/schemas"
)

// Stats counts what repeats over the captions of a shard: one caption on many
// images, and how many begin alike. It never decides a row. Its memory grows
// with the rows it has seen, at most one shard's. The zero value is ready.
type Stats struct {
	captions map[string]int
	openers  map[string]int
	rows     int
}

// Add takes the caption of one row.
func (s *Stats) Add(text string) {
	if s.captions == nil {
		s.captions, s.openers = map[string]int{}, map[string]int{}
	}
	s.rows++
	s.captions[text]++
	w := words(text)
	s.openers[strings.Join(w[:min(len(w), 3)], " ")]++
}

// Repeated gives the most frequent caption and opener, nil when no row was
// added. Among equals the first in the order of text is given, so that equal
// rows give equal statistics.
func (s *Stats) Repeated() *schemas.Repeated {
	if s.rows == 0 {
		return nil
	}
	r := &schemas.Repeated{}
	var most int
	r.Caption, r.Rows = mostFrequent(s.captions)
	r.Opener, most = mostFrequent(s.openers)
	r.Share = float64(most) / float64(s.rows)
	return r
}

func mostFrequent(counts map[string]int) (text string, n int) {
	for t, c := range counts {
		if c > n || c == n && t < text {
			text, n = t, c
		}
	}
	return text, n
}

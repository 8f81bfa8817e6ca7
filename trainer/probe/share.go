package probe

import "math"

// Share is right answers among those asked, with a Wilson 95 % interval.
type Share struct {
	Right int     `json:"right"`
	Ties  int     `json:"ties"` // wrong answers that were ties
	Asked int     `json:"asked"`
	Share float64 `json:"share"` // 0 when nothing was asked
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// z is the 97.5 % point of the normal distribution.
const z = 1.959963984540054

// NewShare computes share and interval. With nothing asked it is from 0 to 1.
func NewShare(right, ties, asked int) Share {
	s := Share{Right: right, Ties: ties, Asked: asked, High: 1}
	if asked == 0 {
		return s
	}
	n := float64(asked)
	p := float64(right) / n
	centre := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	s.Share, s.Low, s.High = p, max(centre-half, 0), min(centre+half, 1)
	if right == 0 {
		s.Low = 0
	}
	if right == asked {
		s.High = 1
	}
	return s
}

// Difference is a difference of two shares with its 95 % interval.
type Difference struct {
	Difference float64 `json:"difference"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
}

// Minus returns s minus o with the interval of Newcombe's method 10, which is
// for independent shares.
func (s Share) Minus(o Share) Difference {
	d := s.Share - o.Share
	return Difference{
		Difference: d,
		Low:        d - math.Hypot(s.Share-s.Low, o.High-o.Share),
		High:       d + math.Hypot(s.High-s.Share, o.Share-o.Low),
	}
}

// Macro is the mean of the shares of groups, each counted alike, as ARO reports
// its figures.
type Macro struct {
	Share  float64 `json:"share"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Groups int     `json:"groups"`
	// LeftOut are the groups that the suite's rule leaves out.
	LeftOut int `json:"left_out"`
}

// newMacro takes shares by group. Its interval is the normal one of a mean of
// independent shares, the variance of each estimated with one right and one
// wrong answer more, since a small group without a mistake has some variance too.
func newMacro(groups []Share, leftOut int) *Macro {
	m := &Macro{Groups: len(groups), LeftOut: leftOut, High: 1}
	if len(groups) == 0 {
		return m
	}
	k := float64(len(groups))
	variance := 0.0
	for _, g := range groups {
		n := float64(g.Asked + 2)
		p := float64(g.Right+1) / n
		m.Share += g.Share / k
		variance += p * (1 - p) / n / (k * k)
	}
	half := z * math.Sqrt(variance)
	m.Low, m.High = max(m.Share-half, 0), min(m.Share+half, 1)
	return m
}

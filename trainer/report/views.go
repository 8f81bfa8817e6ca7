package report

import (
	"html/template"
	"slices"
)

// pair is two arms that are compared.
type pair struct{ Arm, Over string }

func pairs(all []Difference) (out []pair) {
	for _, d := range all {
		if p := (pair{d.Arm, d.Over}); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// suite is the probes of one suite, with their chart.
type suite struct {
	Name  string
	Rows  []probeRow
	Chart *chart
	Blind bool // a column tells the blind baseline: no probe has different ones
}

// probeRow is one probe, arms side by side.
type probeRow struct {
	Name, What string
	Items      string
	Chance     string
	Blind      string
	Cells      []probeCell // one for each arm
	Gaps       []gapCell   // one for each pair
}

type probeCell struct {
	Measured bool
	Share    string
	Interval string
	Ties     string
	Blind    string
	Items    string // where the arms differ in it
}

type gapCell struct {
	By, Interval string
	Unclear      bool
}

// suites joins the arms' probes in the order in which they first occur.
func suites(r Report) (out []suite) {
	type id struct{ suite, name string }
	var order []id
	byArm := make([]map[id]Probe, len(r.Arms))
	for i, a := range r.Arms {
		byArm[i] = map[id]Probe{}
		for _, p := range a.Probes {
			at := id{p.Suite, p.Name}
			byArm[i][at] = p
			if !slices.Contains(order, at) {
				order = append(order, at)
			}
		}
	}
	groups := map[string][]group{}
	all := pairs(r.Differences)
	for _, at := range order {
		i := slices.IndexFunc(out, func(s suite) bool { return s.Name == at.suite })
		if i < 0 {
			i, out = len(out), append(out, suite{Name: at.suite})
		}
		row, g := probeRow{Name: at.name}, group{name: at.name}
		items := -1
		for n, a := range r.Arms {
			p, ok := byArm[n][at]
			if !ok {
				row.Cells = append(row.Cells, probeCell{})
				continue
			}
			cell := probeCell{Measured: true, Share: percent(p.Share), Interval: interval(p.Low, p.High), Ties: thousands(int64(p.Ties))}
			if p.Blind != nil {
				cell.Blind = percent(*p.Blind)
			}
			if items < 0 {
				items, row.What, row.Items, row.Chance, g.chance = p.Items, p.What, thousands(int64(p.Items)), percent(p.Chance), p.Chance
			} else if items != p.Items {
				cell.Items = thousands(int64(p.Items))
			}
			row.Cells = append(row.Cells, cell)
			g.bars = append(g.bars, bar{n, a.Name, p})
		}
		row.Gaps = gaps(r.Differences, all, at.suite, at.name)
		out[i].Rows = append(out[i].Rows, row)
		groups[at.suite] = append(groups[at.suite], g)
	}
	for i := range out {
		out[i].joinBlind()
		if c, ok := probeChart(out[i].Name, groups[out[i].Name]); ok {
			out[i].Chart = &c
		}
	}
	return out
}

// joinBlind moves the blind baseline into a column of its own where it is the
// same for all arms, as it is when it hangs on the texts alone.
func (s *suite) joinBlind() {
	joined := make([]string, len(s.Rows))
	for i, r := range s.Rows {
		for _, c := range r.Cells {
			switch {
			case !c.Measured || c.Blind == "" || c.Blind == joined[i]:
			case joined[i] == "":
				joined[i] = c.Blind
			default:
				s.Blind = false
				return
			}
		}
		s.Blind = s.Blind || joined[i] != ""
	}
	for i := range s.Rows {
		s.Rows[i].Blind = joined[i]
		for j := range s.Rows[i].Cells {
			s.Rows[i].Cells[j].Blind = ""
		}
	}
}

func gaps(differences []Difference, all []pair, suite, probe string) []gapCell {
	cells := make([]gapCell, len(all))
	for _, d := range differences {
		if d.Suite == suite && d.Probe == probe {
			cells[slices.Index(all, pair{d.Arm, d.Over})] = gapCell{points(d.By), interval(d.Low, d.High), unclear(d)}
		}
	}
	return cells
}

// sampleView is a sample as the page shows it.
type sampleView struct {
	Sample
	URL template.URL
	Why string // no picture
	Alt string // what the picture shows
}

func newSampleView(s Sample) sampleView {
	v := sampleView{Sample: s, Alt: s.True}
	v.URL, v.Why = picture(s.Image, s.NoImage)
	if v.Alt == "" {
		v.Alt = s.Caption
	}
	if v.Alt == "" {
		v.Alt = "picture " + s.Key
	}
	return v
}

// itemView is a probe's question as the page shows it.
type itemView struct {
	Item
	URL         template.URL
	Why         string
	Right, Left []segment // the true text and the wrong one
	Answers     []answer
}

type answer struct {
	Arm         string
	Style       int
	True, Wrong Number
	Outcome     string
	Won         bool
}

func newItemView(it Item, arms []Arm) itemView {
	v := itemView{Item: it}
	v.URL, v.Why = picture(it.Image, "")
	v.Right, v.Left = differences(it.True, it.Wrong)
	for _, a := range it.Arms {
		n := slices.IndexFunc(arms, func(x Arm) bool { return x.Name == a.Arm })
		one := answer{Arm: a.Arm, Style: max(n, 0) % series, True: a.True, Wrong: a.Wrong, Won: a.True > a.Wrong, Outcome: "lost"}
		switch {
		case !a.True.finite() || !a.Wrong.finite():
			one.Won, one.Outcome = false, "not finite"
		case one.Won:
			one.Outcome = "won"
		case a.True == a.Wrong:
			one.Outcome = "tie"
		}
		v.Answers = append(v.Answers, one)
	}
	return v
}

// None says why a sample has no caption to show.
func (v sampleView) None() string {
	if v.Rejected != "" {
		return "the gate accepts none"
	}
	return "none"
}

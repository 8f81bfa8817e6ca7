package report

import (
	"bufio"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"percent":    percent,
	"points":     points,
	"interval":   interval,
	"decimal":    decimal,
	"share":      share,
	"paragraphs": paragraphs,
	"similarity": func(n Number) string {
		if !n.finite() {
			return "not finite"
		}
		return fmt.Sprintf("%.3f", float64(n))
	},
}).Parse(pageText))

// WriteHTML writes r as one page, after [Report.Validate]. The page needs no
// other file and no network. Equal reports give equal pages.
func WriteHTML(w io.Writer, r Report) error {
	if err := r.Validate(); err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	if err := pageTemplate.Execute(b, newPage(r)); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return b.Flush()
}

// page is what the template is filled with.
type page struct {
	Report
	Made    string // when and by what, in one line
	Legend  []legend
	Lead    []tile
	Suites  []suite
	Pairs   []pair
	Same    []row // what all arms have in common; one cell
	Setup   []row // and what they differ in
	Lines   []figure
	More    []figure
	Lengths *figure
	Texts   []row
	Lists   []textList
	Gallery []sampleView
	Asked   []itemView
	Where   []row
}

// legend is how an arm is drawn.
type legend struct {
	Name, About string
	Style       int
}

// tile is a figure at the head of the page.
type tile struct {
	Name      string
	Over, Arm string // names
	From, To  string // their shares
	By        string
	Interval  string
	Unclear   bool // the interval holds 0
}

// row is a row of a table with a column for each arm.
type row struct {
	Name  string
	Cells []string
}

// figure is a chart with its title.
type figure struct {
	Title, Note string
	chart
}

// textList is what is commonest in an arm's texts.
type textList struct {
	Arm            string
	Openers, Words []entry
	Of             int64
}

// entry is one of the commonest.
type entry struct{ Text, Share string }

func newPage(r Report) page {
	p := page{Report: r, Made: made(r), Suites: suites(r), Pairs: pairs(r.Differences)}
	for i, a := range r.Arms {
		p.Legend = append(p.Legend, legend{a.Name, a.About, i % series})
	}
	p.Lead = lead(r, p.Pairs)
	for _, row := range setup(r.Arms) {
		if len(r.Arms) > 1 && len(slices.Compact(slices.Clone(row.Cells))) == 1 {
			p.Same = append(p.Same, row)
		} else {
			p.Setup = append(p.Setup, row)
		}
	}
	p.Lines, p.More = curveFigures(r.Arms)
	if c, ok := lengthChart(r.Arms); ok {
		p.Lengths = &figure{Title: "Length of texts", chart: c}
	}
	p.Texts = textRows(r.Arms)
	p.Lists = textLists(r.Arms)
	for _, s := range r.Samples {
		p.Gallery = append(p.Gallery, newSampleView(s))
	}
	for _, it := range r.Items {
		p.Asked = append(p.Asked, newItemView(it, r.Arms))
	}
	p.Where = where(r)
	return p
}

func made(r Report) string {
	var parts []string
	if !r.When.IsZero() {
		parts = append(parts, r.When.UTC().Format("2 January 2006, 15:04 UTC"))
	}
	if r.Program.Version != "" {
		parts = append(parts, "recaption "+r.Program.Version)
	}
	if r.Machine.CPU != "" {
		parts = append(parts, fmt.Sprintf("%s, %d cores", r.Machine.CPU, r.Machine.Cores))
	}
	return strings.Join(parts, " · ")
}

// tiles is how many figures head the page.
const tiles = 6

// lead picks the differences of the first pair of arms.
func lead(r Report, all []pair) []tile {
	if len(all) == 0 {
		return nil
	}
	var out []tile
	for _, d := range r.Differences {
		if (pair{d.Arm, d.Over}) != all[0] || !d.By.finite() || len(out) == tiles {
			continue
		}
		t := tile{Name: d.Probe, Over: d.Over, Arm: d.Arm, By: points(d.By), Interval: interval(d.Low, d.High), Unclear: unclear(d)}
		for _, a := range r.Arms {
			for _, p := range a.Probes {
				if p.Suite != d.Suite || p.Name != d.Probe {
					continue
				}
				if a.Name == d.Over {
					t.From = percent(p.Share)
				}
				if a.Name == d.Arm {
					t.To = percent(p.Share)
				}
			}
		}
		out = append(out, t)
	}
	return out
}

func unclear(d Difference) bool {
	return d.Low.finite() && d.High.finite() && d.Low <= 0 && d.High >= 0
}

// curveFigures gives the chart of losses, and those that fewer readers want.
func curveFigures(arms []Arm) (lines, more []figure) {
	one := func(title, note string, pick func(Point) Number) []figure {
		all, left := tracks(arms, pick)
		c, ok := curveChart(title, all)
		if !ok {
			return nil
		}
		if left > 0 {
			note += fmt.Sprintf(" Left out, since not finite or too great to draw: %s points.", thousands(int64(left)))
		}
		return []figure{{title, strings.TrimSpace(note), c}}
	}
	lines = one("Loss", fmt.Sprintf("The strong lines are means over a %dth of the steps; behind them, what was measured.", windows), func(p Point) Number { return p.Loss })
	if len(lines) == 0 {
		return nil, nil
	}
	more = append(more, one("Learning rate", "", func(p Point) Number { return p.Rate })...)
	more = append(more, one("Scale of similarities", "", func(p Point) Number { return p.Scale })...)
	more = append(more, one("Images a second", "", func(p Point) Number { return p.ImagesPerSecond })...)
	return lines, more
}

// paragraphs parts a text at its blank lines.
func paragraphs(text string) []string {
	var out []string
	for p := range strings.SplitSeq(text, "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

package report

import (
	"bufio"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"recaption/schemas"
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
	Openers, Words []listed1
	Of             int64
}

type listed1 struct{ Text, Share string }

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

// perArm makes a row, and none where no arm has anything to say.
func perArm(rows []row, name string, arms []Arm, cell func(Arm) string) []row {
	r := row{Name: name}
	for _, a := range arms {
		r.Cells = append(r.Cells, cell(a))
	}
	if !slices.ContainsFunc(r.Cells, func(s string) bool { return s != "" }) {
		return rows
	}
	for i := range r.Cells {
		if r.Cells[i] == "" {
			r.Cells[i] = unknown
		}
	}
	return append(rows, r)
}

// setup lays the arms' recipes and trainings side by side.
func setup(arms []Arm) (rows []row) {
	trained := func(f func(Training) string) func(Arm) string {
		return func(a Arm) string {
			if a.Training == nil {
				return ""
			}
			return f(*a.Training)
		}
	}
	rows = perArm(rows, "texts", arms, func(a Arm) string { return a.About })
	rows = perArm(rows, "captions by", arms, func(a Arm) string { return a.Recipe })
	for _, f := range []struct {
		name string
		cell func(Training) string
	}{
		{"model", func(t Training) string { return t.Model }},
		{"parameters", func(t Training) string { return whole(t.Parameters) }},
		{"loss", func(t Training) string { return t.Loss }},
		{"optimizer", func(t Training) string { return t.Optimizer }},
		{"samples", func(t Training) string { return whole(int64(t.Samples)) }},
		{"batch", func(t Training) string { return whole(int64(t.Batch)) }},
		{"steps", func(t Training) string { return whole(int64(t.Steps)) }},
		{"epochs", func(t Training) string { return strings.TrimSuffix(nonZero(t.Epochs, decimal), ".0") }},
		{"pixels of a side", func(t Training) string { return whole(int64(t.Pixels)) }},
		{"context, tokens", func(t Training) string { return whole(int64(t.Context)) }},
	} {
		rows = perArm(rows, f.name, arms, trained(f.cell))
	}
	var names []string
	for _, a := range arms {
		if a.Training != nil {
			for _, s := range a.Training.Settings {
				if !slices.Contains(names, s.Name) {
					names = append(names, s.Name)
				}
			}
		}
	}
	for _, n := range names {
		rows = perArm(rows, n, arms, trained(func(t Training) string {
			for _, s := range t.Settings {
				if s.Name == n {
					return s.Value
				}
			}
			return ""
		}))
	}
	rows = perArm(rows, "time", arms, trained(func(t Training) string { return span(t.Seconds) }))
	rows = perArm(rows, "images a second", arms, trained(func(t Training) string { return nonZero(t.ImagesPerSecond, decimal) }))
	rows = perArm(rows, "peak memory", arms, trained(func(t Training) string { return size(t.PeakMemory) }))
	rows = perArm(rows, "loss at the end", arms, func(a Arm) string {
		if len(a.Curve) == 0 {
			return ""
		}
		if n := a.Curve[len(a.Curve)-1].Loss; n.finite() {
			return short(float64(n))
		}
		return "not finite"
	})
	return rows
}

func nonZero(n Number, write func(Number) string) string {
	if n == 0 {
		return ""
	}
	return write(n)
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

func textRows(arms []Arm) (rows []row) {
	of := func(f func(Texts) string) func(Arm) string {
		return func(a Arm) string {
			if a.Texts == nil {
				return ""
			}
			return f(*a.Texts)
		}
	}
	for _, f := range []struct {
		name string
		cell func(Texts) string
	}{
		{"texts", func(t Texts) string { return thousands(t.Texts) }},
		{"samples without a text", func(t Texts) string { return thousands(t.Missing) }},
		{"words, mean", func(t Texts) string { return decimal(t.Mean) }},
		{"words, median", func(t Texts) string { return thousands(int64(t.Median)) }},
		{"words, 95 % have at most", func(t Texts) string { return thousands(int64(t.P95)) }},
		{"words, longest", func(t Texts) string { return thousands(int64(t.Longest)) }},
		{"different words", func(t Texts) string { return count(t.Vocabulary) }},
		{"different texts", func(t Texts) string { return count(t.Distinct) }},
		{"captions accepted by the gate", func(t Texts) string {
			if t.Judged == 0 {
				return ""
			}
			return share(t.Accepted, t.Judged) + " of " + thousands(t.Judged)
		}},
	} {
		rows = perArm(rows, f.name, arms, of(f.cell))
	}
	return flagRows(rows, arms)
}

// flagRows adds a row for each flag that some caption has, and one for the
// others.
func flagRows(rows []row, arms []Arm) []row {
	judged := func(a Arm) bool { return a.Texts != nil && a.Texts.Judged > 0 }
	others := false
	for _, f := range schemas.Flags() {
		counts := map[string]int64{}
		for _, a := range arms {
			if !judged(a) {
				continue
			}
			for _, c := range a.Texts.Flags {
				if c.Flag == f && c.Captions > 0 {
					counts[a.Name] = c.Captions
				}
			}
		}
		if len(counts) == 0 {
			others = true
			continue
		}
		rows = perArm(rows, "with the flag "+string(f), arms, func(a Arm) string {
			if !judged(a) {
				return ""
			}
			return thousands(counts[a.Name])
		})
	}
	if !others {
		return rows
	}
	return perArm(rows, "with any other flag", arms, func(a Arm) string {
		if !judged(a) {
			return ""
		}
		return "0"
	})
}

func textLists(arms []Arm) (all []textList) {
	for _, a := range arms {
		if a.Texts == nil || a.Texts.Texts == 0 {
			continue
		}
		l := textList{Arm: a.Name}
		for _, f := range a.Texts.Openers {
			l.Openers = append(l.Openers, listed1{f.Text + " …", share(f.Count, a.Texts.Texts)})
		}
		for _, f := range a.Texts.Words {
			l.Words = append(l.Words, listed1{f.Text, thousands(f.Count)})
		}
		all = append(all, l)
	}
	return all
}

// where tells the machine and the programs.
func where(r Report) (rows []row) {
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, row{name, []string{value}})
		}
	}
	add("recaption", r.Program.Version)
	add("runtime", r.Program.Runtime)
	add("Go", r.Program.Go)
	add("CPU", r.Machine.CPU)
	add("cores", whole(int64(r.Machine.Cores)))
	add("memory", size(r.Machine.Memory))
	add("accelerator", r.Machine.Accelerator)
	add("system", r.Machine.System)
	return rows
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

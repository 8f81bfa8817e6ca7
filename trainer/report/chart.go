package report

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"image/color"
	"math"
	"regexp"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart is one figure, drawn once for wide windows and once for narrow ones,
// so that its letters keep their size. The page shows one of the two.
type chart struct {
	Wide, Narrow template.HTML
}

// The widths of the two in CSS pixels; one of the plot's points is one pixel.
const (
	wide   = 960
	narrow = 340
)

// newChart draws one figure in both widths, of the heights given. label tells
// those who don't see it what it shows; paint fills a canvas.
func newChart(label string, wideHeight, narrowHeight float64, paint func(c draw.Canvas)) chart {
	one := func(class string, width, height float64) template.HTML {
		c := vgsvg.New(vg.Length(width), vg.Length(height))
		paint(draw.New(c))
		var b bytes.Buffer
		if _, err := c.WriteTo(&b); err != nil {
			panic(err) // a buffer takes all
		}
		return themed(b.String(), class, label, width, height)
	}
	return chart{Wide: one("wide", wide, wideHeight), Narrow: one("narrow", narrow, narrowHeight)}
}

// inks are the page's colours. The plot draws each as a colour of its own,
// that stands for the page's CSS variable of that name.
var inks = []string{
	"ink", "soft", "line", "paper",
	"s0", "s1", "s2", "s3", "s4", "s5",
	"s0-faint", "s1-faint", "s2-faint", "s3-faint", "s4-faint", "s5-faint",
}

// series is how many arms have a colour and a dash of their own.
const series = 6

func ink(name string) color.Color {
	for i, n := range inks {
		if n == name {
			return color.NRGBA{0xfa, 0x11, byte(i), 0xff}
		}
	}
	panic("no ink " + name)
}

func armInk(i int) color.Color      { return ink(fmt.Sprintf("s%d", i%series)) }
func armFaintInk(i int) color.Color { return ink(fmt.Sprintf("s%d-faint", i%series)) }

// armDashes tell arms apart where colours can't. The page's CSS has the same.
var armDashes = [series][]vg.Length{nil, {7, 3}, {2, 2.5}, {9, 3, 2, 3}, {12, 4}, {4, 4}}

var (
	inked = func() *strings.Replacer {
		var pairs []string
		for i, n := range inks {
			for _, property := range []string{"fill:", "stroke:"} {
				pairs = append(pairs, fmt.Sprintf("%s#FA11%02X", property, i), property+"var(--"+n+")")
			}
		}
		return strings.NewReplacer(pairs...)
	}()
	// head is what the library writes before the drawing: XML's declaration
	// and an svg element of a fixed size.
	head = regexp.MustCompile(`(?s)^.*?<svg[^>]*>`)
	// fonts repeats in every text; the page sets it once.
	fonts = regexp.MustCompile(`font-family:[^;"]*;font-variant:[^;"]*;font-weight:normal;font-style:normal;`)
)

// themed makes a drawing follow the page's theme and width.
func themed(svg, class, label string, width, height float64) template.HTML {
	open := fmt.Sprintf(`<svg class="chart %s" viewBox="0 0 %g %g" role="img" aria-label="%s">`, class, width, height, html.EscapeString(label))
	svg = head.ReplaceAllLiteralString(svg, open)
	svg = fonts.ReplaceAllLiteralString(svg, "")
	return template.HTML(inked.Replace(svg))
}

// letters is the style of the charts' texts.
func letters(size float64, colour string) text.Style {
	return text.Style{
		Color:   ink(colour),
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Length(size)},
		Handler: plot.DefaultTextHandler,
	}
}

// newPlot makes a plot of the page's look: no frame, soft labels.
func newPlot() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		align := a.Tick.Label
		a.Tick.Label = letters(12, "soft")
		a.Tick.Label.XAlign, a.Tick.Label.YAlign = align.XAlign, align.YAlign
		align = a.Label.TextStyle
		a.Label.TextStyle = letters(12, "soft")
		a.Label.TextStyle.XAlign, a.Label.TextStyle.YAlign = align.XAlign, align.YAlign
		a.Label.Padding = 4
		a.Color, a.Width = ink("line"), 1
		a.Tick.Color, a.Tick.Width = ink("line"), 1
		a.Tick.Length = 4
		a.Padding = 0
	}
	p.Y.Tick.Length = 0
	p.Y.Width = 0
	return p
}

// grid draws a line at each tick of y.
func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical = draw.LineStyle{}
	g.Horizontal = draw.LineStyle{Color: ink("line"), Width: 1}
	return g
}

// ticks gives about n round ticks, all with labels.
type ticks struct {
	n     int
	label func(float64) string
}

func (t ticks) Ticks(low, high float64) []plot.Tick {
	step := roundStep((high - low) / float64(t.n))
	if step == 0 {
		return nil
	}
	var all []plot.Tick
	for i := math.Ceil(low/step - 1e-9); i*step <= high+step*1e-9; i++ {
		x := i*step + 0 // never minus zero
		all = append(all, plot.Tick{Value: x, Label: t.label(x)})
	}
	return all
}

// roundStep is the least of 1, 2 and 5 times a power of ten that is not much
// below x; 0 where there is none.
func roundStep(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 0) {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if x <= m*unit*1.25 {
			return m * unit
		}
	}
	return 10 * unit
}

// short writes a figure with at most four digits that count.
func short(x float64) string {
	switch a := math.Abs(x); {
	case a != 0 && (a < 1e-3 || a >= 1e6):
		return strings.Replace(fmt.Sprintf("%.2g", x), "e-0", "e-", 1)
	case a >= 100:
		return thousands(int64(math.Round(x)))
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", x), "0"), ".")
}

// fit shortens a text to a width.
func fit(s string, style text.Style, width vg.Length) string {
	s = strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "\uFFFD")
	r := []rune(s)
	if len(r) > 200 {
		r = r[:200] // measuring is not for free
	} else if style.Width(s) <= width {
		return s
	}
	for len(r) > 0 && style.Width(string(r)+"…") > width {
		r = r[:len(r)-1]
	}
	return string(r) + "…"
}

package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// track is one line of a chart of curves.
type track struct {
	arm  int // which colour and dash
	name string
	xys  plotter.XYs // finite, in the order of steps
}

// greatest bounds what is drawn: the library's arithmetic overflows near the
// end of the numbers.
const greatest = 1e30

// tracks picks one figure of each arm's curve. Points where it is not finite,
// or beyond greatest, are left out and counted.
func tracks(arms []Arm, pick func(Point) Number) (all []track, left int) {
	for i, a := range arms {
		t := track{arm: i, name: a.Name}
		for _, p := range a.Curve {
			if y := pick(p); math.Abs(float64(y)) <= greatest {
				t.xys = append(t.xys, plotter.XY{X: float64(p.Step), Y: float64(y)})
			} else {
				left++
			}
		}
		if len(t.xys) > 0 {
			all = append(all, t)
		}
	}
	return all, left
}

// windows is into how many windows a curve is parted: each point of a smooth
// line is the mean of the points within one window around it.
const windows = 40

func smooth(xys plotter.XYs) plotter.XYs {
	half := len(xys) / windows / 2
	sums := make([]float64, len(xys)+1)
	for i, p := range xys {
		sums[i+1] = sums[i] + p.Y
	}
	out := make(plotter.XYs, len(xys))
	for i, p := range xys {
		h := min(half, i, len(xys)-1-i) // the same on both sides, so the ends don't lag
		out[i] = plotter.XY{X: p.X, Y: (sums[i+h+1] - sums[i-h]) / float64(2*h+1)}
	}
	return out
}

// drawn is how many columns a curve is drawn in at most: of the points of one
// column its least and its greatest are drawn.
const drawn = 200

func thin(xys plotter.XYs) plotter.XYs {
	if len(xys) <= 2*drawn {
		return xys
	}
	out := make(plotter.XYs, 0, 2*drawn)
	for c := range drawn {
		part := xys[c*len(xys)/drawn : (c+1)*len(xys)/drawn]
		low, high := 0, 0
		for i := range part {
			if part[i].Y < part[low].Y {
				low = i
			}
			if part[i].Y > part[high].Y {
				high = i
			}
		}
		out = append(out, part[min(low, high)])
		if low != high {
			out = append(out, part[max(low, high)])
		}
	}
	return out
}

// some picks evenly, the last point among them.
func some(xys plotter.XYs) plotter.XYs {
	if len(xys) <= drawn {
		return xys
	}
	out := make(plotter.XYs, drawn)
	for i := range out {
		out[i] = xys[i*(len(xys)-1)/(drawn-1)]
	}
	return out
}

// curveChart draws tracks over steps, each smooth before what was measured. It
// reports false when there is nothing to draw.
func curveChart(what string, all []track) (chart, bool) {
	if len(all) == 0 {
		return chart{}, false
	}
	p := newPlot()
	p.Add(grid())
	raw := make([]plotter.XYs, len(all))
	fine := make([]plotter.XYs, len(all))
	var said []string
	low, high, last := 0.0, 0.0, 0.0
	for i, t := range all {
		s := smooth(t.xys)
		raw[i], fine[i] = thin(t.xys), some(s)
		said = append(said, fmt.Sprintf("%s from %s to %s in %s steps", t.name, short(s[0].Y), short(s[len(s)-1].Y), thousands(int64(t.xys[len(t.xys)-1].X))))
		for _, p := range t.xys {
			low, high, last = math.Min(low, p.Y), math.Max(high, p.Y), math.Max(last, p.X)
		}
	}
	for i, t := range all {
		addLine(p.Add, raw[i], draw.LineStyle{Color: armFaintInk(t.arm), Width: 1})
	}
	for i, t := range all {
		addLine(p.Add, fine[i], draw.LineStyle{Color: armInk(t.arm), Width: 2, Dashes: armDashes[t.arm%series]})
	}
	p.X.Min, p.X.Max = 0, math.Max(last, 1)
	p.Y.Min, p.Y.Max = low, high
	if high == low {
		p.Y.Max = low + 1
	}
	p.Y.Max += (p.Y.Max - p.Y.Min) * .04
	p.X.Label.Text = "step"
	p.Y.Tick.Marker = ticks{5, short}
	label := what + " by step: " + strings.Join(said, "; ") + "."
	height := func(w float64) float64 { return map[bool]float64{true: 320, false: 250}[w == wide] }
	return newChart(label, height, func(c draw.Canvas) {
		p.X.Tick.Marker = ticks{int(max(3, min(8, c.Size().X/90))), short}
		p.Draw(draw.Crop(c, 0, -14, 2, -8)) // the last tick's label stays inside
	}), true
}

func addLine(add func(...plotPlotter), xys plotter.XYs, style draw.LineStyle) {
	add(&plotter.Line{XYs: xys, LineStyle: style})
}

// lengthChart draws how many words the texts of the arms have, as shares of
// each arm's texts.
func lengthChart(arms []Arm) (chart, bool) {
	const bars = 48
	longest := 0
	for _, a := range arms {
		if a.Texts != nil && len(a.Texts.Lengths) > 0 {
			longest = max(longest, a.Texts.Lengths[len(a.Texts.Lengths)-1].Words)
		}
	}
	width := max(1, int(roundStep(float64(longest+1)/bars)))
	p := newPlot()
	p.Add(grid())
	var said []string
	highest := 0.0
	var fills, edges []plotPlotter
	for i, a := range arms {
		if a.Texts == nil || a.Texts.Texts <= 0 {
			continue
		}
		shares := make([]float64, longest/width+1)
		for _, l := range a.Texts.Lengths {
			shares[l.Words/width] += float64(l.Texts) / float64(a.Texts.Texts)
		}
		style := draw.LineStyle{Color: armInk(i), Width: 1.75, Dashes: armDashes[i%series]}
		for _, run := range stairs(shares, width) {
			fills = append(fills, &plotter.Polygon{XYs: []plotter.XYs{run}, Color: armFaintInk(i)})
			edges = append(edges, &plotter.Line{XYs: run, LineStyle: style})
		}
		highest = max(highest, slices.Max(shares))
		said = append(said, fmt.Sprintf("%s: median %d words, 95 %% have at most %d", a.Name, a.Texts.Median, a.Texts.P95))
	}
	if len(said) == 0 || highest == 0 {
		return chart{}, false
	}
	p.Add(fills...)
	p.Add(edges...)
	p.X.Min, p.X.Max = 0, float64((longest/width+2)*width)
	p.Y.Min, p.Y.Max = 0, highest*1.05
	p.X.Label.Text = "words in a text"
	if width > 1 {
		p.X.Label.Text = fmt.Sprintf("words in a text, %d to a bar", width)
	}
	p.Y.Tick.Marker = ticks{4, percentTick}
	label := "Words in a text, as shares of an arm's texts. " + strings.Join(said, "; ") + "."
	height := func(w float64) float64 { return map[bool]float64{true: 280, false: 230}[w == wide] }
	return newChart(label, height, func(c draw.Canvas) {
		p.X.Tick.Marker = ticks{int(max(3, min(10, c.Size().X/80))), short}
		p.Draw(draw.Crop(c, 0, -14, 2, -8))
	}), true
}

// stairs outlines each run of bars that are not empty.
func stairs(shares []float64, width int) (runs []plotter.XYs) {
	var run plotter.XYs
	at := func(bar int, y float64) { run = append(run, plotter.XY{X: float64(bar * width), Y: y}) }
	for b, y := range shares {
		if y == 0 {
			continue
		}
		if b == 0 || shares[b-1] == 0 {
			run = nil
			at(b, 0)
		}
		at(b, y)
		at(b+1, y)
		if b+1 == len(shares) || shares[b+1] == 0 {
			at(b+1, 0)
			runs = append(runs, run)
		}
	}
	return runs
}

func percentTick(x float64) string { return short(x*100) + "\u00a0%" }

package report

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

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
	var fills, edges []plot.Plotter
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
	return newChart(label, 280, 230, func(c draw.Canvas) {
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

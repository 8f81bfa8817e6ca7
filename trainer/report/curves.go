package report

import (
	"fmt"
	"math"
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
		p.Add(&plotter.Line{XYs: raw[i], LineStyle: draw.LineStyle{Color: armFaintInk(t.arm), Width: 1}})
	}
	for i, t := range all {
		p.Add(&plotter.Line{XYs: fine[i], LineStyle: draw.LineStyle{Color: armInk(t.arm), Width: 2, Dashes: armDashes[t.arm%series]}})
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
	return newChart(label, 320, 250, func(c draw.Canvas) {
		p.X.Tick.Marker = ticks{int(max(3, min(8, c.Size().X/90))), short}
		p.Draw(draw.Crop(c, 0, -14, 2, -8)) // the last tick's label stays inside
	}), true
}

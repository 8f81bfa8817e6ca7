package report

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// bar is one arm at one probe.
type bar struct {
	arm   int
	name  string
	probe Probe
}

// group is one probe with its bars.
type group struct {
	name   string
	chance Number
	bars   []bar
}

// The heights of a group's parts.
const (
	nameHeight = 24
	barHeight  = 17
	groupGap   = 14
	axisHeight = 26
	valueWidth = 54 // of the share, right of 100 %
)

// probeChart draws the probes of a suite: for each arm a bar with its interval,
// across the bars of a probe a line at chance, and on a bar a mark at what the
// blind baseline has.
func probeChart(suite string, groups []group) (chart, bool) {
	total := 0.0
	longest := ""
	var said []string
	for _, g := range groups {
		total += nameHeight + barHeight*float64(len(g.bars)) + groupGap
		var shares []string
		for _, b := range g.bars {
			if len(b.name) > len(longest) {
				longest = b.name
			}
			shares = append(shares, b.name+" "+percent(b.probe.Share))
		}
		said = append(said, g.name+": "+strings.Join(shares, ", "))
	}
	if len(groups) == 0 {
		return chart{}, false
	}
	label := "Shares won"
	if suite != "" {
		label += " of " + suite
	}
	label += ". " + strings.Join(said, "; ") + "."
	return newChart(label, total+axisHeight, total+axisHeight, func(c draw.Canvas) {
		names := letters(12, "soft")
		left := min(names.Width(longest)+10, c.Size().X*.3)
		p := newPlot()
		p.X.Min, p.X.Max = 0, 1
		p.Y.Min, p.Y.Max = 0, total
		p.X.Tick.Marker = ticks{int(min(5, c.Size().X/90)), percentTick}
		p.X.Tick.Length = 0
		p.HideY()
		p.Add(&bars{groups: groups, names: names, left: left, total: total})
		p.Draw(draw.Crop(c, left, -valueWidth, 0, 0))
	}), true
}

// bars draws the groups from top to bottom into a plot whose x runs from 0 to 1
// and whose y is in pixels.
type bars struct {
	groups []group
	names  text.Style
	left   vg.Length // of the names, left of the canvas
	total  float64
}

// Plot draws.
func (b *bars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	head := letters(13, "ink")
	value := letters(12, "ink")
	value.YAlign, b.names.YAlign, head.YAlign = draw.YCenter, draw.YCenter, draw.YCenter
	at := b.total
	for _, g := range b.groups {
		at -= nameHeight
		start := c.Min.X - b.left
		c.FillText(head, vg.Point{X: start, Y: y(at + nameHeight/2 - 2)}, fit(g.name, head, c.Max.X+valueWidth-start))
		top := y(at)
		for _, tick := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
			c.StrokeLine2(draw.LineStyle{Color: ink("line"), Width: 1}, x(tick.Value), top, x(tick.Value), y(at-barHeight*float64(len(g.bars))))
		}
		for _, one := range g.bars {
			at -= barHeight
			mid := y(at + barHeight/2)
			c.FillText(b.names, vg.Point{X: start, Y: mid}, fit(one.name, b.names, b.left-8))
			if !one.probe.Share.finite() {
				c.FillText(b.names, vg.Point{X: x(0) + 6, Y: mid}, "not measured")
				continue
			}
			drawBar(c, x, mid, one)
			right := max(x(float64(one.probe.Share)), whisker(x, one.probe.High))
			c.FillText(value, vg.Point{X: right + 6, Y: mid}, percent(one.probe.Share))
		}
		bottom := y(at)
		if g.chance.finite() {
			line := draw.LineStyle{Color: ink("ink"), Width: 1.25, Dashes: []vg.Length{4, 3}}
			c.StrokeLine2(line, x(float64(g.chance)), bottom-2, x(float64(g.chance)), top+2)
		}
		at -= groupGap
	}
}

func drawBar(c draw.Canvas, x func(float64) vg.Length, mid vg.Length, b bar) {
	const half = barHeight/2 - 2.5
	share := x(float64(b.probe.Share))
	c.FillPolygon(armInk(b.arm), []vg.Point{{X: x(0), Y: mid - half}, {X: share, Y: mid - half}, {X: share, Y: mid + half}, {X: x(0), Y: mid + half}})
	if b.probe.Blind != nil && b.probe.Blind.finite() {
		at := x(float64(*b.probe.Blind))
		mark := []vg.Point{{X: at - 5, Y: mid}, {X: at, Y: mid - 5}, {X: at + 5, Y: mid}, {X: at, Y: mid + 5}}
		c.FillPolygon(ink("paper"), mark)
		c.StrokeLines(draw.LineStyle{Color: ink("ink"), Width: 1.25}, append(mark, mark[0]))
	}
	if !b.probe.Low.finite() || !b.probe.High.finite() {
		return
	}
	// The interval is drawn twice, so that it stands out from bar and page.
	low, high := whisker(x, b.probe.Low), whisker(x, b.probe.High)
	for _, style := range []draw.LineStyle{{Color: ink("paper"), Width: 3.5}, {Color: ink("ink"), Width: 1.5}} {
		c.StrokeLine2(style, low, mid, high, mid)
		for _, end := range []vg.Length{low, high} {
			c.StrokeLine2(style, end, mid-3.5, end, mid+3.5)
		}
	}
}

func whisker(x func(float64) vg.Length, n Number) vg.Length {
	if !n.finite() {
		return x(0)
	}
	return x(float64(n))
}

func percent(n Number) string {
	if !n.finite() {
		return "not measured"
	}
	return fmt.Sprintf("%.1f\u00a0%%", 100*float64(n))
}

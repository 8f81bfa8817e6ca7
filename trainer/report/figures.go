package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// None of what is not known is written as zero.
const unknown = "–"

func thousands(n int64) string { return humanize.Comma(n) }

// whole writes a count of which zero means that it is not known.
func whole(n int64) string {
	if n == 0 {
		return ""
	}
	return thousands(n)
}

// points writes a difference of shares.
func points(n Number) string {
	if !n.finite() {
		return unknown
	}
	s := fmt.Sprintf("%+.1f", 100*float64(n))
	return strings.Replace(s, "-", "−", 1)
}

// interval writes the ends of an interval of shares.
func interval(low, high Number) string {
	if !low.finite() || !high.finite() {
		return ""
	}
	return strings.ReplaceAll(fmt.Sprintf("%.1f to %.1f", 100*float64(low), 100*float64(high)), "-", "−")
}

func share(part, of int64) string {
	if of <= 0 {
		return unknown
	}
	return fmt.Sprintf("%.1f\u00a0%%", 100*float64(part)/float64(of))
}

// decimal writes a figure with one digit after the point.
func decimal(n Number) string {
	if !n.finite() {
		return unknown
	}
	return humanize.CommafWithDigits(math.Round(float64(n)*10)/10, 1)
}

func count(c Count) string {
	if c.Exact {
		return thousands(c.N)
	}
	return "about " + thousands(int64(math.Round(float64(c.N)/1000)*1000))
}

// size writes bytes.
func size(n int64) string {
	if n <= 0 {
		return ""
	}
	return humanize.IBytes(uint64(n))
}

// span writes seconds as people say them.
func span(seconds Number) string {
	if !seconds.finite() || seconds <= 0 || seconds > 1e9 {
		return ""
	}
	if seconds < 10 {
		return fmt.Sprintf("%.1f s", float64(seconds))
	}
	d := time.Duration(float64(seconds) * float64(time.Second)).Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h > 0:
		return fmt.Sprintf("%s h %d min", thousands(int64(h)), m)
	case m > 0:
		return fmt.Sprintf("%d min %d s", m, s)
	}
	return fmt.Sprintf("%d s", s)
}

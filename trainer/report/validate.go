package report

import (
	"errors"
	"fmt"
	"math"
)

// Validate names every figure that contradicts another, and every name that
// nothing has.
func (r Report) Validate() error {
	v := validation{arms: map[string]map[[2]string]Probe{}}
	for i, a := range r.Arms {
		v.arm(i, a)
	}
	for i, d := range r.Differences {
		v.difference(i, d)
	}
	for i, it := range r.Items {
		for _, a := range it.Arms {
			if _, ok := v.arms[a.Arm]; !ok {
				v.bad("items[%d]: no arm is called %q", i, a.Arm)
			}
		}
	}
	for i, n := range r.Noise {
		if !within(n.Rate, 0, 1) || !within(n.Measured, 0, 1) {
			v.bad("noise[%d] %q: rate %v, measured %v: want shares, 0 to 1", i, n.Kind, n.Rate, n.Measured)
		}
	}
	return errors.Join(v.errs...)
}

type validation struct {
	arms map[string]map[[2]string]Probe
	errs []error
}

func (v *validation) bad(format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf("report: "+format, args...))
}

func (v *validation) arm(i int, a Arm) {
	if a.Name == "" {
		v.bad("arms[%d]: want a name", i)
	}
	if _, twice := v.arms[a.Name]; twice {
		v.bad("arms[%d]: %q is the name of an arm before", i, a.Name)
	}
	if a.Texts != nil {
		v.texts(a.Name, *a.Texts)
	}
	probes := map[[2]string]Probe{}
	v.arms[a.Name] = probes
	for _, p := range a.Probes {
		at := fmt.Sprintf("arm %q, probe %q of %q", a.Name, p.Name, p.Suite)
		id := [2]string{p.Suite, p.Name}
		if _, twice := probes[id]; twice {
			v.bad("%s: given twice", at)
		}
		probes[id] = p
		if p.Won < 0 || p.Ties < 0 || p.Items < 0 || p.Won+p.Ties > p.Items {
			v.bad("%s: %d won and %d ties of %d items", at, p.Won, p.Ties, p.Items)
			continue
		}
		if p.Share.finite() && (p.Items == 0 || !near(p.Share, Number(p.Won)/Number(p.Items))) {
			v.bad("%s: share %v, but %d won of %d", at, p.Share, p.Won, p.Items)
		}
		if !within(p.Share, 0, 1) || !within(p.Chance, 0, 1) || !within(p.Low, 0, 1) || !within(p.High, 0, 1) || p.Blind != nil && !within(*p.Blind, 0, 1) {
			v.bad("%s: shares and their intervals: want 0 to 1", at)
		}
		if !ordered(p.Low, p.Share, p.High) {
			v.bad("%s: share %v is outside of its interval, %v to %v", at, p.Share, p.Low, p.High)
		}
	}
}

func (v *validation) texts(arm string, t Texts) {
	var sum int64
	last := -1
	for _, l := range t.Lengths {
		if l.Words <= last || l.Words > lengths || l.Texts < 0 {
			v.bad("arm %q: %d texts of %d words: want ascending lengths from 0 to %d", arm, l.Texts, l.Words, lengths)
			return
		}
		last = l.Words
		sum += l.Texts
	}
	if sum != t.Texts {
		v.bad("arm %q: %d texts, but lengths of %d", arm, t.Texts, sum)
	}
	if t.Accepted < 0 || t.Accepted > t.Judged {
		v.bad("arm %q: %d captions accepted of %d", arm, t.Accepted, t.Judged)
	}
}

func (v *validation) difference(i int, d Difference) {
	id := [2]string{d.Suite, d.Probe}
	arm, ok := v.arms[d.Arm][id]
	over, ok2 := v.arms[d.Over][id]
	if !ok || !ok2 {
		v.bad("differences[%d]: want the probe %q of %q in the arms %q and %q", i, d.Probe, d.Suite, d.Arm, d.Over)
		return
	}
	if d.By.finite() && !near(d.By, arm.Share-over.Share) {
		v.bad("differences[%d] in %q: %v, but the shares are %v and %v", i, d.Probe, d.By, arm.Share, over.Share)
	}
	if !ordered(d.Low, d.By, d.High) {
		v.bad("differences[%d] in %q: %v is outside of its interval, %v to %v", i, d.Probe, d.By, d.Low, d.High)
	}
}

// rounding is by how much figures may differ that were computed in different
// ways.
const rounding = 1e-6

func near(a, b Number) bool { return math.Abs(float64(a-b)) <= rounding }

// within and ordered pass what is not finite: it is shown as not measured.
func within(n, low, high Number) bool { return !n.finite() || n >= low-rounding && n <= high+rounding }

func ordered(low, n, high Number) bool {
	if !low.finite() || !n.finite() || !high.finite() {
		return true
	}
	return low <= n+rounding && n <= high+rounding
}

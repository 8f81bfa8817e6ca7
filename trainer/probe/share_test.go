package probe

import (
	"math"
	"testing"
)

// TestWilson holds intervals against published ones: Newcombe, Statistics in
// Medicine 17, 1998, 857-872, table I, method 3.
func TestWilson(t *testing.T) {
	tests := []struct {
		right, asked int
		low, high    float64
	}{
		{81, 263, 0.2553, 0.3662},
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0, 0.1611},
		{1, 29, 0.0061, 0.1718},
		{20, 20, 0.8389, 1},
		{0, 0, 0, 1},
	}
	for _, c := range tests {
		s := NewShare(c.right, 0, c.asked)
		if math.Abs(s.Low-c.low) > 5e-5 || math.Abs(s.High-c.high) > 5e-5 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", c.right, c.asked, s.Low, s.High, c.low, c.high)
		}
	}
}

// TestDifference holds intervals against those of Newcombe, Statistics in
// Medicine 17, 1998, 873-890, table II, method 10.
func TestDifference(t *testing.T) {
	tests := []struct {
		a, n, b, m int
		low, high  float64
	}{
		{56, 70, 48, 80, 0.0524, 0.3339},
		{9, 10, 3, 10, 0.1705, 0.8090},
		{6, 7, 2, 7, 0.0582, 0.8062},
		{5, 56, 0, 29, -0.0381, 0.1926},
		{0, 10, 0, 20, -0.1611, 0.2775},
		{10, 10, 0, 20, 0.6791, 1},
		{10, 10, 0, 10, 0.6075, 1},
	}
	for _, c := range tests {
		d := NewShare(c.a, 0, c.n).Minus(NewShare(c.b, 0, c.m))
		if math.Abs(d.Low-c.low) > 5e-5 || math.Abs(d.High-c.high) > 5e-5 {
			t.Errorf("%d/%d - %d/%d: %.4f to %.4f, want %.4f to %.4f", c.a, c.n, c.b, c.m, d.Low, d.High, c.low, c.high)
		}
	}
}

func TestMacro(t *testing.T) {
	m := newMacro([]Share{NewShare(10, 0, 10), NewShare(0, 0, 1000)}, 3)
	if m.Share != 0.5 || m.Groups != 2 || m.LeftOut != 3 {
		t.Errorf("%+v", m)
	}
	// The variance is nearly all of the small group's.
	if p := 11. / 12; math.Abs(m.High-m.Low-z*math.Sqrt(p*(1-p)/12)) > 1e-3 {
		t.Errorf("from %v to %v", m.Low, m.High)
	}
}

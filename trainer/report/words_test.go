package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDifferences(t *testing.T) {
	for _, c := range []struct {
		a, b   string
		as, bs []segment
	}{
		{"", "", nil, nil},
		{"a b", "a b", []segment{{"a b", false}}, []segment{{"a b", false}}},
		{"a red star", "a blue star", []segment{{"a", false}, {"red", true}, {"star", false}}, []segment{{"a", false}, {"blue", true}, {"star", false}}},
		{"x", "", []segment{{"x", true}}, nil},
		{"a b c", "c a b", []segment{{"a b", false}, {"c", true}}, []segment{{"c", true}, {"a b", false}}},
		{strings.Repeat("a ", 301), "b", []segment{{strings.Repeat("a ", 301), false}}, []segment{{"b", false}}},
	} {
		as, bs := differences(c.a, c.b)
		if d := cmp.Diff([][]segment{c.as, c.bs}, [][]segment{as, bs}); d != "" {
			t.Errorf("%q and %q: %s", c.a, c.b, d)
		}
	}
}

func TestFigures(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{span(0), ""}, {span(1.25), "1.2 s"}, {span(59.6), "1 min 0 s"}, {span(3725), "1 h 2 min"}, {span(1e300), ""},
		{points(.4217), "+42.2"}, {points(-.01), "−1.0"}, {points(0), "+0.0"},
		{interval(-.01, .2), "−1.0 to 20.0"},
		{short(0), "0"}, {short(.0005), "0.0005"}, {short(.00001234), "1.2e-5"}, {short(14.30), "14.3"}, {short(12345), "12,345"}, {short(2e6), "2e+06"}, {short(.25), "0.25"},
		{count(Count{1234, true}), "1,234"}, {count(Count{310_123, false}), "about 310,000"},
		{share(1, 0), unknown}, {share(1, 8), "12.5\u00a0%"},
		{decimal(421.84), "421.8"}, {decimal(22), "22.0"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		n         int
		want      []string
	}{
		{0, 1, 5, []string{"0", "0.2", "0.4", "0.6", "0.8", "1"}},
		{0, 700, 3, []string{"0", "200", "400", "600"}},
		{-1, 5, 5, []string{"-1", "0", "1", "2", "3", "4", "5"}},
		{0, 0, 5, nil},
	} {
		var got []string
		for _, tick := range (ticks{c.n, short}).Ticks(c.low, c.high) {
			got = append(got, tick.Label)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%v to %v: %s", c.low, c.high, d)
		}
	}
}

package main

import (
	"strings"
	"testing"

	"recaption/coordinator"
)

// The summary names captions that are on many rows, and no others.
func TestSummaryNamesRepeatedCaptions(t *testing.T) {
	for _, test := range []struct {
		name     string
		repeated []coordinator.Repeated
		want     string
	}{
		{"none", nil, ""},
		{"rare ones", []coordinator.Repeated{{Caption: "A bird.", Rows: 9, Shards: 3}}, ""},
		{"some", []coordinator.Repeated{
			{Caption: "A picture.", Rows: 200, Shards: 10}, {Caption: strings.Repeat("A very", 20), Rows: 20, Shards: 1}, {Caption: "A bird.", Rows: 9, Shards: 3},
		}, `repeated captions
  20.0 % of accepted              200  "A picture."
  2.0 % of accepted                20  "` + strings.Repeat("A very", 9) + `A ver…"
`},
	} {
		s := summary{Progress: coordinator.Progress{Rows: 1200, Accepted: 1000, RepeatedCaptions: test.repeated}}
		var all, b strings.Builder
		if err := s.print(&all, place{}, false); err != nil {
			t.Fatal(err)
		}
		s.repeated(&b)
		if b.String() != test.want || !strings.Contains(all.String(), test.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, b.String(), test.want)
		}
	}
}

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"recaption/schemas"
)

// demo is the job of make demo.
func demo(ctx context.Context, l *lab) (result, error) {
	src, err := l.scenes(ctx, "demo-scenes", "--count", "2000", "--seed", "1")
	if err != nil {
		return result{}, err
	}
	r, err := l.recaption(ctx, src, l.folder("demo"))
	if err != nil {
		return result{}, err
	}
	s := r.summary
	t := [][]string{
		{"what", "figure", "to reach", "reached"},
		{"2,000 scenes cut, captioned, gated and committed", seconds(r.elapsed), "<= 120 s", verdict(r.elapsed <= 2*time.Minute)},
		{"samples a second, over all", fmt.Sprintf("%.1f", float64(s.Rows)/r.elapsed.Seconds()), "", ""},
		{"rows captioned", fmt.Sprint(s.Statuses[schemas.RowCaptioned]), "2000", verdict(s.Statuses[schemas.RowCaptioned] == 2000)},
		{"captions accepted by the default gate", fmt.Sprint(s.Accepted), "", ""},
		{"tokens a second, over all", fmt.Sprintf("%.0f", float64(s.Tokens)/r.elapsed.Seconds()), "", ""},
		{"peak memory", mib(r.peak), "", ""},
	}
	for _, stage := range slices.Sorted(maps.Keys(s.Seconds)) {
		t = append(t, []string{"seconds in stage " + stage + ", summed over goroutines", fmt.Sprintf("%.1f", s.Seconds[stage]), "", ""})
	}
	return result{about: "From `recaption run` to its exit: start of the embedded services, model load, cut, captions, gate, commit, gallery.", table: t}, nil
}

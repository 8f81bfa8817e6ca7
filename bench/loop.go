package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"recaption/trainer/report"
)

// loop runs make loop and reads its report.
func loop(ctx context.Context, l *lab) (result, error) {
	if err := os.RemoveAll(filepath.Join(l.root, "loop")); err != nil {
		return result{}, err
	}
	began := time.Now()
	c := exec.CommandContext(ctx, "make", "loop")
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	if err := c.Run(); err != nil {
		return result{}, err
	}
	took := time.Since(began)
	b, err := os.ReadFile(filepath.Join(l.root, "loop", "report.json"))
	if err != nil {
		return result{}, err
	}
	var r report.Report
	if err := json.Unmarshal(b, &r); err != nil {
		return result{}, err
	}
	t := [][]string{{"what", "alt-text", "enhanced", "true captions", "enhanced less alt-text, 95 %", "to reach", "reached"}}
	for i, p := range r.Arms[0].Probes {
		row := []string{p.Name}
		for _, a := range r.Arms {
			row = append(row, fmt.Sprintf("%.1f %%", 100*float64(a.Probes[i].Share)))
		}
		d := difference(r, p.Name, r.Arms[1].Name)
		row = append(row, fmt.Sprintf("%.1f to %.1f", 100*float64(d.Low), 100*float64(d.High)))
		switch p.Name {
		case "attribute swap", "relation flip":
			row = append(row, "enhanced >= 90 %, difference >= 20", verdict(float64(r.Arms[1].Probes[i].Share) >= 0.9 && float64(d.Low) > 0.2))
		case "image to text R@1", "text to image R@1":
			row = append(row, ">= 2 x alt-text", verdict(float64(r.Arms[1].Probes[i].Share) >= 2*float64(p.Share)))
		default:
			row = append(row, "", "")
		}
		t = append(t, row)
	}
	t = append(t, []string{"all of `make loop`", "", seconds(took), "", "", "<= 25 min", verdict(took <= 25*time.Minute)})
	return result{
		about: fmt.Sprintf("`make loop`: %d pictures of families drawn, captioned by the bundled captioner; three models of %d parameters trained for %d steps of %d; probes on 1,000 pictures of families that training never sees.",
			r.Arms[0].Training.Samples, r.Arms[0].Training.Parameters, r.Arms[0].Training.Steps, r.Arms[0].Training.Batch),
		table: t,
	}, nil
}

func difference(r report.Report, probe, arm string) report.Difference {
	for _, d := range r.Differences {
		if d.Probe == probe && d.Arm == arm {
			return d
		}
	}
	return report.Difference{}
}

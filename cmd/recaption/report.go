package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"recaption/internal/machine"
	"recaption/internal/ort"
	"recaption/schemas"
	"recaption/shards"
	"recaption/trainer/probe"
	"recaption/trainer/report"
	"recaption/trainer/train"
)

// reportOptions are the flags of recaption report.
type reportOptions struct {
	trainings []string
	out       string
	notes     string
	json      bool
}

func newReportCommand() *cobra.Command {
	var o reportOptions
	c := &cobra.Command{
		Use:   "report WHERE --training NAME…",
		Short: "Compare finished trainings: probes, curves, texts, on one page",
		Long: `Probe the models of finished trainings in WHERE on drawn scenes that none of them
was trained on, and write what came out as OUT/report.html, one page that needs
nothing else, and OUT/report.json.

Trainings are compared in their order: name the one on alt-text first. What each
is ahead of the first is given with its interval.`,
		Example: "  recaption report loop --training alt-text --training enhanced --training true-captions --out loop",
		Args:    exactArgs(1, "one folder or s3://bucket/prefix"),
		RunE: func(c *cobra.Command, args []string) error {
			if len(o.trainings) == 0 {
				return usagef("%s: want --training NAME, once for each training", c.CommandPath())
			}
			return withStore(c, args[0], func(ctx context.Context, st shards.Store) error {
				r, err := o.collect(ctx, st)
				if err != nil {
					return err
				}
				return o.write(c.OutOrStdout(), r)
			})
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.trainings, "training", nil, "name of a finished training; may be given again")
	f.StringVar(&o.out, "out", ".", "folder for report.html and report.json")
	f.StringVar(&o.notes, "notes", "", "JSON file with title, summary, notes, noise, goals and commands for the page")
	f.BoolVar(&o.json, "json", false, "print the report as JSON")
	storeFlags(f)
	return c
}

func (o reportOptions) write(w io.Writer, r report.Report) error {
	for name, write := range map[string]func(io.Writer, report.Report) error{"report.html": report.WriteHTML, "report.json": report.WriteJSON} {
		err := replaceFile(filepath.Join(o.out, name), func(f *bufio.Writer) error { return write(f, r) })
		if err != nil {
			return err
		}
	}
	if o.json {
		return report.WriteJSON(w, r)
	}
	fmt.Fprintf(w, "%-24s", "probe")
	for _, a := range r.Arms {
		fmt.Fprintf(w, " %16s", a.Name)
	}
	fmt.Fprintln(w)
	for i, p := range r.Arms[0].Probes {
		fmt.Fprintf(w, "%-24s", p.Name)
		for _, a := range r.Arms {
			fmt.Fprintf(w, " %14.1f %%", 100*float64(a.Probes[i].Share))
		}
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "%s\n", filepath.Join(o.out, "report.html"))
	return err
}

// collect probes the models and puts the report together.
func (o reportOptions) collect(ctx context.Context, st shards.Store) (report.Report, error) {
	if err := ort.Open(""); err != nil {
		return report.Report{}, err
	}
	lib, err := ort.Describe()
	if err != nil {
		return report.Report{}, err
	}
	r := report.Report{
		Title: "What the captions were worth", When: time.Now().UTC().Truncate(time.Second),
		Program: report.Program{Version: programVersion(), Runtime: "ONNX Runtime " + lib.Version, Go: runtime.Version()},
		Machine: report.Machine{CPU: machine.CPU(), Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH},
	}
	if err := readNotes(o.notes, &r); err != nil {
		return r, err
	}
	var arms []*arm
	defer func() {
		for _, a := range arms {
			a.close()
		}
	}()
	trained := map[schemas.Digest]bool{}
	for _, name := range o.trainings {
		id, err := schemas.ParseTrainingID(name)
		if err != nil {
			return r, usagef("--training: %w", err)
		}
		a, err := openArm(ctx, st, id)
		if err != nil {
			return r, err
		}
		arms = append(arms, a)
		if err := a.read(ctx, st, trained); err != nil {
			return r, err
		}
	}
	if r.Samples, err = reportGallery(ctx, st, arms); err != nil {
		return r, err
	}
	scenes := probe.DefaultScenes()
	scenes.Trained = func(d schemas.Digest) bool { return trained[d] }
	suite, err := probe.Scenes(ctx, scenes)
	if err != nil {
		return r, err
	}
	for _, a := range arms {
		if err := a.probe(ctx, suite); err != nil {
			return r, err
		}
		r.Arms = append(r.Arms, a.arm)
		r.Repeat.Pins = append(r.Repeat.Pins, a.pins()...)
		r.Repeat.Seeds = append(r.Repeat.Seeds, report.Seed{What: "training " + a.arm.Name, Seed: a.record.Seed})
	}
	r.Differences = differences(arms)
	if r.Items, err = items(ctx, suite, arms); err != nil {
		return r, err
	}
	return r, nil
}

// readNotes reads what a user wants to say on the page.
func readNotes(path string, r *report.Report) error {
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return usagef("--notes: %w", err)
	}
	defer f.Close()
	var n struct {
		Title   *string          `json:"title"`
		Summary *string          `json:"summary"`
		Notes   []report.Note    `json:"notes"`
		Noise   []report.Noise   `json:"noise"`
		Command []report.Command `json:"commands"`
	}
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		return usagef("--notes %s: %w", path, err)
	}
	if n.Title != nil {
		r.Title = *n.Title
	}
	if n.Summary != nil {
		r.Summary = *n.Summary
	}
	r.Notes, r.Noise, r.Repeat.Commands = n.Notes, n.Noise, n.Command
	return nil
}

// differences is how far each later arm is ahead of the first.
func differences(arms []*arm) []report.Difference {
	var all []report.Difference
	for _, a := range arms[1:] {
		for i, f := range a.result.Figures {
			d := f.Minus(arms[0].result.Figures[i].Share)
			all = append(all, report.Difference{
				Suite: a.result.Suite, Probe: figureName(f), Arm: a.arm.Name, Over: arms[0].arm.Name,
				By: report.Number(d.Difference), Low: report.Number(d.Low), High: report.Number(d.High),
			})
		}
	}
	return all
}

func figureName(f probe.Figure) string {
	if f.Metric == probe.Accuracy {
		return f.Probe
	}
	return f.Metric
}

// seconds a curve took.
func seconds(curve []train.Point) float64 {
	s := 0.0
	for _, p := range curve {
		s += p.Seconds
	}
	return s
}

func perSecond(n int, seconds float64) report.Number {
	if seconds <= 0 {
		return report.Number(math.NaN())
	}
	return report.Number(float64(n) / seconds)
}

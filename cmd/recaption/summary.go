package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"recaption/coordinator"
	"recaption/schemas"
)

// summary is what summary.json holds.
type summary struct {
	Source   string             `json:"source"`
	Dataset  schemas.DatasetID  `json:"dataset"`
	Revision schemas.RevisionID `json:"revision"`
	Run      schemas.RunID      `json:"run"`
	Recipe   schemas.RecipeID   `json:"recipe"`
	Gate     schemas.GateID     `json:"gate"`
	Model    string             `json:"model"`
	Program  string             `json:"program"`
	RowsIn   int                `json:"rows_in"`
	coordinator.Progress
	Note    string  `json:"note,omitempty"`  // what is doubtful about all captions
	Elapsed float64 `json:"elapsed_seconds"` // of this invocation; a resumed run had others before
}

func newSummary(o runOptions, run coordinator.Run, p coordinator.Progress, elapsed time.Duration) summary {
	return summary{
		Source: o.source, Dataset: run.Dataset.Dataset, Revision: run.Dataset.Revision, Run: run.ID,
		Recipe: run.Recipe, Gate: run.Gate, Model: o.model, Program: programVersion(),
		RowsIn: p.Samples, Progress: p, Elapsed: elapsed.Seconds(),
	}
}

// write puts the summary where it was, whole or not at all.
func (s summary) write(path string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("summary: %w", err)
	}
	return replaceFile(path, func(w *bufio.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

// print sums up for a person, or as JSON.
func (s summary) print(w io.Writer, where place, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	var b strings.Builder
	n := func(i int) string { return humanize.Comma(int64(i)) }
	fmt.Fprintf(&b, "\n%s in %s, in %s\n", counted(s.RowsIn, "sample"), counted(s.Shards, "shard"), time.Duration(s.Elapsed*float64(time.Second)).Round(100*time.Millisecond))
	for _, status := range schemas.RowStatuses() {
		if c := s.Statuses[status]; c > 0 {
			fmt.Fprintf(&b, "  %-12s %10s\n", status, n(c))
		}
	}
	fmt.Fprintf(&b, "  %-12s %10s  (%.1f %% of all)\n", "accepted", n(s.Accepted), percent(s.Accepted, s.Rows))
	counts(&b, "reasons", s.Reasons)
	counts(&b, "flags", s.Flags)
	s.repeated(&b)
	if len(s.Faults) > 0 {
		b.WriteString("noticed in the source\n")
		for _, f := range s.Faults {
			lost := ""
			if f.Lost {
				lost = ", samples may be missing"
			}
			fmt.Fprintf(&b, "  %-24s %10s%s: %s\n", f.Reason, n(f.Count), lost, f.Detail)
		}
	}
	if s.Note != "" {
		fmt.Fprintf(&b, "NOTE: %s\n", s.Note)
	}
	if where.dir != "" {
		fmt.Fprintf(&b, "summary %s\ngallery %s\n", filepath.Join(where.dir, "summary.json"), filepath.Join(where.dir, "gallery.html"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const (
	repeatedMost  = 5  // captions named
	repeatedText  = 60 // characters of each
	repeatedShare = 1  // percent of the accepted rows that a caption is on, to be named
)

// repeated names the captions that are on many rows of the whole run.
func (s summary) repeated(b *strings.Builder) {
	for i, c := range s.RepeatedCaptions {
		share := percent(c.Rows, s.Accepted)
		if i == repeatedMost || share < repeatedShare {
			return
		}
		if i == 0 {
			b.WriteString("repeated captions\n")
		}
		text := []rune(c.Caption)
		if len(text) > repeatedText {
			text = append(text[:repeatedText-1], '…')
		}
		fmt.Fprintf(b, "  %-24s %10s  %q\n", fmt.Sprintf("%.1f %% of accepted", share), humanize.Comma(int64(c.Rows)), string(text))
	}
}

func counts[K ~string](b *strings.Builder, title string, m map[K]int) {
	if len(m) == 0 {
		return
	}
	fmt.Fprintln(b, title)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(b, "  %-24s %10s\n", k, humanize.Comma(int64(m[k])))
	}
}

func percent(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

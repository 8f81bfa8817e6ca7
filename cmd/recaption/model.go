package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"recaption/worker/vlm"
)

func newModelCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "model",
		Short: "Look into model folders",
	}
	asGroup(c)
	c.AddCommand(newModelInspectCommand())
	return c
}

func newModelInspectCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "inspect DIR",
		Short: "Show what a model folder holds, and how it would run",
		Long: `Show what a model folder holds: family, files with their digests, what the images
go through, how texts are chosen, what a prompt looks like, and the graphs with
their inputs and outputs; then how the model would run on this machine.

A model that the engine refuses is shown as far as it can be read, with the
reason, and the exit code is 3. DIR may be bundled.`,
		Example: `  recaption model inspect ./smolvlm
  recaption model inspect bundled --json | jq .preprocessing`,
		Args: exactArgs(1, "one model folder, or bundled"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := loadSettings(c.Flags())
			if err != nil {
				return err
			}
			dir, err := findModel(args[0])
			if err != nil {
				return err
			}
			d, err := vlm.Inspect(dir, engineConfig(s))
			if errors.Is(err, vlm.ErrModel) {
				return fmt.Errorf("%w: %w", errFindings, err)
			}
			if err != nil {
				return err
			}
			if err := printModel(c.OutOrStdout(), d, asJSON); err != nil {
				return err
			}
			if d.Problem != "" {
				return fmt.Errorf("%w: model %s can't be run: %s", errFindings, args[0], d.Problem)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	engineFlags(c.Flags())
	precisionFlag(c.Flags())
	return c
}

func printModel(w io.Writer, d vlm.Description, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(d)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "family  %s\n", d.Family)
	b.WriteString("files\n")
	wide := 0
	for _, f := range d.Files {
		wide = max(wide, len(f.Path))
	}
	for _, f := range d.Files {
		fmt.Fprintf(&b, "  %-*s  %9s  sha256 %s\n", wide, f.Path, humanize.IBytes(uint64(f.Bytes)), f.SHA256.String()[:16])
	}
	facts(&b, "preprocessing", d.Preprocessing)
	facts(&b, "generation", d.Generation)
	if p := d.Prompt; p.Vocabulary > 0 {
		fmt.Fprintf(&b, "prompt\n  %s, image token %s taken as %d, %s tokens in the vocabulary", p.Template, p.ImageToken, p.ImageTokens, humanize.Comma(int64(p.Vocabulary)))
		if p.MaxPositions > 0 {
			fmt.Fprintf(&b, ", at most %s in all", humanize.Comma(int64(p.MaxPositions)))
		}
		fmt.Fprintf(&b, "\n  ends with token %s\n", strings.Join(texts(p.StopIDs), " or "))
	}
	for _, g := range d.Graphs {
		fmt.Fprintf(&b, "graph %s, %s operators\n", g.Role, humanize.Comma(int64(sum(g.Operators))))
		ports(&b, "in ", g.Inputs)
		ports(&b, "out", g.Outputs)
		if g.DependsOnBatch {
			b.WriteString("  note: it quantises activations over the whole batch, so a caption depends on what is captioned beside it\n")
		}
	}
	if d.Problem == "" {
		fmt.Fprintf(&b, "runs with ONNX Runtime %s on %s: %d lanes of %d threads, up to %d samples in a batch\n",
			d.Runtime.Version, d.Device, d.Lanes, d.Threads, d.Batch)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func facts(b *strings.Builder, title string, m map[string]any) {
	if len(m) == 0 {
		return
	}
	fmt.Fprintln(b, title)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(b, "  %-24s ", k)
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false)
		if err := e.Encode(m[k]); err != nil {
			fmt.Fprintln(b, m[k])
		}
	}
}

// ports prints the ports of a graph. The caches of a decoder, which differ by
// their layer's number alone, are one line.
func ports(b *strings.Builder, title string, all []string) {
	var shown []string
	count := map[string]int{}
	for _, p := range all {
		k := withoutDigits(p)
		if count[k]++; count[k] == 1 {
			shown = append(shown, p)
		}
	}
	for _, p := range shown {
		more := ""
		if n := count[withoutDigits(p)]; n > 1 {
			more = fmt.Sprintf("  … %d of this kind", n)
		}
		fmt.Fprintf(b, "  %s %s%s\n", title, p, more)
	}
}

func withoutDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, s)
}

func sum(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

func texts[T any](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}

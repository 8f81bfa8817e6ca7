package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"recaption/shards"
)

// fault is something that is not as it was committed.
type fault struct {
	Key    string `json:"key"`
	Fault  string `json:"fault"`
	Remedy string `json:"remedy"`
}

// verified counts what was looked at.
type verified struct {
	Datasets     int   `json:"datasets"`
	Revisions    int   `json:"revisions"`
	Parts        int   `json:"parts"`
	Shards       int   `json:"shards"`
	Samples      int   `json:"samples"`
	Recipes      int   `json:"recipes"`
	Receipts     int   `json:"receipts"`
	Rows         int   `json:"rows"` // of captions
	Uncaptioned  int   `json:"uncaptioned"`
	Objects      int   `json:"objects"`
	Bytes        int64 `json:"bytes"`
	Orphans      int   `json:"orphans"`
	OrphanBytes  int64 `json:"orphan_bytes"`
	Faults       int   `json:"faults"`
	secondsSpent time.Duration
}

func newShardsVerifyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify WHERE",
		Short: "Hold everything that rests against its digests and against each other",
		Long: `Read everything that rests and hold it against what was committed: every part
record, sample shard, receipt and captions file against its digests; every image
against its own; the counts of records against the rows. Every row of a sample
shard must be in its captions exactly once, in order and with a status, and every
key once in its revision. A run that has ended must have all its receipts.

Objects that no record names are no fault: attempts that lost, or were killed,
leave them behind. They are counted.

Each fault is told with what mends it: what to delete, so that the next run makes
it again. Keys are paths below the bucket's prefix, or, where --out named a
folder, below state/s3/recaption in it.

With --json each fault is a line with key, fault and remedy, and the last line has the
counts. The exit code is 3 when there are faults.`,
		Example: `  recaption shards verify demo`,
		Args:    exactArgs(1, "one folder or s3://bucket/prefix"),
		RunE: func(c *cobra.Command, args []string) error {
			return withStore(c, args[0], func(ctx context.Context, st shards.Store) error {
				out := c.OutOrStdout()
				began := time.Now()
				a := newAudit(st, func(f fault) error { return printFault(out, f, asJSON) })
				if err := a.run(ctx); err != nil {
					return err
				}
				a.counts.secondsSpent = time.Since(began)
				if err := a.counts.print(out, asJSON); err != nil {
					return err
				}
				if n := a.counts.Faults; n > 0 {
					return fmt.Errorf("%w: %s: %s", errFindings, args[0], counted(n, "fault"))
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print faults and counts as JSON, one object a line")
	storeFlags(c.Flags())
	return c
}

func printFault(w io.Writer, f fault, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(f)
	}
	_, err := fmt.Fprintf(w, "FAULT %s\n      %s\n      to do: %s\n", f.Key, f.Fault, f.Remedy)
	return err
}

func (v verified) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(v)
	}
	text := fmt.Sprintf("%s in %s of %s, %s of %s\n",
		counted(v.Samples, "sample"), counted(v.Shards, "shard"), counted(v.Parts, "part"), counted(v.Revisions, "revision"), counted(v.Datasets, "dataset"))
	text += fmt.Sprintf("%s with %s of %s\n", counted(v.Rows, "caption row"), counted(v.Receipts, "receipt"), counted(v.Recipes, "recipe"))
	if v.Uncaptioned > 0 {
		text += fmt.Sprintf("%s without captions yet\n", counted(v.Uncaptioned, "shard"))
	}
	if v.Orphans > 0 {
		text += fmt.Sprintf("%s, %s: named by no record, and no fault\n", counted(v.Orphans, "orphan"), humanize.IBytes(uint64(v.OrphanBytes)))
	}
	sound := "all sound"
	if v.Faults > 0 {
		sound = counted(v.Faults, "FAULT")
	}
	text += fmt.Sprintf("%s, %s, read in %s: %s\n",
		counted(v.Objects, "object"), humanize.IBytes(uint64(v.Bytes)), v.secondsSpent.Round(10*time.Millisecond), sound)
	_, err := io.WriteString(w, text)
	return err
}

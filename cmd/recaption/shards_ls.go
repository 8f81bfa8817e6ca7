package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"recaption/schemas"
	"recaption/shards"
)

func newShardsLsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "ls WHERE",
		Short: "List datasets, revisions, parts and shards, and the captions of each recipe",
		Long: `List what rests: for each revision of a dataset its parts and shards with rows by
status, for each recipe its receipts with what became of the rows.

With --json the records themselves are printed as they rest, one object a line:
key and record, whose kind is dataset, part, recipe or receipt.`,
		Example: `  recaption shards ls demo
  recaption shards ls s3://captions/cc12m --json`,
		Args: exactArgs(1, "one folder or s3://bucket/prefix"),
		RunE: func(c *cobra.Command, args []string) error {
			return withStore(c, args[0], func(ctx context.Context, st shards.Store) error {
				out := bufio.NewWriter(c.OutOrStdout())
				var l lister = &table{w: out}
				if asJSON {
					l = records{json.NewEncoder(out)}
				}
				if err := list(ctx, st, l); err != nil {
					return err
				}
				return out.Flush()
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the records, one JSON object a line")
	storeFlags(c.Flags())
	return c
}

// lister prints records as they are read, a revision before its parts, a
// recipe before its receipts.
type lister interface {
	dataset(key string, d schemas.Dataset) error
	part(key string, p schemas.PartRecord) error
	recipe(key string, r schemas.Recipe) error
	receipt(key string, r schemas.Receipt) error
	end() error // of a revision or a recipe
}

func list(ctx context.Context, st shards.Store, l lister) error {
	for rev, err := range revisions(ctx, st) {
		if err != nil {
			return err
		}
		d, err := shards.ReadDataset(ctx, st, rev.dataset, rev.id)
		if err != nil {
			return err
		}
		if err := l.dataset(shards.DatasetKey(rev.dataset, rev.id), d); err != nil {
			return err
		}
		for p, err := range partRecords(ctx, st, rev) {
			if err == nil {
				err = p.err
			}
			if err != nil {
				return err
			}
			if err := l.part(p.key, p.PartRecord); err != nil {
				return err
			}
		}
		if err := l.end(); err != nil {
			return err
		}
	}
	ids, err := recipes(ctx, st)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := listRecipe(ctx, st, id, l); err != nil {
			return err
		}
	}
	return nil
}

func listRecipe(ctx context.Context, st shards.Store, id schemas.RecipeID, l lister) error {
	recipe, err := shards.ReadRecipe(ctx, st, id)
	if err != nil {
		return err
	}
	if err := l.recipe(shards.RecipeKey(id), recipe); err != nil {
		return err
	}
	for o, err := range st.List(ctx, shards.CaptionsPrefix(id), "") {
		if err != nil {
			return err
		}
		if _, _, _, err := shards.ParseReceiptKey(o.Key); err != nil {
			continue // captions, or not ours
		}
		r, err := shards.ReadReceipt(ctx, st, o.Key)
		if err != nil {
			return err
		}
		if err := l.receipt(o.Key, r); err != nil {
			return err
		}
	}
	return l.end()
}

// records prints records as they rest.
type records struct{ e *json.Encoder }

func (r records) put(key string, record any) error {
	return r.e.Encode(struct {
		Key    string `json:"key"`
		Record any    `json:"record"`
	}{key, record})
}

func (r records) dataset(key string, d schemas.Dataset) error { return r.put(key, d) }
func (r records) part(key string, p schemas.PartRecord) error { return r.put(key, p) }
func (r records) recipe(key string, s schemas.Recipe) error   { return r.put(key, s) }
func (r records) receipt(key string, s schemas.Receipt) error { return r.put(key, s) }
func (r records) end() error                                  { return nil }

// table prints for people. Every line ends with what its columns can't hold.
type table struct {
	w        io.Writer
	what     string // of the sum line: what is being listed
	parts    int
	shards   int
	rows     int
	bytes    int64
	accepted int
	captions bool
}

func (t *table) dataset(_ string, d schemas.Dataset) error {
	*t = table{w: t.w, what: "of " + counted(d.Parts, "part")}
	limit := ""
	if d.Limit > 0 {
		limit = fmt.Sprintf(", first %s samples", humanize.Comma(int64(d.Limit)))
	}
	_, err := fmt.Fprintf(t.w, "dataset %s, revision %s: %s %s%s\n", d.Dataset, d.Revision, d.Format, d.Source, limit)
	return err
}

func (t *table) part(_ string, p schemas.PartRecord) error {
	t.parts++
	faults := ""
	if len(p.Faults) > 0 {
		var f []string
		for _, x := range p.Faults {
			f = append(f, fmt.Sprintf("%s %s", x.Reason, humanize.Comma(int64(x.Count))))
		}
		faults = "  noticed: " + strings.Join(f, ", ")
	}
	if _, err := fmt.Fprintf(t.w, "  part %s  %s%s\n", p.Part, p.Location, faults); err != nil {
		return err
	}
	for _, s := range p.Shards {
		t.shards++
		t.rows += s.File.Rows
		t.bytes += s.File.Bytes
		if err := t.line(s.ID, s.File, countsOf(schemas.SampleStatuses(), s.Statuses)); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) line(s schemas.ShardID, f schemas.File, rest string) error {
	_, err := fmt.Fprintf(t.w, "    %s  %6s rows  %8s  %s\n", s.Short(), humanize.Comma(int64(f.Rows)), humanize.IBytes(uint64(f.Bytes)), rest)
	return err
}

func (t *table) recipe(key string, r schemas.Recipe) error {
	*t = table{w: t.w, captions: true}
	var prompts []string
	for _, p := range r.Prompts {
		prompts = append(prompts, p.Name)
	}
	id := strings.TrimSuffix(strings.TrimPrefix(key, "recipes/"), ".json")
	_, err := fmt.Fprintf(t.w, "recipe %s: %s, prompts %s\n", schemas.RecipeID(id).Short(), r.Model.Family, strings.Join(prompts, ", "))
	return err
}

func (t *table) receipt(_ string, r schemas.Receipt) error {
	t.shards++
	t.rows += r.File.Rows
	t.bytes += r.File.Bytes
	t.accepted += r.Accepted
	rest := fmt.Sprintf("%s; accepted %s", countsOf(schemas.RowStatuses(), r.Statuses), humanize.Comma(int64(r.Accepted)))
	if flags := countsOf(schemas.Flags(), r.Flags); flags != "" {
		rest += "; flags " + flags
	}
	if r.Generation > 0 {
		rest += fmt.Sprintf("; generation %d", r.Generation)
	}
	return t.line(r.Shard, r.File, rest)
}

func (t *table) end() error {
	size := humanize.IBytes(uint64(t.bytes))
	if t.captions {
		_, err := fmt.Fprintf(t.w, "  %s in %s, %s; %s with an accepted caption\n",
			counted(t.rows, "row"), counted(t.shards, "receipt"), size, counted(t.accepted, "row"))
		return err
	}
	_, err := fmt.Fprintf(t.w, "  %s in %s, %s; %d %s cut\n",
		counted(t.rows, "row"), counted(t.shards, "shard"), size, t.parts, t.what)
	return err
}

// counted writes a number of things.
func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return humanize.Comma(int64(n)) + " " + thing
}

// countsOf writes the counts that are not zero, in the order of keys.
func countsOf[K ~string](keys []K, counts map[K]int) string {
	var b strings.Builder
	for _, k := range keys {
		if n := counts[k]; n > 0 {
			if b.Len() > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%s %s", k, humanize.Comma(int64(n)))
		}
	}
	return b.String()
}

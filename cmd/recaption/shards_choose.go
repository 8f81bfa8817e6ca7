package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"

	"recaption/schemas"
	"recaption/shards"
)

// chosen is what recaption shards cat prints: a revision, and the recipe whose
// captions stand beside it, if there is any.
type chosen struct {
	revision
	recipe schemas.RecipeID
}

// choose finds what to print: what the newest of the runs that fit the flags
// was made of. Where there are others it says which one it took. Where no run
// fits, as in a store that holds parts of one alone, the flags must say enough.
func (o catOptions) choose(ctx context.Context, st shards.Store, said io.Writer) (chosen, error) {
	newest, others, err := o.newestRun(ctx, st)
	if err != nil {
		return chosen{}, err
	}
	if newest == nil {
		rev, err := o.onlyRevision(ctx, st)
		if err != nil {
			return chosen{}, err
		}
		recipe, err := o.onlyRecipe(ctx, st)
		return chosen{rev, recipe}, err
	}
	c := chosen{revision{newest.Dataset, newest.Revision}, newest.Recipe}
	if others == 0 {
		return c, nil
	}
	_, err = fmt.Fprintf(said, "recaption: the newest of %d runs, of %s: dataset %s, revision %s%s, recipe %s; others by --dataset, --revision and --recipe, and recaption shards ls lists them\n",
		others+1, newest.At.Format("2006-01-02 15:04:05 MST"), c.dataset, c.id, describeRevision(ctx, st, c.revision), c.recipe.Short())
	return c, err
}

// newestRun is the run launched last of those that fit the flags, nil where
// none does, and how many others there are with another revision or recipe.
func (o catOptions) newestRun(ctx context.Context, st shards.Store) (newest *schemas.RunRecord, others int, err error) {
	var runs []schemas.RunRecord
	for key, err := range st.List(ctx, "runs/", "") {
		if err != nil {
			return nil, 0, err
		}
		id, n, err := shards.ParseRunKey(key.Key)
		if err != nil || n != 0 {
			continue // not ours, or not its launch
		}
		if r, err := shards.ReadRun(ctx, st, id, n); err == nil { // recaption shards verify tells of the others
			runs = append(runs, r)
		} else if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
	}
	runs = asked(runs, o.dataset, func(r schemas.RunRecord) string { return string(r.Dataset) })
	runs = asked(runs, o.revision, func(r schemas.RunRecord) string { return string(r.Revision) })
	runs = asked(runs, o.recipe, func(r schemas.RunRecord) string { return string(r.Recipe) })
	different := map[chosen]struct{}{}
	for i, r := range runs {
		different[chosen{revision{r.Dataset, r.Revision}, r.Recipe}] = struct{}{}
		if newest == nil || r.At.After(newest.At) {
			newest = &runs[i]
		}
	}
	return newest, len(different) - 1, nil
}

// asked keeps the runs whose identifier is the one asked for, or, where none
// is, begins with it.
func asked(runs []schemas.RunRecord, want string, of func(schemas.RunRecord) string) []schemas.RunRecord {
	var exact, begun []schemas.RunRecord
	for _, r := range runs {
		if of(r) == want {
			exact = append(exact, r)
		}
		if strings.HasPrefix(of(r), want) {
			begun = append(begun, r)
		}
	}
	if exact != nil {
		return exact
	}
	return begun
}

// describeRevision says what a revision is of, as far as its record can be read.
func describeRevision(ctx context.Context, st shards.Store, r revision) string {
	d, err := shards.ReadDataset(ctx, st, r.dataset, r.id)
	switch {
	case err != nil:
		return ""
	case d.Limit > 0:
		return fmt.Sprintf(" (the first %s samples of %s)", humanize.Comma(int64(d.Limit)), d.Source)
	}
	return fmt.Sprintf(" (all of %s)", d.Source)
}

// onlyRevision is the one revision that fits the flags.
func (o catOptions) onlyRevision(ctx context.Context, st shards.Store) (revision, error) {
	byDataset := map[schemas.DatasetID][]schemas.RevisionID{}
	var names []schemas.DatasetID
	for r, err := range revisions(ctx, st) {
		if err != nil {
			return revision{}, err
		}
		if byDataset[r.dataset] == nil {
			names = append(names, r.dataset)
		}
		byDataset[r.dataset] = append(byDataset[r.dataset], r.id)
	}
	dataset, err := chooseOne("dataset", "dataset", o.dataset, names)
	if err != nil {
		return revision{}, err
	}
	id, err := chooseOne("revision of dataset "+string(dataset), "revision", o.revision, byDataset[dataset])
	return revision{dataset, id}, err
}

// onlyRecipe is the one recipe that fits the flags, none where nothing is
// captioned yet.
func (o catOptions) onlyRecipe(ctx context.Context, st shards.Store) (schemas.RecipeID, error) {
	ids, err := recipes(ctx, st)
	if err != nil || len(ids) == 0 && o.recipe == "" {
		return "", err
	}
	return chooseOne("recipe", "recipe", o.recipe, ids)
}

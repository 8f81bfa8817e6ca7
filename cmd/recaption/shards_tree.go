package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"recaption/schemas"
	"recaption/shards"
)

// revision is a cut of a dataset that a store holds.
type revision struct {
	dataset schemas.DatasetID
	id      schemas.RevisionID
}

// behind sorts after every key that begins with folder, which ends in '/', and
// before all others that do.
func behind(folder string) string { return strings.TrimSuffix(folder, "/") + "0" } // '0' follows '/'

// revisions gives the revisions of all datasets, in the order of their keys. It
// lists around parts and shards.
func revisions(ctx context.Context, st shards.Store) iter.Seq2[revision, error] {
	return func(yield func(revision, error) bool) {
		for after := ""; ; {
			next := ""
			for o, err := range st.List(ctx, "datasets/", after) {
				if err != nil {
					yield(revision{}, err)
					return
				}
				seg := strings.Split(o.Key, "/")
				if len(seg) < 4 {
					continue // no key of ours
				}
				next = behind(strings.Join(seg[:3], "/") + "/")
				d, derr := schemas.ParseDatasetID(seg[1])
				r, rerr := schemas.ParseRevisionID(seg[2])
				if derr == nil && rerr == nil && !yield(revision{d, r}, nil) {
					return
				}
				break
			}
			if next == "" {
				return
			}
			after = next
		}
	}
}

// partRecord is a part's record, or why it can't be read.
type partRecord struct {
	key string
	schemas.PartRecord
	err error
}

// partRecords gives the part records of a revision in the source's order. The
// error beside one is about the listing, which ends with it.
func partRecords(ctx context.Context, st shards.Store, r revision) iter.Seq2[partRecord, error] {
	return func(yield func(partRecord, error) bool) {
		for o, err := range st.List(ctx, shards.PartsPrefix(r.dataset, r.id), "") {
			if err != nil {
				yield(partRecord{}, err)
				return
			}
			p := partRecord{key: o.Key}
			if p.PartRecord, p.err = shards.ReadPart(ctx, st, o.Key); ctx.Err() != nil {
				yield(p, ctx.Err())
				return
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// revisionShards gives the shards of a revision in the source's order. A
// record that can't be read ends it.
func revisionShards(ctx context.Context, st shards.Store, r revision) iter.Seq2[schemas.Shard, error] {
	return func(yield func(schemas.Shard, error) bool) {
		for p, err := range partRecords(ctx, st, r) {
			if err = errors.Join(err, p.err); err != nil {
				yield(schemas.Shard{}, err)
				return
			}
			for _, s := range p.Shards {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// recipes lists the recipes that a store holds.
func recipes(ctx context.Context, st shards.Store) ([]schemas.RecipeID, error) {
	var ids []schemas.RecipeID
	for o, err := range st.List(ctx, "recipes/", "") {
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(o.Key, "recipes/"), ".json")
		if id, err := schemas.ParseRecipeID(name); err == nil && o.Key == shards.RecipeKey(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// latestReceipt reads the receipt of a shard's latest generation. It gives
// [shards.ErrNotFound] when the recipe has none for it.
func latestReceipt(ctx context.Context, st shards.Store, recipe schemas.RecipeID, shard schemas.ShardID) (schemas.Receipt, error) {
	var latest schemas.Receipt
	for generation := 0; ; generation++ {
		r, err := shards.ReadReceipt(ctx, st, shards.ReceiptKey(recipe, shard, generation))
		if generation > 0 && errors.Is(err, shards.ErrNotFound) {
			return latest, nil
		}
		if err != nil {
			return schemas.Receipt{}, err
		}
		latest = r
	}
}

// captionedSample is a sample with what a recipe made of it.
type captionedSample struct {
	schemas.Sample
	row      int
	captions *schemas.CaptionRow // nil where there is no receipt yet
}

// readCaptioned reads the named rows of a shard, all where none are named, with
// the captions of the latest generation of a recipe, if it has any.
func readCaptioned(ctx context.Context, st shards.Store, d schemas.DatasetID, s schemas.Shard, recipe schemas.RecipeID, rows ...schemas.RowRange) iter.Seq2[captionedSample, error] {
	return func(yield func(captionedSample, error) bool) {
		var receipt *schemas.Receipt
		if recipe != "" {
			r, err := latestReceipt(ctx, st, recipe, s.ID)
			if err == nil {
				receipt = &r
			} else if !errors.Is(err, shards.ErrNotFound) {
				yield(captionedSample{}, err)
				return
			}
		}
		readShard(ctx, st, d, s, receipt, rows...)(yield)
	}
}

// readShard reads rows as readCaptioned does, with the captions of a receipt.
func readShard(ctx context.Context, st shards.Store, d schemas.DatasetID, s schemas.Shard, receipt *schemas.Receipt, rows ...schemas.RowRange) iter.Seq2[captionedSample, error] {
	return func(yield func(captionedSample, error) bool) {
		samples, err := shards.Open(ctx, st, shards.SampleShardKey(d, s.ID), s.File)
		if err != nil {
			yield(captionedSample{}, err)
			return
		}
		next := func() (shards.NumberedCaptions, error, bool) { return shards.NumberedCaptions{}, nil, true }
		if receipt != nil {
			key := shards.CaptionsKey(receipt.Recipe, s.ID, receipt.Generation, receipt.Attempt)
			captions, err := shards.Open(ctx, st, key, receipt.File)
			if err != nil {
				yield(captionedSample{}, err)
				return
			}
			var stop func()
			next, stop = iter.Pull2(captions.Captions(ctx, rows...))
			defer stop()
		}
		for v, err := range samples.Samples(ctx, rows...) {
			if err != nil {
				yield(captionedSample{}, err)
				return
			}
			c, err, ok := next()
			out := captionedSample{Sample: v.Sample, row: v.Row}
			switch {
			case err != nil:
			case !ok || receipt != nil && c.Key != v.Key:
				err = fmt.Errorf("%w: row %d of shard %s is not in its captions", shards.ErrCorrupt, v.Row, s.ID.Short())
			case receipt != nil:
				out.captions = &c.CaptionRow
			}
			if !yield(out, err) || err != nil {
				return
			}
		}
	}
}

// chooseOne takes the one of all that was asked for, or the only one. what
// names the kind, flag the flag that asks.
func chooseOne[T ~string](what, flag, asked string, all []T) (T, error) {
	names := func(ids []T) string {
		text := make([]string, len(ids))
		for i, id := range ids {
			text[i] = "  " + string(id)
		}
		return strings.Join(text, "\n")
	}
	var zero T
	found := all
	if asked != "" {
		found = slices.DeleteFunc(slices.Clone(all), func(id T) bool { return !strings.HasPrefix(string(id), asked) })
		if slices.Contains(all, T(asked)) {
			return T(asked), nil
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(all) == 0:
		return zero, usagef("there is no %s here", what)
	case len(found) == 0:
		return zero, usagef("--%s %s: there is no such %s; there are\n%s", flag, asked, what, names(all))
	}
	return zero, usagef("--%s: there are %d to choose from, name one of\n%s", flag, len(found), names(found))
}

package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"recaption/schemas"
	"recaption/shards"
)

// captions holds what one recipe has of a shard, all generations of it, against
// the receipts and the shard. It reports whether there is any.
func (a *audit) captions(ctx context.Context, rev revision, s schemas.Shard, recipe auditRecipe, whole, first bool) (bool, error) {
	for generation := 0; ; generation++ {
		key := shards.ReceiptKey(recipe.id, s.ID, generation)
		r, err := shards.ReadReceipt(ctx, a.st, key)
		if errors.Is(err, shards.ErrNotFound) {
			return generation > 0, nil
		}
		if !first { // its captions were verified with it
			continue
		}
		a.met(key)
		a.counts.Receipts++
		if err == nil && key != shards.ReceiptKey(r.Recipe, r.Shard, r.Generation) {
			err = fmt.Errorf("%w: it is the receipt of shard %s, generation %d", schemas.ErrMalformed, r.Shard, r.Generation)
		}
		if err == nil && r.File.Rows != s.File.Rows {
			err = fmt.Errorf("%w: it is of %d rows, the shard has %d", schemas.ErrMalformed, r.File.Rows, s.File.Rows)
		}
		if err := a.damaged(ctx, key, err); err != nil {
			return true, err
		}
		if err != nil {
			continue
		}
		if err := a.generation(ctx, rev, s, recipe, r, whole); err != nil {
			return true, err
		}
	}
}

// generation holds the captions of one receipt against it, and row for row
// against the sample shard, where that is whole.
func (a *audit) generation(ctx context.Context, rev revision, s schemas.Shard, recipe auditRecipe, r schemas.Receipt, whole bool) error {
	key := shards.CaptionsKey(r.Recipe, r.Shard, r.Generation, r.Attempt)
	a.met(key)
	err := shards.Verify(ctx, a.st, key, r.File)
	if err != nil {
		return a.damaged(ctx, key, err)
	}
	a.counts.Rows += r.File.Rows
	if !whole {
		return nil // the fault is the shard's
	}
	g, err := a.gateOf(ctx, r, recipe.prompts)
	if err != nil {
		return err
	}
	captions, err := shards.Open(ctx, a.st, key, r.File)
	if err != nil {
		return a.damaged(ctx, key, err)
	}
	samples, err := shards.Open(ctx, a.st, shards.SampleShardKey(rev.dataset, s.ID), s.File)
	if err != nil {
		return a.damaged(ctx, shards.SampleShardKey(rev.dataset, s.ID), err)
	}
	next, stop := iter.Pull2(samples.Samples(ctx))
	defer stop()
	statuses, reasons, accepted := map[schemas.RowStatus]int{}, map[schemas.Reason]int{}, 0
	for c, err := range captions.Captions(ctx) {
		if err != nil {
			return a.damaged(ctx, key, err)
		}
		v, err, ok := next()
		if err != nil {
			return a.damaged(ctx, key, err)
		}
		if !ok {
			return a.fault(key, "row %d: the shard has no such row", c.Row)
		}
		statuses[c.Status]++
		if c.Reason != "" {
			reasons[c.Reason]++
		}
		if g != nil {
			if _, ok := g.Accepted(v.AltText, c.CaptionRow); ok {
				accepted++
			}
		}
		if wrong := wrongRow(v, c); wrong != "" {
			if err := a.fault(key, "row %d: %s", c.Row, wrong); err != nil {
				return err
			}
		}
	}
	if g != nil && accepted != r.Accepted {
		if err := a.fault(key, "its receipt counts %d rows with an accepted caption, its gate accepts %d", r.Accepted, accepted); err != nil {
			return err
		}
	}
	return errors.Join(sameCounts(a, key, "status", r.Statuses, statuses), sameCounts(a, key, "reason", r.Reasons, reasons))
}

// wrongRow says why c can't be the captions of v, nothing when it can.
func wrongRow(v shards.NumberedSample, c shards.NumberedCaptions) string {
	switch {
	case c.Key != v.Key:
		return fmt.Sprintf("it is %q, the shard's row is %q", c.Key, v.Key)
	case c.ImageSHA256 != v.ImageSHA256:
		return fmt.Sprintf("%q: it was made of another image than the shard's", c.Key)
	}
	switch c.Status {
	case schemas.RowCaptioned, schemas.RowRefused, schemas.RowFailed:
		if v.Status != schemas.SampleOK {
			return fmt.Sprintf("%q: status %s, though the sample is %s", c.Key, c.Status, v.Status)
		}
	case schemas.RowUnreachable, schemas.RowUnusable, schemas.RowWithdrawn:
		if string(c.Status) != string(v.Status) {
			return fmt.Sprintf("%q: status %s, though the sample is %s", c.Key, c.Status, v.Status)
		}
	default:
		return fmt.Sprintf("%q: status %q is none", c.Key, c.Status)
	}
	if c.Status == schemas.RowCaptioned && len(c.Captions) == 0 {
		return fmt.Sprintf("%q: status captioned, and no caption", c.Key)
	}
	return ""
}

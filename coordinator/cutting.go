package coordinator

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"recaption/coordinator/cut"
	"recaption/coordinator/source"
	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
)

const (
	// foreignRest is how long a part rests that this coordinator can't cut,
	// for one that can.
	foreignRest = 10 * time.Second
	// settleLimit bounds the last words about a part: they are said after the
	// context has ended, too.
	settleLimit = 10 * time.Second
)

// cut takes parts off the queue and cuts them, until ctx ends.
func (f *follower) cut(ctx context.Context) error {
	c, err := cut.New(f.store, f.run.Dataset, cut.Config{Spool: f.cfg.Spool})
	if err != nil {
		return err
	}
	for {
		d, err := f.cuts.Next(ctx)
		if err != nil {
			return ignoreEnd(ctx, err)
		}
		f.cutPart(ctx, c, d)
	}
}

// cutPart cuts one part and acknowledges it. What another run left in the queue
// is handed back: only who has that run's source can cut it. A part that can't
// be read now is handed back too, and given up for this time after a number of
// tries.
func (f *follower) cutPart(ctx context.Context, c *cut.Cutter, d *jetstream.Delivery[schemas.CutJob]) {
	log := f.log.With("part", d.Job.Part, "attempt", d.Attempt)
	handBack := func(after time.Duration) {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
		defer cancel()
		if err := d.Release(last, after); err != nil {
			log.Warn("hand a part back", "err", err) // its lease runs out
		}
	}
	if d.Job.Dataset != f.run.Dataset.Dataset || d.Job.Revision != f.run.Dataset.Revision {
		log.Debug("hand back a part of another run", "dataset", d.Job.Dataset)
		handBack(foreignRest)
		return
	}
	record, err := f.cutHeld(ctx, c, d)
	switch {
	case ctx.Err() != nil && err != nil:
		handBack(0)
		return
	case err != nil:
		again, givenUp := f.missed(d.Job.Part, err)
		log.Warn("part not cut", "err", err, "given_up", givenUp)
		if !givenUp {
			handBack(again)
			return
		}
	case record == nil:
		log.Debug("part is behind the run's limit")
	default:
		log.Info("part cut", "shards", len(record.Shards), "rows", record.Rows(), "faults", len(record.Faults))
		f.takePart(*record)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()
	if err := d.Ack(last); err != nil {
		log.Warn("acknowledge a cut", "err", err) // its record is there: the next one finds it
	}
}

// cutHeld cuts a part while its lease is extended. It gives no record for a
// part that is none of the run.
func (f *follower) cutHeld(ctx context.Context, c *cut.Cutter, d *jetstream.Delivery[schemas.CutJob]) (*schemas.PartRecord, error) {
	p, most, err := f.find(ctx, d.Job.Part)
	if p == nil || err != nil {
		return nil, err
	}
	extending, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { extend(extending, d, f.log.With("part", d.Job.Part, "attempt", d.Attempt)) })
	defer wg.Wait()
	defer stop()
	record, err := c.Part(ctx, f.src, *p, most)
	if err != nil {
		return nil, err
	}
	return &record, nil
}

// find gives a part of the run, nil when it is none, and how many of its
// samples the run's limit leaves.
func (f *follower) find(ctx context.Context, id schemas.PartID) (*source.Part, int, error) {
	limit := f.run.Dataset.Limit
	left := cut.All
	if limit > 0 {
		left = limit
	}
	for _, p := range f.scope() {
		if p.ID == id {
			return &p.Part, left, nil
		}
		if limit == 0 {
			continue
		}
		// What a part gives under a limit depends on those before it, whose
		// records are there: parts are queued one after the other.
		rows, err := f.rows(ctx, p)
		if err != nil {
			return nil, 0, fmt.Errorf("count the samples before part %s: %w", id, err)
		}
		left = max(0, left-rows)
	}
	return nil, 0, nil
}

// rows is the number of samples of a part that is cut, by whomever.
func (f *follower) rows(ctx context.Context, p *part) (int, error) {
	f.mu.Lock()
	known, rows := p.cut, p.rows
	f.mu.Unlock()
	if known {
		return rows, nil
	}
	record, err := shards.ReadPart(ctx, f.store, shards.PartKey(f.run.Dataset.Dataset, f.run.Dataset.Revision, p.ID))
	if err != nil {
		return 0, err
	}
	f.takePart(record)
	return record.Rows(), nil
}

// missed notes that a part could not be cut. It gives the time until the next
// try, or tells that there was the last.
func (f *follower) missed(id schemas.PartID, err error) (again time.Duration, givenUp bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.byID[id]
	if p == nil || p.cut || p.unread != nil {
		return 0, true
	}
	again = min(30*time.Second, 250*time.Millisecond<<min(p.tries, 10))
	if p.tries++; p.tries >= f.cfg.CutTries {
		p.unread = err
		f.progress.PartsUnread++
		f.changed()
	}
	return again, p.unread != nil
}

// extend keeps a delivery ours until ctx ends. When that fails another may cut
// the part too, which is no harm: the first record is the part. The log has the
// first failure.
func extend(ctx context.Context, d *jetstream.Delivery[schemas.CutJob], log *slog.Logger) {
	tick := time.NewTicker(max(d.Lease/3, time.Millisecond))
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := d.Extend(ctx); err != nil && ctx.Err() == nil && !failed {
			failed = true
			log.Warn("extend the lease on a part", "err", err)
		}
	}
}

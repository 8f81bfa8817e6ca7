package coordinator

import (
	"context"
	"fmt"
	"time"

	"recaption/coordinator/cut"
	"recaption/coordinator/source"
	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
)

// foreignRest is how long a part rests that this coordinator can't cut, for
// one that can.
const foreignRest = 10 * time.Second

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
		if err := f.cutPart(ctx, c, d); err != nil {
			return ignoreEnd(ctx, err)
		}
	}
}

// cutPart cuts one part and acknowledges it. What another run left in the queue
// is handed back: only who has that run's source can cut it.
func (f *follower) cutPart(ctx context.Context, c *cut.Cutter, d *jetstream.Delivery[schemas.CutJob]) error {
	log := f.log.With("part", d.Job.Part, "attempt", d.Attempt)
	p, most, err := f.find(ctx, d.Job)
	if err != nil {
		return err
	}
	if p == nil {
		log.Debug("hand back a part of another run", "dataset", d.Job.Dataset)
		return d.Release(ctx, foreignRest)
	}
	extending, release := context.WithCancel(ctx)
	defer release()
	go extend(extending, d)
	record, err := c.Part(ctx, f.src, *p, most)
	if err != nil {
		return err
	}
	log.Info("part cut", "shards", len(record.Shards), "rows", record.Rows(), "faults", len(record.Faults))
	f.takePart(record)
	if err := d.Ack(ctx); err != nil && ctx.Err() == nil {
		log.Warn("acknowledge a cut", "err", err) // its record is there: the next one finds it
	}
	return nil
}

// find gives the part that a job names, nil when it is not one of this run,
// and how many of its samples the run's limit leaves.
func (f *follower) find(ctx context.Context, job schemas.CutJob) (*source.Part, int, error) {
	d := f.run.Dataset
	if job.Dataset != d.Dataset || job.Revision != d.Revision {
		return nil, 0, nil
	}
	left := cut.All
	if d.Limit > 0 {
		left = d.Limit
	}
	for _, p := range f.scope() {
		if p.ID == job.Part {
			return &p.Part, left, nil
		}
		if d.Limit == 0 {
			continue
		}
		// What a part gives under a limit depends on those before it, whose
		// records are there: parts are queued one after the other.
		rows, err := f.rows(ctx, p)
		if err != nil {
			return nil, 0, fmt.Errorf("count the samples before part %s: %w", job.Part, err)
		}
		left = max(0, left-rows)
	}
	return nil, 0, nil // behind the limit
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

// extend keeps a delivery ours until ctx ends. When that fails another may cut
// the part too, which is no harm: the first record is the part.
func extend(ctx context.Context, d *jetstream.Delivery[schemas.CutJob]) {
	tick := time.NewTicker(d.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = d.Extend(ctx)
		}
	}
}

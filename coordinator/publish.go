package coordinator

import (
	"context"
	"errors"
	"fmt"

	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
)

// publish queues what is missing, as far as the windows allow, and reports
// whether nothing is missing any more.
func (f *follower) publish(ctx context.Context, queued map[schemas.PartID]bool) (done bool, err error) {
	if err := f.publishCuts(ctx, queued); err != nil {
		return false, err
	}
	for {
		p := f.nextReady()
		if p == nil {
			return f.finished(), nil
		}
		all, err := f.publishPart(ctx, p)
		if err != nil {
			return false, err
		}
		if !all { // the window is full: the part's turn comes again
			f.putBack(p)
			return false, nil
		}
	}
}

// publishCuts queues the parts that come next. At most four for each cutter
// are queued; under a limit one at a time, since what a part gives depends on
// those before it.
func (f *follower) publishCuts(ctx context.Context, queued map[schemas.PartID]bool) error {
	window := 4 * f.cfg.Cutters
	if f.run.Dataset.Limit > 0 {
		window = 1
	}
	for _, id := range f.uncut(window) {
		if queued[id] {
			continue
		}
		job := schemas.CutJob{Dataset: f.run.Dataset.Dataset, Revision: f.run.Dataset.Revision, Part: id}
		if err := f.cuts.Publish(ctx, job); err != nil && !errors.Is(err, jetstream.ErrQueued) {
			return f.heal(ctx, fmt.Errorf("publish cut of part %s: %w", id, err))
		}
		queued[id] = true
	}
	return nil
}

// uncut gives the first n parts that have no record.
func (f *follower) uncut(n int) []schemas.PartID {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []schemas.PartID
	for i := f.firstUncut; i < len(f.parts) && len(ids) < n; i++ {
		if !f.parts[i].cut {
			ids = append(ids, f.parts[i].ID)
		}
	}
	return ids
}

// publishPart queues a job for each pending shard of a part. It reports false
// when the queue is full before all are in it.
func (f *follower) publishPart(ctx context.Context, p *part) (all bool, err error) {
	d := f.run.Dataset
	record, err := shards.ReadPart(ctx, f.store, shards.PartKey(d.Dataset, d.Revision, p.ID))
	if err != nil {
		return false, err
	}
	depth, err := f.jobs.Depth(ctx)
	if err != nil {
		return false, f.heal(ctx, err)
	}
	room := f.cfg.Window - depth.Waiting - depth.InHand
	for _, s := range record.Shards {
		if !f.isPending(s.ID) {
			continue
		}
		if room <= 0 {
			return false, nil
		}
		job := schemas.NewCaptionJob(schemas.CaptionJob{
			Run: f.run.ID, Pool: f.run.Pool, Dataset: d.Dataset, Shard: s.ID, File: s.File,
			Recipe: f.run.Recipe, Gate: f.run.Gate,
		})
		switch err := f.jobs.Publish(ctx, job); {
		case err == nil:
			room--
		case !errors.Is(err, jetstream.ErrQueued):
			return false, f.heal(ctx, fmt.Errorf("publish job of shard %s: %w", s.ID.Short(), err))
		}
	}
	return true, nil
}

// heal makes streams anew when err says that they are gone; the next pass
// publishes again.
func (f *follower) heal(ctx context.Context, err error) error {
	if errors.Is(err, jetstream.ErrNoStream) {
		f.log.Warn("streams are gone; making them anew", "err", err)
		return f.streams(ctx)
	}
	return err
}

// nextReady takes the next part whose jobs are to be queued, nil when none is.
func (f *follower) nextReady() *part {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.ready) > 0 {
		p := f.ready[0]
		f.ready = f.ready[1:]
		if len(p.pending) > 0 {
			return p
		}
	}
	return nil
}

func (f *follower) putBack(p *part) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ready = append([]*part{p}, f.ready...)
}

// finished tells whether every part is cut and no shard is pending.
func (f *follower) finished() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.firstUncut == len(f.parts) && f.pending == 0
}

// reconcile asks the store what the streams may have lost: parts that another
// coordinator cut, receipts whose event got lost, jobs that are neither queued
// nor done. Then it deals with the jobs whose deliveries are used up.
func (f *follower) reconcile(ctx context.Context) error {
	if err := f.streams(ctx); err != nil {
		return ignoreEnd(ctx, err)
	}
	if err := f.list(ctx); err != nil {
		return ignoreEnd(ctx, err)
	}
	if err := f.commitSpent(ctx); err != nil {
		return ignoreEnd(ctx, err)
	}
	depth, err := f.jobs.Depth(ctx)
	if err != nil {
		return ignoreEnd(ctx, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if depth.Waiting+depth.InHand < f.pending && depth.Waiting+depth.InHand < f.cfg.Window {
		f.ready = f.ready[:0]
		for _, p := range f.parts {
			if len(p.pending) > 0 {
				f.ready = append(f.ready, p)
			}
		}
	}
	return nil
}

func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

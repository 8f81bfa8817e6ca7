package coordinator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
)

// publish queues what is missing, as far as the windows allow, and reports
// whether nothing is missing any more that could be had.
func (f *follower) publish(ctx context.Context) (done bool, err error) {
	if err := f.publishCuts(ctx); err != nil {
		return false, f.heal(ctx, err)
	}
	for {
		p := f.nextReady()
		if p == nil {
			return f.finished(), nil
		}
		all, err := f.publishPart(ctx, p)
		if err != nil || !all { // the window is full: the part's turn comes again
			f.putBack(p)
			return false, f.heal(ctx, err)
		}
	}
}

// heal makes streams anew when err says that they are gone; what was not
// published comes next.
func (f *follower) heal(ctx context.Context, err error) error {
	if !errors.Is(err, jetstream.ErrNoStream) {
		return err
	}
	f.log.Warn("streams are gone; making them anew", "err", err)
	if err := f.Ensure(ctx, f.run.Pool); err != nil {
		return err
	}
	clear(f.asked)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.again()
	f.changed()
	return nil
}

// publishCuts queues the parts that come next. At most four for each cutter
// are queued; under a limit one at a time, since what a part gives depends on
// those before it.
func (f *follower) publishCuts(ctx context.Context) error {
	window := 4 * f.cfg.Cutters
	if f.run.Dataset.Limit > 0 {
		window = 1
	}
	for _, id := range f.uncut(window) {
		if f.asked[id] {
			continue
		}
		job := schemas.CutJob{Dataset: f.run.Dataset.Dataset, Revision: f.run.Dataset.Revision, Part: id}
		if err := f.cuts.Publish(ctx, job); err != nil && !errors.Is(err, jetstream.ErrQueued) {
			return fmt.Errorf("publish cut of part %s: %w", id, err)
		}
		f.asked[id] = true
	}
	return nil
}

// uncut gives the first n parts that are to be cut. Those that were given up
// are not, nor those behind one under a limit.
func (f *follower) uncut(n int) []schemas.PartID {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []schemas.PartID
	for i := f.firstUncut; i < len(f.parts) && len(ids) < n; i++ {
		switch p := f.parts[i]; {
		case p.cut:
		case p.unread == nil:
			ids = append(ids, p.ID)
		case f.run.Dataset.Limit > 0:
			return ids
		}
	}
	return ids
}

// publishPart queues a job for each pending shard of a part, from where it
// ended before. It reports false when the queue is full before all are in it,
// or has too little room to begin: it is filled a quarter of the window at a
// time, or as soon as less than a quarter is queued.
func (f *follower) publishPart(ctx context.Context, p *part) (all bool, err error) {
	d := f.run.Dataset
	f.mu.Lock()
	from, queued := p.next, f.queued
	f.mu.Unlock()
	quarter := max(1, f.cfg.Window/4)
	if f.cfg.Window-queued < quarter {
		return false, nil
	}
	depth, err := f.jobs.Depth(ctx)
	if err != nil {
		return false, err
	}
	room := f.cfg.Window - depth.Waiting - depth.InHand
	if room <= 0 && queued < quarter {
		// However full other runs keep the queue, a quarter is this run's.
		mine, err := jetstream.DepthOf(ctx, f.jobs, f.run.ID)
		if err != nil {
			return false, err
		}
		room = quarter - mine
	}
	if room <= 0 || room < quarter && queued >= quarter {
		return false, nil
	}
	if f.record.Part != p.ID {
		if f.record, err = shards.ReadPart(ctx, f.store, shards.PartKey(d.Dataset, d.Revision, p.ID)); err != nil {
			return false, err
		}
	}
	for i, s := range f.record.Shards {
		if i < from {
			continue
		}
		if f.isPending(s.ID) {
			if room <= 0 || f.full() {
				return false, nil
			}
			switch err := f.jobs.Publish(ctx, f.job(s)); {
			case err == nil:
				room--
				f.trouble = time.Time{} // a queue that is full now and then is none
			case !errors.Is(err, jetstream.ErrQueued):
				return false, fmt.Errorf("publish job of shard %s: %w", s.ID.Short(), err)
			}
		}
		f.published(p, i, s.ID)
	}
	return true, nil
}

// full tells whether as many jobs of the run as the window holds are queued or
// in hand, by our own count: the server's may lag behind what it took.
func (f *follower) full() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.queued >= f.cfg.Window
}

// published notes that a part's jobs are queued up to its i-th shard.
func (f *follower) published(p *part, i int, s schemas.ShardID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.next = i + 1
	if _, ok := p.pending[s]; ok {
		f.queued++
	}
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

// finished tells whether every part is cut, or given up, and no shard is
// pending.
func (f *follower) finished() bool {
	return len(f.uncut(1)) == 0 && f.allDone() // in this order: a cut makes shards pending
}

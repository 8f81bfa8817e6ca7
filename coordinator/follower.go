package coordinator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"recaption/coordinator/source"
	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
)

// follower is what a coordinator knows of one run while it sees it through.
// Its memory grows by about a hundred bytes a shard; everything larger is read
// again from the store when it is needed.
type follower struct {
	*Coordinator
	run  Run
	src  source.Source
	jobs jobQueue
	cuts cutQueue
	wake chan struct{} // something changed that pursue waits for

	mu         sync.Mutex // guards what follows
	progress   Progress
	parts      []*part // in the source's order
	firstUncut int     // every part before it has a record
	taken      int     // samples of the parts before it
	ready      []*part // cut, their jobs to be queued
	pending    int     // shards without a receipt, over all parts cut
	byShard    map[schemas.ShardID]*part
}

// part is a part of the source and how far it is.
type part struct {
	source.Part
	cut     bool
	rows    int
	pending map[schemas.ShardID]struct{} // shards without a receipt
}

// ensure makes streams and consumers, and lists the source's parts.
func (f *follower) ensure(ctx context.Context) error {
	if err := f.streams(ctx); err != nil {
		return err
	}
	for p, err := range f.src.Parts(ctx) {
		if err != nil {
			return fmt.Errorf("list source %s: %w", f.run.Dataset.Source, err)
		}
		f.parts = append(f.parts, &part{Part: p})
	}
	f.progress.Parts = len(f.parts)
	return nil
}

func (f *follower) streams(ctx context.Context) error {
	if err := f.conn.EnsureStreams(ctx, jetstream.DefaultLayout()); err != nil {
		return err
	}
	return errors.Join(f.cuts.Ensure(ctx, f.cfg.Lease), f.jobs.Ensure(ctx, f.cfg.Lease))
}

// list reads what rests: the records of parts, then the receipts of shards.
func (f *follower) list(ctx context.Context) error {
	if err := f.listParts(ctx); err != nil {
		return err
	}
	return f.listReceipts(ctx)
}

// listParts takes the records of parts that it has not taken yet.
func (f *follower) listParts(ctx context.Context) error {
	byID := map[schemas.PartID]*part{}
	f.mu.Lock()
	for _, p := range f.parts {
		if !p.cut {
			byID[p.ID] = p
		}
	}
	f.mu.Unlock()
	if len(byID) == 0 {
		return nil
	}
	for o, err := range f.store.List(ctx, shards.PartsPrefix(f.run.Dataset.Dataset, f.run.Dataset.Revision), "") {
		if err != nil {
			return err
		}
		_, _, id, err := shards.ParsePartKey(o.Key)
		if err != nil || byID[id] == nil {
			continue // not ours to read
		}
		record, err := shards.ReadPart(ctx, f.store, o.Key)
		if err != nil {
			return err
		}
		f.takePart(record)
	}
	return nil
}

// listReceipts takes the receipts of pending shards.
func (f *follower) listReceipts(ctx context.Context) error {
	for o, err := range f.store.List(ctx, shards.CaptionsPrefix(f.run.Recipe), "") {
		if err != nil {
			return err
		}
		recipe, shard, generation, err := shards.ParseReceiptKey(o.Key)
		if err != nil || recipe != f.run.Recipe || generation != 0 || !f.isPending(shard) {
			continue
		}
		if err := f.takeReceipt(ctx, shard); err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) isPending(s schemas.ShardID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.byShard[s]
	if p == nil {
		return false
	}
	_, ok := p.pending[s]
	return ok
}

// takePart counts the record of a part, once.
func (f *follower) takePart(r schemas.PartRecord) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.parts {
		if p.ID != r.Part || p.cut {
			continue
		}
		p.cut, p.rows, p.pending = true, r.Rows(), make(map[schemas.ShardID]struct{}, len(r.Shards))
		f.progress.addPart(r)
		for _, s := range r.Shards {
			if f.byShard[s.ID] == nil {
				f.byShard[s.ID] = p
				p.pending[s.ID] = struct{}{}
			}
		}
		f.pending += len(p.pending)
		f.ready = append(f.ready, p)
	}
	f.advance()
	f.changed()
}

// advance passes over the parts that are cut. Those behind the run's limit are
// no parts of the run. The mutex is held.
func (f *follower) advance() {
	for ; f.firstUncut < len(f.parts) && f.parts[f.firstUncut].cut; f.firstUncut++ {
		f.taken += f.parts[f.firstUncut].rows
		if limit := f.run.Dataset.Limit; limit > 0 && f.taken >= limit {
			f.parts = f.parts[:f.firstUncut+1]
			f.progress.Parts = len(f.parts)
		}
	}
}

// scope gives the run's parts in the source's order. What it gives is not
// changed, but for what the mutex guards of each part.
func (f *follower) scope() []*part {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.parts
}

// takeReceipt reads the receipt of a pending shard and counts it, once.
func (f *follower) takeReceipt(ctx context.Context, s schemas.ShardID) error {
	r, err := shards.ReadReceipt(ctx, f.store, shards.ReceiptKey(f.run.Recipe, s, 0))
	if err != nil {
		return err
	}
	if r.Gate != f.run.Gate {
		if r, err = f.recount(ctx, r); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.byShard[s]
	if p == nil {
		return nil
	}
	if _, ok := p.pending[s]; ok {
		delete(p.pending, s)
		f.pending--
		f.progress.addReceipt(r)
		f.changed()
	}
	return nil
}

// changed wakes pursue.
func (f *follower) changed() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *follower) snapshot() Progress {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.progress.clone()
}

// follow takes receipts as they are announced, until ctx ends. What it misses,
// reconciling finds.
func (f *follower) follow(ctx context.Context) error {
	events, err := f.conn.Subscribe(ctx, f.cfg.Name, jetstream.Follow{Dataset: f.run.Dataset.Dataset, Recipe: f.run.Recipe})
	if err != nil {
		return err
	}
	for {
		e, err := events.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, jetstream.ErrMissed):
			if err := f.listReceipts(ctx); err != nil && ctx.Err() == nil {
				return err
			}
			continue
		case errors.Is(err, jetstream.ErrNoStream):
			if err := f.streams(ctx); err != nil && ctx.Err() == nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		if e.Ready.Generation == 0 && f.isPending(e.Ready.Shard) {
			if err := f.takeReceipt(ctx, e.Ready.Shard); err != nil && ctx.Err() == nil {
				f.log.Warn("read an announced receipt", "shard", e.Ready.Shard.Short(), "err", err)
			}
		}
		if err := e.Ack(ctx); err != nil && ctx.Err() == nil {
			f.log.Debug("acknowledge an event", "err", err)
		}
	}
}

// pursue publishes what is missing until nothing is: at once, whenever
// something changed, and every so often, since the streams may have lost
// something.
func (f *follower) pursue(ctx context.Context) error {
	tick := time.NewTicker(f.cfg.Reconcile)
	defer tick.Stop()
	queued := map[schemas.PartID]bool{} // what this process queued since the last tick
	for {
		f.show()
		done, err := f.publish(ctx, queued)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		case <-tick.C:
			clear(queued)
			if err := f.reconcile(ctx); err != nil {
				return err
			}
		}
	}
}

func (f *follower) show() {
	if f.cfg.Shown != nil {
		f.cfg.Shown(f.snapshot())
	}
}

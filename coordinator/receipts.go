package coordinator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"recaption/schemas"
	"recaption/shards"
)

const (
	// listers is how many receipts that a listing gave are read at once.
	listers = 4
	// listRest is how many times as long as a listing took its store has rest
	// before the next.
	listRest = 3
	// listPage is how many objects a store lists at a time, as S3 does.
	listPage = 1000
	// fewPrefixes are always listed one by one: whatever else the recipe has
	// captions of is passed over.
	fewPrefixes = 16
)

// begin lists what rests before anything is published.
func (f *follower) begin(ctx context.Context) error {
	var since time.Time
	for {
		err := f.list(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if err := f.bear(ctx, &since, err); err != nil {
			return err
		}
		rest(ctx, f.cfg.Reconcile)
	}
}

// look lists what rests again and again, until ctx ends: at once when events
// may have been missed, and every so often, but with rests in which a store
// that lists slowly does other things.
func (f *follower) look(ctx context.Context) error {
	var since time.Time
	for took := time.Duration(0); ; {
		rest(ctx, listRest*took)
		tick := time.NewTimer(f.cfg.Reconcile)
		select {
		case <-ctx.Done():
		case <-f.unseen:
		case <-tick.C:
		}
		tick.Stop()
		if ctx.Err() != nil {
			return nil
		}
		began := time.Now()
		err := f.list(ctx)
		took = time.Since(began)
		if err == nil {
			f.listed.Store(true)
		}
		if err := f.bear(ctx, &since, err); err != nil {
			return err
		}
	}
}

// list reads what rests: the records of parts, then the receipts of shards.
func (f *follower) list(ctx context.Context) error {
	if err := f.listParts(ctx); err != nil {
		return err
	}
	return f.listReceipts(ctx)
}

// listReceipts takes the receipts of pending shards. Whoever wrote one that no
// event told of may have died before it announced it, so they are announced.
func (f *follower) listReceipts(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(listers)
	var listed error
	for _, prefix := range f.receiptPrefixes() {
		if listed != nil {
			break
		}
		for o, err := range f.store.List(gctx, prefix, "") {
			if err != nil {
				listed = err
				break
			}
			recipe, shard, generation, err := shards.ParseReceiptKey(o.Key)
			if err != nil || recipe != f.run.Recipe || generation != 0 || !f.isPending(shard) {
				continue
			}
			g.Go(func() error { return f.takeReceipt(gctx, shard, f.announce) })
		}
	}
	// A receipt that can't be taken ends the listing: it is the cause.
	return cmp.Or(g.Wait(), listed)
}

// receiptPrefixes are the prefixes below which pending shards may have their
// receipts: the recipe's, or, where that is fewer pages to list, those of the
// shards.
func (f *follower) receiptPrefixes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := shards.CaptionsPrefix(f.run.Recipe)
	pages := 2 * f.progress.Shards / listPage // of a receipt and a file for each
	if f.pending > max(fewPrefixes, pages) {
		return []string{all}
	}
	found := map[string]bool{}
	for _, p := range f.parts {
		for s := range p.pending {
			found[all+s.Prefix()+"/"] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// announce says that a receipt is there, unless this run ended before: then
// each of its receipts was announced.
func (f *follower) announce(ctx context.Context, r schemas.Receipt) error {
	if f.run.ended {
		return nil
	}
	e := r.Ready()
	e.Run = f.run.ID // whichever wrote it
	return f.conn.Announce(ctx, e)
}

// announced is for a receipt whose event is there.
func announced(context.Context, schemas.Receipt) error { return nil }

// takeReceipt reads the receipt of a pending shard, has it announced and counts
// it, once. A shard whose captions are committed but can't be counted is none
// that waits: it is told of at the run's end.
func (f *follower) takeReceipt(ctx context.Context, s schemas.ShardID, announce func(context.Context, schemas.Receipt) error) error {
	key := shards.ReceiptKey(f.run.Recipe, s, 0)
	r, err := shards.ReadReceipt(ctx, f.store, key)
	switch {
	case errors.Is(err, schemas.ErrVersion):
		f.leaveOut(s, fmt.Errorf("shard %s: %w: run again with the program that wrote it, or a newer one", s.Short(), err))
		return nil
	case errors.Is(err, schemas.ErrMalformed):
		f.leaveOut(s, fmt.Errorf("shard %s: %w: restore the receipt; or delete it and run again, to caption the shard anew", s.Short(), err))
		return nil
	case err != nil:
		return err
	}
	if err := announce(ctx, r); err != nil {
		return err
	}
	if r.Gate != f.run.Gate {
		switch r, err = f.recount(ctx, r); {
		case errors.Is(err, shards.ErrCorrupt), errors.Is(err, shards.ErrNotFound), errors.Is(err, schemas.ErrMalformed), errors.Is(err, schemas.ErrVersion):
			f.leaveOut(s, fmt.Errorf("count shard %s under this run's gate: %w: restore it; or delete %s and run again, to caption the shard anew", s.Short(), err, key))
			return nil
		case err != nil:
			return err
		}
	}
	f.settle(s, func() { f.progress.addReceipt(r) })
	return nil
}

// leaveOut notes that a shard can't be counted, and why.
func (f *follower) leaveOut(s schemas.ShardID, why error) {
	f.settle(s, func() {
		f.log.Warn("a shard is captioned, but not counted", "err", why)
		f.progress.ShardsUncounted++
		f.uncounted = cmp.Or(f.uncounted, why)
	})
}

// settle takes a shard off those that wait for their receipts and notes what
// came of it, once.
func (f *follower) settle(s schemas.ShardID, note func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.byShard[s]
	if p == nil {
		return
	}
	at, ok := p.pending[s]
	if !ok {
		return
	}
	delete(p.pending, s)
	f.pending--
	if at < p.next {
		f.queued--
	}
	note()
	f.changed()
}

package coordinator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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
	jobs *jetstream.Queue[schemas.CaptionJob]
	cuts *jetstream.Queue[schemas.CutJob]

	wake   chan struct{} // something changed that pursue waits for
	unseen chan struct{} // events may have passed: a listing is due
	listed atomic.Bool   // all that rests was listed since pursue last asked

	// Of pursue alone.
	asked   map[schemas.PartID]bool // cuts published since the last tick
	looks   int                     // listings that reconciling has seen
	trouble time.Time               // since when nothing could be published; zero: there is none
	record  schemas.PartRecord      // of the part whose jobs are being published; none at first

	mu         sync.Mutex // guards what follows
	progress   Progress
	parts      []*part // in the source's order
	byID       map[schemas.PartID]*part
	firstUncut int     // every part before it has a record
	taken      int     // samples of the parts before it
	ready      []*part // cut, with jobs to be queued
	pending    int     // shards without a receipt, over all parts cut
	queued     int     // of these, those whose jobs were published
	byShard    map[schemas.ShardID]*part
	uncounted  error // why the first shard can't be counted that can't
}

// part is a part of the source and how far it is.
type part struct {
	source.Part
	cut     bool
	rows    int
	tries   int                     // failed ones, to cut it
	unread  error                   // why it is given up for this time
	pending map[schemas.ShardID]int // shards without a receipt, by their place in the part
	next    int                     // jobs of the shards before it were published
}

// newFollower makes streams and consumers, and lists the source's parts. They
// must be those that the run was launched on: otherwise the error is
// [source.ErrChanged].
func (c *Coordinator) newFollower(ctx context.Context, run Run, src source.Source) (*follower, error) {
	jobs, err := c.conn.Jobs(run.Pool)
	if err != nil {
		return nil, err
	}
	f := &follower{
		Coordinator: c, run: run, src: src, jobs: jobs, cuts: c.conn.Cuts(),
		wake: make(chan struct{}, 1), unseen: make(chan struct{}, 1), asked: map[schemas.PartID]bool{},
		progress: newProgress(), byID: map[schemas.PartID]*part{}, byShard: map[schemas.ShardID]*part{},
	}
	if err := f.Ensure(ctx, run.Pool); err != nil {
		return nil, err
	}
	revision, parts, err := revise(ctx, src, run.Dataset)
	if err != nil {
		return nil, fmt.Errorf("list source %s: %w", run.Dataset.Source, err)
	}
	if revision != run.Dataset.Revision {
		return nil, fmt.Errorf("source %s: %w, while the run was launched; run again", run.Dataset.Source, source.ErrChanged)
	}
	for _, p := range parts {
		f.parts = append(f.parts, &part{Part: p})
		f.byID[p.ID] = f.parts[len(f.parts)-1]
	}
	f.progress.Parts = len(f.parts)
	return f, nil
}

// listParts takes the records of parts that it has not taken yet.
func (f *follower) listParts(ctx context.Context) error {
	if len(f.uncut(1)) == 0 {
		return nil
	}
	for o, err := range f.store.List(ctx, shards.PartsPrefix(f.run.Dataset.Dataset, f.run.Dataset.Revision), "") {
		if err != nil {
			return err
		}
		_, _, id, err := shards.ParsePartKey(o.Key)
		if err != nil || !f.isUncut(id) {
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

func (f *follower) isUncut(id schemas.PartID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.byID[id]
	return p != nil && !p.cut
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

// allDone tells whether no shard that is known waits for its receipt.
func (f *follower) allDone() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pending == 0
}

// takePart counts the record of a part, once.
func (f *follower) takePart(r schemas.PartRecord) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.byID[r.Part]
	if p == nil || p.cut {
		return
	}
	if p.unread != nil { // another coordinator could read it
		p.unread = nil
		f.progress.PartsUnread--
	}
	p.cut, p.rows, p.pending = true, r.Rows(), make(map[schemas.ShardID]int, len(r.Shards))
	f.progress.addPart(r)
	for i, s := range r.Shards {
		if f.byShard[s.ID] == nil {
			f.byShard[s.ID] = p
			p.pending[s.ID] = i
		}
	}
	f.pending += len(p.pending)
	f.ready = append(f.ready, p)
	f.advance()
	f.changed()
}

// advance passes over the parts that are cut. Those behind the run's limit are
// no parts of the run. The mutex is held.
func (f *follower) advance() {
	for ; f.firstUncut < len(f.parts) && f.parts[f.firstUncut].cut; f.firstUncut++ {
		f.taken += f.parts[f.firstUncut].rows
		if limit := f.run.Dataset.Limit; limit > 0 && f.taken >= limit {
			for _, p := range f.parts[f.firstUncut+1:] {
				delete(f.byID, p.ID)
			}
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

// lacking says which parts were given up, and which shards are not counted.
func (f *follower) lacking() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var unread, uncounted error
	for _, p := range f.parts {
		if p.unread != nil {
			unread = fmt.Errorf("%d of %d %w; the first: %w", f.progress.PartsUnread, len(f.parts), ErrUnread, p.unread)
			break
		}
	}
	if f.uncounted != nil {
		uncounted = fmt.Errorf("%d of %d %w; the first: %w", f.progress.ShardsUncounted, f.progress.Shards, ErrUncounted, f.uncounted)
	}
	return errors.Join(unread, uncounted)
}

// follow takes receipts as they are announced, until ctx ends. What it misses,
// reconciling finds.
func (f *follower) follow(ctx context.Context) error {
	for {
		events, err := f.conn.Subscribe(ctx, f.cfg.Name, jetstream.Follow{Dataset: f.run.Dataset.Dataset, Recipe: f.run.Recipe})
		if err == nil {
			err = f.takeEvents(ctx, events)
		}
		if ctx.Err() != nil {
			return nil
		}
		if !passing(err) {
			return err
		}
		f.log.Warn("events don't come", "err", err)
		if err := f.Ensure(ctx, f.run.Pool); err != nil && !passing(err) {
			return ignoreEnd(ctx, err)
		}
		rest(ctx, streamsRest)
	}
}

// streamsRest is how long a follower of events waits for streams that somebody
// has deleted.
const streamsRest = 50 * time.Millisecond

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// takeEvents takes events until there is an error.
func (f *follower) takeEvents(ctx context.Context, events *jetstream.Events) error {
	for {
		e, err := events.Next(ctx)
		if errors.Is(err, jetstream.ErrMissed) {
			select {
			case f.unseen <- struct{}{}:
			default:
			}
			continue
		}
		if err != nil {
			return err
		}
		if e.Ready.Generation == 0 && f.isPending(e.Ready.Shard) {
			if err := f.takeReceipt(ctx, e.Ready.Shard, announced); err != nil && ctx.Err() == nil {
				f.log.Warn("read an announced receipt", "shard", e.Ready.Shard.Short(), "err", err)
			}
		}
		if err := e.Ack(ctx); err != nil && ctx.Err() == nil {
			f.log.Debug("acknowledge an event", "err", err)
		}
	}
}

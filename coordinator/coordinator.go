package coordinator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"recaption/coordinator/source"
	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
)

// Config says how a coordinator works. None of it decides what a run gives.
type Config struct {
	Name      string        // of this coordinator, by the rule of schemas.ParsePool: its place in the stream of events
	Cutters   int           // parts cut at once
	CutTries  int           // at a part that can't be read, before a run goes on without it
	Window    int           // most caption jobs that a pool's queue holds, but for a quarter that each run may always have in it
	Reconcile time.Duration // how often the store is asked what the streams may have lost
	Spool     string        // folder for shards under way, each of at most the cut's bytes
	Program   string        // version, for the files' metadata
	Lease     jetstream.Lease
	Source    source.Config
	Shown     func(Progress) // called by one goroutine whenever the progress changes; may be nil
}

// DefaultConfig is for one machine.
func DefaultConfig() Config {
	return Config{
		Name: "coordinator", Cutters: 2, CutTries: 8, Window: 1024, Reconcile: 10 * time.Second,
		Lease: jetstream.DefaultLease(),
	}
}

// Validate names every fault at once.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("coordinator: "+format, args...)) }
	if _, err := schemas.ParsePool(c.Name); err != nil {
		bad("name: %w", err)
	}
	if c.Cutters < 1 || c.Cutters > 256 {
		bad("cutters %d: want 1 to 256", c.Cutters)
	}
	if c.CutTries < 1 || c.CutTries > 100 {
		bad("tries at a part %d: want 1 to 100", c.CutTries)
	}
	if c.Window < 1 || c.Window > 1<<20 {
		bad("window %d: want 1 to 1048576 jobs", c.Window)
	}
	if c.Reconcile < time.Millisecond {
		bad("reconcile %s: want a millisecond or more", c.Reconcile)
	}
	if c.Spool == "" {
		bad("spool: want a folder")
	}
	if err := c.Lease.Validate(); err != nil {
		bad("%w", err)
	}
	return errors.Join(errs...)
}

// Coordinator sees runs through. Any number of them may work on one run.
type Coordinator struct {
	store shards.Store
	conn  *jetstream.Conn
	cfg   Config
	log   *slog.Logger
}

// New makes a coordinator. It starts nothing.
func New(st shards.Store, conn *jetstream.Conn, cfg Config, log *slog.Logger) (*Coordinator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Coordinator{store: st, conn: conn, cfg: cfg, log: log}, nil
}

// Ensure makes the streams, the queues of parts and of a pool's jobs, or brings
// them to the configuration. It may be repeated; what they hold is kept.
// Workers of the pool find their queue after it.
func (c *Coordinator) Ensure(ctx context.Context, pool schemas.Pool) error {
	jobs, err := c.conn.Jobs(pool)
	if err != nil {
		return err
	}
	if err := c.conn.EnsureStreams(ctx, jetstream.DefaultLayout()); err != nil {
		return err
	}
	return errors.Join(c.conn.Cuts().Ensure(ctx, c.cfg.Lease), jobs.Ensure(ctx, c.cfg.Lease))
}

// ErrUnread says that a run has come as far as it could, without parts of its
// source that could not be read, or whose samples could not be written. Run
// again, it tries them again.
var ErrUnread = errors.New("parts of the source could not be cut")

// ErrUncounted says that a run has come to its end but for shards whose receipt,
// or whose captions where another gate is to judge them, can't be read. The
// error names the first, and what to do.
var ErrUncounted = errors.New("shards could not be counted")

// Run sees one run through: it returns when every sample of the source is in a
// shard with a receipt, or when ctx ends before. Parts that can't be read don't stop
// the others; the error is then [ErrUnread], or [ErrUncounted] for shards. Run again after a crash it goes on
// from what rests in the store.
func (c *Coordinator) Run(ctx context.Context, run Run, src source.Source) (Progress, error) {
	f, err := c.newFollower(ctx, run, src)
	if err != nil {
		return Progress{}, err
	}
	if err := f.begin(ctx); err != nil {
		return Progress{}, err
	}
	ended := errors.New("nothing is left to do")
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	g, gctx := errgroup.WithContext(work)
	g.Go(func() error { return f.follow(gctx) })
	g.Go(func() error { return f.look(gctx) })
	for range c.cfg.Cutters {
		g.Go(func() error { return f.cut(gctx) })
	}
	g.Go(func() error {
		done, err := f.pursue(gctx)
		if done {
			stop(ended)
		}
		return err
	})
	err = g.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()
	if errors.Is(context.Cause(work), ended) || f.endedAtLast(last, context.Cause(ctx)) {
		if err = f.lacking(); err == nil {
			err = f.end(last)
		}
	} else if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return f.snapshot(), err
}

// endedAtLast tells whether a run that was told to stop has come to its end all
// the same: what its workers finished while they drained may be there and not
// yet be counted.
func (f *follower) endedAtLast(ctx context.Context, stopped error) bool {
	if !errors.Is(stopped, context.Canceled) || len(f.uncut(1)) > 0 {
		return false
	}
	if err := f.list(ctx); err != nil {
		f.log.Warn("look for what was finished at last", "err", err)
		return false
	}
	f.show()
	return f.finished()
}

// end writes the run's last record, once.
func (f *follower) end(ctx context.Context) error {
	b, err := f.run.record(schemas.RunEnded).Encode()
	if err != nil {
		return err
	}
	if _, err := shards.Commit(ctx, f.store, shards.RunKey(f.run.ID, 1), b); err != nil && !errors.Is(err, shards.ErrExists) {
		return err
	}
	return nil
}

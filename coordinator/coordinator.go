package coordinator

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
	Window    int           // most caption jobs that a pool's queue holds
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
		Name: "coordinator", Cutters: 2, Window: 1024, Reconcile: 10 * time.Second,
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

// The queues and events, as a coordinator sees them. *jetstream.Conn gives all.
type (
	jobQueue interface {
		Ensure(ctx context.Context, l jetstream.Lease) error
		Publish(ctx context.Context, job schemas.CaptionJob) error
		Depth(ctx context.Context) (jetstream.Depth, error)
		Spent(ctx context.Context) iter.Seq2[jetstream.Spent[schemas.CaptionJob], error]
	}
	cutQueue interface {
		Ensure(ctx context.Context, l jetstream.Lease) error
		Publish(ctx context.Context, job schemas.CutJob) error
		Next(ctx context.Context) (*jetstream.Delivery[schemas.CutJob], error)
	}
)

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

// Run sees one run through: it returns when every sample of the source is in a
// shard with a receipt, or when ctx ends. Run again after a crash it goes on
// from what rests in the store.
func (c *Coordinator) Run(ctx context.Context, run Run, src source.Source) (Progress, error) {
	jobs, err := c.conn.Jobs(run.Pool)
	if err != nil {
		return Progress{}, err
	}
	f := &follower{
		Coordinator: c, run: run, src: src, jobs: jobs, cuts: c.conn.Cuts(),
		progress: newProgress(), byShard: map[schemas.ShardID]*part{}, wake: make(chan struct{}, 1),
	}
	if err := f.ensure(ctx); err != nil {
		return Progress{}, err
	}
	if err := f.list(ctx); err != nil {
		return Progress{}, err
	}
	ended := errors.New("every receipt is there")
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	g, gctx := errgroup.WithContext(work)
	g.Go(func() error { return f.follow(gctx) })
	for range c.cfg.Cutters {
		g.Go(func() error { return f.cut(gctx) })
	}
	g.Go(func() error {
		if err := f.pursue(gctx); err != nil {
			return err
		}
		stop(ended)
		return nil
	})
	err = g.Wait()
	progress := f.snapshot()
	if errors.Is(context.Cause(work), ended) {
		err = f.end(ctx)
	} else if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return progress, err
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

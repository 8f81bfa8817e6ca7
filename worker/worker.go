package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
)

// Config says how a worker works. None of it decides a text.
type Config struct {
	Name      string        // in receipts and heartbeats, by the rule of schemas.ParsePool; each worker has its own
	Slots     int           // jobs in hand: with two, the engine does not wait at a shard's end
	Samples   int           // in flight over all slots; 0: as many as keep the engine busy
	Drain     time.Duration // for jobs in hand when the worker is to stop
	Heartbeat time.Duration // most time between two heartbeats
	Spool     string        // folder for captions under way
	Program   string        // version, for receipts and files
}

// DefaultConfig is for one engine.
func DefaultConfig() Config {
	return Config{Name: "worker", Slots: 2, Drain: 25 * time.Second, Heartbeat: 20 * time.Second}
}

// Validate names every fault at once.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("worker: "+format, args...)) }
	if _, err := schemas.ParsePool(c.Name); err != nil {
		bad("name: %w", err)
	}
	if c.Slots < 1 || c.Slots > 64 {
		bad("slots %d: want 1 to 64", c.Slots)
	}
	if c.Samples < 0 || c.Samples > 1<<16 {
		bad("samples %d: want 0 to 65536", c.Samples)
	}
	if c.Drain < 0 {
		bad("drain %s: want 0s or more", c.Drain)
	}
	if c.Heartbeat < time.Millisecond {
		bad("heartbeat %s: want a millisecond or more", c.Heartbeat)
	}
	if c.Spool == "" {
		bad("spool: want a folder")
	}
	return errors.Join(errs...)
}

// jobs gives deliveries; *jetstream.Queue does.
type jobs interface {
	// Next waits for a job. The caller owes it exactly one verdict.
	Next(ctx context.Context) (*jetstream.Delivery[schemas.CaptionJob], error)
}

// conn announces receipts and carries heartbeats; *jetstream.Conn does.
type conn interface {
	Announce(ctx context.Context, e schemas.ShardReady) error
	Workers() jetstream.Workers
}

// Worker turns caption jobs of one pool into committed captions, by one engine.
type Worker struct {
	store  shards.Store
	jobs   jobs
	conn   conn
	engine Engine
	cfg    Config
	log    *slog.Logger

	cores   chan struct{} // one for each core that prepares
	samples chan struct{} // one for each sample in flight

	changed chan struct{} // the jobs in hand did: a heartbeat is due

	mu      sync.Mutex // guards what follows
	recipes map[schemas.RecipeID]schemas.Recipe
	gates   map[schemas.GateID]schemas.Gate
	hands   []*hand // the jobs in hand
}

// New makes a worker. It starts nothing.
func New(st shards.Store, j jobs, c conn, e Engine, cfg Config, log *slog.Logger) (*Worker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Samples == 0 {
		// What is being generated, what waits for it, and what is being prepared.
		cfg.Samples = 2*e.Busy() + runtime.GOMAXPROCS(0)
	}
	return &Worker{
		store: st, jobs: j, conn: c, engine: e, cfg: cfg, log: log,
		cores:   make(chan struct{}, runtime.GOMAXPROCS(0)),
		samples: make(chan struct{}, cfg.Samples),
		changed: make(chan struct{}, 1),
		recipes: map[schemas.RecipeID]schemas.Recipe{},
		gates:   map[schemas.GateID]schemas.Gate{},
	}, nil
}

// Run takes jobs until ctx ends. Then it takes no more, finishes those in hand
// within the drain time, hands the rest back, and returns nil. It returns an
// error when it can't take jobs any more, or when its engine has stopped.
func (w *Worker) Run(ctx context.Context) error {
	work, cancel := drainable(ctx, w.cfg.Drain)
	defer cancel()
	beat, quiet := context.WithCancel(context.WithoutCancel(ctx))
	var beating sync.WaitGroup
	beating.Go(func() { w.beat(beat, ctx.Done()) })
	defer beating.Wait()
	defer quiet()
	g, gctx := errgroup.WithContext(ctx)
	fetch, stop := context.WithCancel(gctx)
	defer stop()
	for range w.cfg.Slots {
		g.Go(func() error { return w.slot(fetch, work, stop) })
	}
	return g.Wait()
}

// slot takes one job after the other. A busy slot takes none, so that no job
// waits with its lease running out. After a verdict that is about all jobs it
// rests before the next. It calls stop when no slot should take any more.
func (w *Worker) slot(fetch, work context.Context, stop func()) error {
	rests := 0 // in a row
	for {
		d, err := w.jobs.Next(fetch)
		switch {
		case err != nil && fetch.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("take a job: %w", err)
		case fetch.Err() != nil: // it came at the last moment
			w.settle(work, d, release, fetch.Err())
			return nil
		}
		v, err := w.attempt(work, d, stop)
		if err != nil {
			return err
		}
		if v != rest {
			rests = 0
			continue
		}
		rests++
		select {
		case <-fetch.Done():
		case <-time.After(delay(rest, rests)):
		}
	}
}

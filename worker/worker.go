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
	Name    string        // in receipts, for people
	Slots   int           // jobs in hand: with two, the engine does not wait at a shard's end
	Samples int           // in flight over all slots; 0: as many as keep the engine busy
	Drain   time.Duration // for jobs in hand when the worker is to stop
	Spool   string        // folder for captions under way
	Program string        // version, for receipts and files
}

// DefaultConfig is for one engine.
func DefaultConfig() Config { return Config{Name: "worker", Slots: 2, Drain: 25 * time.Second} }

// Validate names every fault at once.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("worker: "+format, args...)) }
	if c.Name == "" {
		bad("name: want one")
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

// events announces receipts; *jetstream.Conn does.
type events interface {
	Announce(ctx context.Context, e schemas.ShardReady) error
}

// Worker turns caption jobs of one pool into committed captions, by one engine.
type Worker struct {
	store  shards.Store
	jobs   jobs
	events events
	engine Engine
	cfg    Config
	log    *slog.Logger

	cores   chan struct{} // one for each core that prepares
	samples chan struct{} // one for each sample in flight

	mu      sync.Mutex // guards recipes and gates
	recipes map[schemas.RecipeID]schemas.Recipe
	gates   map[schemas.GateID]schemas.Gate
}

// New makes a worker. It starts nothing.
func New(st shards.Store, j jobs, ev events, e Engine, cfg Config, log *slog.Logger) (*Worker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Samples == 0 {
		// What is being generated, what waits for it, and what is being prepared.
		cfg.Samples = 2*e.Busy() + runtime.GOMAXPROCS(0)
	}
	return &Worker{
		store: st, jobs: j, events: ev, engine: e, cfg: cfg, log: log,
		cores:   make(chan struct{}, runtime.GOMAXPROCS(0)),
		samples: make(chan struct{}, cfg.Samples),
		recipes: map[schemas.RecipeID]schemas.Recipe{},
		gates:   map[schemas.GateID]schemas.Gate{},
	}, nil
}

// Run takes jobs until ctx ends. Then it takes no more, finishes those in hand
// within the drain time, hands the rest back, and returns nil. It returns an
// error when it can't take jobs any more.
func (w *Worker) Run(ctx context.Context) error {
	work, cancel := drainable(ctx, w.cfg.Drain)
	defer cancel()
	g, fetch := errgroup.WithContext(ctx)
	for range w.cfg.Slots {
		g.Go(func() error { return w.slot(fetch, work) })
	}
	return g.Wait()
}

// slot takes one job after the other. A busy slot takes none, so that no job
// waits with its lease running out.
func (w *Worker) slot(fetch, work context.Context) error {
	for {
		d, err := w.jobs.Next(fetch)
		if fetch.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take a job: %w", err)
		}
		w.attempt(work, d)
	}
}

// settleLimit bounds the last words about a job: they are said after the work's
// context has ended, too.
const settleLimit = 10 * time.Second

// attempt does one job and gives it its verdict.
func (w *Worker) attempt(work context.Context, d *jetstream.Delivery[schemas.CaptionJob]) {
	log := w.log.With("job", d.Job.ID, "shard", d.Job.Shard.Short(), "attempt", d.Attempt)
	log.Info("job taken")
	held, letGo := hold(work, d.Extend, d.Lease)
	err := w.do(held, d.Job, log)
	if err != nil && judge(context.Cause(held), err) == reject {
		log.Warn("job can't be done; its rows are committed as failed", "err", err)
		err = w.commitFailed(held, d.Job)
	}
	cause := context.Cause(held)
	letGo()
	last, cancel := context.WithTimeout(context.WithoutCancel(work), settleLimit)
	defer cancel()
	if err == nil {
		if err := d.Ack(last); err != nil {
			// Its receipt is there: who gets the job next acknowledges it.
			log.Warn("acknowledge a job", "err", err)
		}
		return
	}
	v := judge(cause, err)
	log.Warn("attempt ended", "verdict", v.String(), "err", err)
	switch v {
	case abandon:
	case reject:
		err = d.Reject(last, err.Error())
	default:
		err = d.Release(last, delay(v, d.Attempt))
	}
	if err != nil {
		log.Warn("hand a job back", "err", err) // its lease runs out
	}
}

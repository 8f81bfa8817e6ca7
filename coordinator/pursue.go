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

const (
	// patience is how long trouble may last before it is the run's end, in
	// ticks.
	patience = 30
	// lookEvery is after how many listings jobs are published again though none
	// seems lost: what another run left in the queue may hide a loss.
	lookEvery = 6
)

// pursue publishes what is missing until nothing is: at once, whenever
// something changed, and every so often, since the streams may have lost
// something. It reports whether nothing is left that it could do.
func (f *follower) pursue(ctx context.Context) (done bool, err error) {
	tick := time.NewTicker(f.cfg.Reconcile)
	defer tick.Stop()
	var reconciling time.Time
	if err := f.bear(ctx, &reconciling, f.dealWithSpent(ctx)); err != nil {
		return false, err
	}
	for {
		f.show()
		done, err := f.publish(ctx)
		if err := f.bear(ctx, &f.trouble, err); err != nil {
			return false, err
		}
		if done {
			f.show()
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, nil
		case <-f.wake:
		case <-tick.C:
			if err := f.bear(ctx, &reconciling, f.reconcile(ctx)); err != nil {
				return false, err
			}
		}
	}
}

// passing tells whether what was tried may go well a little later.
func passing(err error) bool {
	for _, trouble := range []error{shards.ErrTransient, jetstream.ErrNoStream, jetstream.ErrUnavailable, jetstream.ErrFull} {
		if errors.Is(err, trouble) {
			return true
		}
	}
	return false
}

// bear logs a passing trouble, and gives it back when it lasts. since is when it
// began, zero while there is none.
func (f *follower) bear(ctx context.Context, since *time.Time, err error) error {
	switch {
	case err == nil:
		*since = time.Time{}
		return nil
	case ctx.Err() != nil:
		return nil
	case !passing(err):
		return err
	case since.IsZero():
		*since = time.Now()
	}
	if lasts := time.Since(*since); lasts >= patience*f.cfg.Reconcile {
		return fmt.Errorf("%w (for %s)", err, lasts.Round(time.Second))
	}
	f.log.Warn("trouble; to be tried again", "err", err)
	return nil
}

// reconcile makes anew what the streams have lost: themselves, and once all that
// rests was listed the jobs that are neither queued nor done. It deals with the
// jobs whose deliveries are used up.
func (f *follower) reconcile(ctx context.Context) error {
	clear(f.asked)
	if err := f.Ensure(ctx, f.run.Pool); err != nil {
		return err
	}
	listed := f.listed.Swap(false)
	if err := f.dealWithSpent(ctx); err != nil || !listed {
		return err
	}
	f.looks++
	depth, err := f.jobs.Depth(ctx)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if depth.Waiting+depth.InHand < f.queued || f.looks%lookEvery == 0 {
		f.again()
	}
	return nil
}

// again lets every pending shard's job be published, whether it was before or
// not. The mutex is held.
func (f *follower) again() {
	f.ready, f.queued = f.ready[:0], 0
	for _, p := range f.parts {
		if p.next = 0; len(p.pending) > 0 {
			f.ready = append(f.ready, p)
		}
	}
}

// dealWithSpent deals with what used up its deliveries. A job's rows are
// committed as failed. A part of this run is queued anew: whoever had it may
// have been of another run. Parts of other runs wait for their coordinators.
func (f *follower) dealWithSpent(ctx context.Context) error {
	for s, err := range f.cuts.Spent(ctx) {
		if err != nil {
			return err
		}
		if d := f.run.Dataset; s.Err != nil || s.Job.Dataset != d.Dataset || s.Job.Revision != d.Revision {
			continue
		}
		if err := s.Requeue(ctx); err != nil {
			return err
		}
	}
	return f.commitSpent(ctx)
}

func (f *follower) show() {
	if f.cfg.Shown != nil {
		f.cfg.Shown(f.snapshot())
	}
}

func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// job is the caption job of a shard.
func (f *follower) job(s schemas.Shard) schemas.CaptionJob {
	return schemas.NewCaptionJob(schemas.CaptionJob{
		Run: f.run.ID, Pool: f.run.Pool, Dataset: f.run.Dataset.Dataset, Shard: s.ID, File: s.File,
		Recipe: f.run.Recipe, Gate: f.run.Gate,
	})
}

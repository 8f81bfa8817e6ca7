package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

var (
	// errLeaseLost is the cause of a context whose job another attempt may have.
	errLeaseLost = errors.New("lease lost")
	// errDrained is the cause of a context whose drain time is over.
	errDrained = errors.New("drain time is over")
)

// drainable returns a context that outlives ctx by at most d: work in hand is
// finished in that time, and cancelled with errDrained after it.
func drainable(ctx context.Context, d time.Duration) (context.Context, func()) {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(d, func() { cancel(errDrained) })
		context.AfterFunc(work, func() { t.Stop() })
	})
	return work, func() { stop(); cancel(nil) }
}

// hold keeps the job ours until release is called, by extending its lease
// three times in each ttl. If the lease can't be kept it cancels the returned
// context with errLeaseLost. Release waits for the goroutine that extends.
func hold(ctx context.Context, extend func(context.Context) error, ttl time.Duration) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := keep(ctx, extend, ttl); err != nil {
			cancel(err)
		}
	})
	return ctx, func() { cancel(nil); wg.Wait() }
}

// keep extends the lease until ctx ends. A failed extension is tried again at
// the next tick; after a ttl without one the lease is lost.
func keep(ctx context.Context, extend func(context.Context) error, ttl time.Duration) error {
	tick := time.NewTicker(ttl / 3)
	defer tick.Stop()
	held := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		asked := time.Now() // the lease runs at least from here
		err := extend(ctx)
		if err == nil {
			held = asked
		} else if ctx.Err() == nil && time.Since(held) >= ttl {
			return fmt.Errorf("%w: %w", errLeaseLost, err)
		}
	}
}

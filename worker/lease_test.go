package worker

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func errorSays(err error, text string) bool { return strings.Contains(err.Error(), text) }

func TestDrainable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		work, cancel := drainable(ctx, time.Minute)
		defer cancel()
		stop()
		<-time.After(time.Minute - 1) // of the bubble
		synctest.Wait()
		if work.Err() != nil {
			t.Fatalf("work ended before its drain time: %v", context.Cause(work))
		}
		<-time.After(1) // of the bubble
		synctest.Wait()
		if !errors.Is(context.Cause(work), errDrained) {
			t.Fatalf("after the drain time: %v", context.Cause(work))
		}
	})
}

func TestDrainableIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		work, cancel := drainable(ctx, time.Minute)
		stop()
		synctest.Wait()
		cancel()
		if cause := context.Cause(work); !errors.Is(cause, context.Canceled) {
			t.Fatalf("let go: %v", cause)
		}
		synctest.Wait()               // a timer that is left is no goroutine, but must do no harm
		<-time.After(2 * time.Minute) // of the bubble
		if cause := context.Cause(work); errors.Is(cause, errDrained) {
			t.Fatalf("later: %v", cause)
		}
	})
}

func TestHold(t *testing.T) {
	const ttl = 30 * time.Second
	away := errors.New("no answer")
	for _, test := range []struct {
		name string
		// lost from the n-th extension on, until the m-th
		from, to int
		want     time.Duration // until the lease is lost; 0: never
	}{
		{"all answered", 0, 0, 0},
		{"one lost", 2, 3, 0},
		{"two lost", 2, 4, 0},
		{"all lost", 1, 1 << 30, ttl},
		{"all lost from the third on", 3, 1 << 30, ttl + 2*ttl/3},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				began := time.Now()
				ctx, release := hold(t.Context(), func(context.Context) error {
					n++
					if n >= test.from && n < test.to {
						return away
					}
					return nil
				}, ttl)
				defer release()
				select {
				case <-ctx.Done():
				case <-time.After(10 * ttl):
				}
				took, cause := time.Since(began), context.Cause(ctx)
				release()
				switch {
				case test.want == 0 && cause != nil:
					t.Errorf("lost after %s: %v", took, cause)
				case test.want != 0 && !errors.Is(cause, errLeaseLost):
					t.Errorf("still held after %s: %v", took, cause)
				case test.want != 0 && took != test.want:
					t.Errorf("lost after %s, want %s", took, test.want)
				case test.want == 0 && n < 29:
					t.Errorf("extended %d times in ten leases", n)
				}
			})
		})
	}
}

// The lease runs from when the server was asked, not from when it answered.
func TestHoldCountsFromTheAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 30 * time.Second
		first := true
		began := time.Now()
		ctx, release := hold(t.Context(), func(context.Context) error {
			if first {
				first = false
				<-time.After(9 * time.Second) // of the bubble
				return nil
			}
			return errors.New("no answer")
		}, ttl)
		defer release()
		<-ctx.Done()
		if got := time.Since(began); got > 10*time.Second+ttl {
			t.Errorf("held for %s after an extension that was asked for at 10s", got)
		}
	})
}

func TestReleaseWaitsForTheExtension(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var under atomic.Bool
		ctx, release := hold(t.Context(), func(ctx context.Context) error {
			under.Store(true)
			defer under.Store(false)
			<-ctx.Done()
			return ctx.Err()
		}, time.Minute)
		<-time.After(30 * time.Second) // of the bubble
		synctest.Wait()
		if !under.Load() {
			t.Fatal("no extension is under way")
		}
		release()
		if under.Load() {
			t.Error("an extension is under way after the release")
		}
		if errors.Is(context.Cause(ctx), errLeaseLost) {
			t.Error("an extension that was broken off counts as a lost lease")
		}
	})
}

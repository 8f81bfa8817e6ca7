package jetstream

import (
	"context"
	"time"
)

const (
	// freeLease is a lease that has run out when the server looks at it.
	freeLease = time.Millisecond
	// freeLook is how long the server is given to look: it does a tenth of a
	// second after leases became shorter. What it has not freed by then is free
	// when its lease runs out, as without us.
	freeLook = 400 * time.Millisecond
)

// Free ends the lease of every job in hand, so that it can be had at once, with
// its attempts counted on, and gives how many there were. It is for who knows
// that no holder is alive: whoever has the server to itself, as an embedded
// one, before it takes jobs. To a holder that is alive after all its job is
// lost, as if it had been silent for too long.
func (q *Queue[T]) Free(ctx context.Context, l Lease) (int, error) {
	d, err := q.Depth(ctx)
	if err != nil || d.InHand == 0 {
		return 0, err
	}
	short := l
	short.AckWait = freeLease
	if err := q.ensure(ctx, short); err != nil {
		return 0, err
	}
	t := time.NewTimer(freeLook)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return 0, ended(ctx) // Ensure gives leases their length again
	case <-t.C:
	}
	return d.InHand, q.ensure(ctx, l)
}

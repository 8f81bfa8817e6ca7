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
// its attempts counted on, and gives how many there were. The queue's terms are
// l after it. It is for who knows that no holder is alive: whoever has the server
// to itself, as an embedded one, before it takes jobs. To a holder that is alive
// after all its job is lost, as if it had been silent for too long.
func (q *Queue[T]) Free(ctx context.Context, l Lease) (int, error) {
	if err := l.Validate(); err != nil {
		return 0, err
	}
	d, err := q.Depth(ctx)
	if err != nil || d.InHand == 0 {
		return 0, err
	}
	short := l
	short.AckWait = freeLease
	if err := q.change(ctx, short); err != nil {
		return 0, err
	}
	t := time.NewTimer(freeLook)
	defer t.Stop()
	select {
	case <-ctx.Done(): // the next one to free them gives leases their length again
	case <-t.C:
	}
	return d.InHand, q.change(ctx, l)
}

// change gives the queue's consumer other terms, under whosever hands.
func (q *Queue[T]) change(ctx context.Context, l Lease) error {
	return q.c.do(ctx, "free the jobs of "+q.consumer, func(ctx context.Context) error {
		cons, err := q.c.js.Consumer(ctx, q.stream, q.consumer)
		if err != nil {
			return err
		}
		terms := cons.CachedInfo().Config
		terms.AckWait, terms.MaxDeliver, terms.MaxAckPending = l.AckWait, l.MaxDeliver, l.MaxPending
		_, err = q.c.js.UpdateConsumer(ctx, q.stream, terms)
		return err
	})
}

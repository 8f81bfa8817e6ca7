package jetstream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// Delivery is a job in our hands, for the time of its lease. Who has it owes it
// one verdict: Ack, Release, Requeue or Reject. Its methods may be called from any
// goroutine.
type Delivery[T any] struct {
	Job T
	held
	q *Queue[T]
}

// Requeue puts the job back as if it had never been delivered, behind what
// waits: for when an attempt says nothing about the job. A crash in the middle
// takes it off the queue, and a coordinator that reconciles publishes it again.
func (d *Delivery[T]) Requeue(ctx context.Context) error {
	if err := d.settle(ctx, "take off", "+TERM to be queued anew"); err != nil {
		return err
	}
	if err := d.q.publish(ctx, d.msg.Subject, d.msg.Data); !errors.Is(err, ErrQueued) {
		return err
	}
	return nil // a coordinator was faster
}

// held is a message under lease.
type held struct {
	// Attempt counts this job's deliveries, from 1. One that was handed back
	// counts.
	Attempt int
	// Lease is how long the job is ours, from its arrival and from each Extend.
	Lease time.Duration

	c                *Conn
	stream, consumer string
	msg              *nats.Msg
	seq              uint64 // in the stream
	settled          *atomic.Bool
}

// hold takes a message that has arrived.
func (c *Conn) hold(msg *nats.Msg, lease time.Duration) (held, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return held{}, fmt.Errorf("message on %s: %w", msg.Subject, err)
	}
	return held{
		Attempt: int(meta.NumDelivered), Lease: lease, c: c,
		stream: meta.Stream, consumer: meta.Consumer, msg: msg, seq: meta.Sequence.Stream,
		settled: new(atomic.Bool),
	}, nil
}

// Extend makes the lease run anew from now. It asks the server once and returns
// nil only when the server has said yes. After an error the lease still runs
// from the last success; when that is a whole Lease ago, somebody else may have
// the job.
func (h held) Extend(ctx context.Context) error {
	if h.settled.Load() {
		return ErrSettled
	}
	ctx, cancel := context.WithTimeout(ctx, min(tryLimit, h.Lease/3))
	defer cancel()
	_, err := h.c.nc.RequestWithContext(ctx, h.msg.Reply, []byte("+WPI"))
	return edge("extend the lease", err)
}

// Ack takes the job off the queue: it is done. The server confirms it.
func (h held) Ack(ctx context.Context) error {
	return h.settle(ctx, "acknowledge", "+ACK")
}

// Release hands the job back, to be delivered again after delay. That counts
// as a delivery.
func (h held) Release(ctx context.Context, delay time.Duration) error {
	return h.settle(ctx, "release", handBack(delay))
}

// handBack is the verdict that hands a job back. It names a delay even where
// there is none to speak of: a server keeps a release without one in its memory
// alone, and after a restart the lease of old would have to run out.
func handBack(delay time.Duration) string {
	return fmt.Sprintf(`-NAK {"delay":%d}`, max(delay, 1))
}

// Reject takes the job off the queue: another attempt can't help. The reason is
// for who listens to the server's advisories.
func (h held) Reject(ctx context.Context, reason string) error {
	return h.settle(ctx, "reject", "+TERM "+reason)
}

// settle gives the verdict and waits for the server's confirmation.
func (h held) settle(ctx context.Context, op, verdict string) error {
	if !h.settled.CompareAndSwap(false, true) {
		return ErrSettled
	}
	silent := 0
	err := h.c.do(ctx, op, func(ctx context.Context) error {
		_, err := h.c.nc.RequestWithContext(ctx, h.msg.Reply, []byte(verdict))
		switch {
		case errors.Is(err, nats.ErrNoResponders):
			// A server that starts, or a consumer that was deleted.
			if _, gone := h.c.js.Consumer(ctx, h.stream, h.consumer); gone != nil {
				return gone
			}
		case errors.Is(err, context.DeadlineExceeded):
			// A consumer that lost its memory in a crash ignores verdicts on
			// what it doesn't know to have delivered, and delivers it again.
			if silent++; silent == 3 {
				return errors.New("the server does not confirm it")
			}
		}
		return err
	})
	if err != nil {
		h.settled.Store(false) // it may be tried again
	}
	return err
}

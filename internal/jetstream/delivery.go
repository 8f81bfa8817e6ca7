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
// one verdict: Ack, Release or Reject. Its methods may be called from any
// goroutine.
type Delivery[T any] struct {
	Job T
	held
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
	verdict := "-NAK" // goes to the front of the queue
	if delay > 0 {
		verdict = fmt.Sprintf(`-NAK {"delay":%d}`, delay)
	}
	return h.settle(ctx, "release", verdict)
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

package feed

import (
	"context"
	"errors"
	"time"

	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
)

// ErrMissed says that events may have passed unseen.
var ErrMissed = errors.New("events may have been missed")

// Events announces receipts.
type Events interface {
	// Next waits for an event. It returns ErrMissed, at first and whenever else
	// events may have passed unseen: the caller lists what rests and calls again.
	// What is committed during the listing comes as an event.
	Next(ctx context.Context) (Event, error)
}

// Event is an event in our hands.
type Event struct {
	Ready schemas.ShardReady
	Ack   func(context.Context) error
}

// Follow takes what events announce, until ctx ends; it begins with a listing,
// as Events asks for one. An event is acknowledged when its receipt was taken or
// set aside: one that the store would not give comes again.
func (c *Catalogue) Follow(ctx context.Context, events Events) error {
	for {
		e, err := events.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrMissed):
			if err := c.listUntil(ctx); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		if err := c.Take(ctx, e.Ready); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !errors.Is(err, shards.ErrTransient) {
				return err
			}
			c.log.Warn("read an announced receipt", "shard", e.Ready.Shard.Short(), "err", err)
			continue
		}
		if err := e.Ack(ctx); err != nil && ctx.Err() == nil {
			c.log.Debug("acknowledge an event", "err", err)
		}
	}
}

// restAfter is how long a follower waits for a store or a stream that is away.
const restAfter = 200 * time.Millisecond

// listUntil lists until the store gives all.
func (c *Catalogue) listUntil(ctx context.Context) error {
	for {
		err := c.List(ctx)
		if err == nil || ctx.Err() != nil || !errors.Is(err, shards.ErrTransient) {
			return err
		}
		c.log.Warn("list what rests", "err", err)
		if err := rest(ctx, restAfter); err != nil {
			return err
		}
	}
}

func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Announced gives the events of a stream. While the stream or its server is
// away it waits.
func Announced(e *jetstream.Events) Events { return announced{e} }

type announced struct{ events *jetstream.Events }

func (a announced) Next(ctx context.Context) (Event, error) {
	for {
		e, err := a.events.Next(ctx)
		switch {
		case err == nil:
			return Event{Ready: e.Ready, Ack: e.Ack}, nil
		case ctx.Err() != nil:
			return Event{}, ctx.Err()
		case errors.Is(err, jetstream.ErrMissed):
			return Event{}, ErrMissed
		case !errors.Is(err, jetstream.ErrNoStream) && !errors.Is(err, jetstream.ErrUnavailable):
			return Event{}, err
		}
		if err := rest(ctx, restAfter); err != nil {
			return Event{}, err
		}
	}
}

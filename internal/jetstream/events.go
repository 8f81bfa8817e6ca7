package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"recaption/schemas"
)

// placeAge is how long the place of a reader that is gone is kept. One that
// comes later gets a new place, and is told to list.
const placeAge = time.Hour

// eventLease is how long a reader may take over one event before it is
// delivered again.
const eventLease = 30 * time.Second

// Announce says that a receipt is there; when it returns nil the event is on
// the server's disk. It may be repeated: for two minutes the server drops what
// it has from the same run, and after that who reads events takes each receipt
// once. A run that comes upon another's receipt announces it as its own: its
// coordinator may not have heard of it.
func (c *Conn) Announce(ctx context.Context, e schemas.ShardReady) error {
	op := "announce " + e.Receipt()
	subject, err := readySubject(e)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	b, err := e.Encode()
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return c.do(ctx, op, func(ctx context.Context) error {
		_, err := c.js.Publish(ctx, subject, b,
			jetstream.WithExpectStream(eventStream), jetstream.WithMsgID(e.Receipt()+"-shard_ready-"+string(e.Run)))
		return c.published(ctx, eventStream, err)
	})
}

// Follow says whose events a reader wants.
type Follow struct {
	Dataset schemas.DatasetID // empty: of every dataset
	Recipe  schemas.RecipeID  // empty: of every recipe
}

// Events is one reader's place in the stream of events. Its Next is for one
// goroutine.
type Events struct {
	c      *Conn
	name   string
	filter string
	missed bool   // to be told
	last   uint64 // every event up to this sequence was delivered, or told as missed
}

// Event is an event in our hands.
type Event struct {
	Ready schemas.ShardReady
	held
}

// Subscribe gives the place of the reader name, which the server keeps for an
// hour after its reader is gone, with what is announced meanwhile. Each reader
// has a name of its own, by the rule of [schemas.ParsePool].
func (c *Conn) Subscribe(ctx context.Context, name string, f Follow) (*Events, error) {
	if _, err := schemas.ParsePool(name); err != nil {
		return nil, fmt.Errorf("subscribe to events: %w", err)
	}
	filter, err := readyFilter(f.Dataset, f.Recipe)
	if err != nil {
		return nil, fmt.Errorf("subscribe to events: %w", err)
	}
	e := &Events{c: c, name: name, filter: filter}
	if err := e.open(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

// open finds the reader's place, or makes it. Whatever passed while nobody was
// there counts as missed: a consumer doesn't tell whether its stream was purged.
func (e *Events) open(ctx context.Context) error {
	return e.c.do(ctx, "subscribe to events as "+e.name, func(ctx context.Context) error {
		cons, err := e.c.js.CreateOrUpdateConsumer(ctx, eventStream, jetstream.ConsumerConfig{
			Durable:           e.name,
			FilterSubject:     e.filter,
			DeliverPolicy:     jetstream.DeliverNewPolicy, // of a new place: what was before is listed
			AckPolicy:         jetstream.AckExplicitPolicy,
			AckWait:           eventLease,
			MaxAckPending:     1024,
			InactiveThreshold: placeAge,
		})
		if err != nil {
			return err
		}
		s, err := e.c.js.Stream(ctx, eventStream)
		if err != nil {
			return err
		}
		e.missed = true
		e.last = max(cons.CachedInfo().AckFloor.Stream+1, s.CachedInfo().State.FirstSeq) - 1
		return nil
	})
}

// check notes whether the stream has dropped events that were not delivered.
func (e *Events) check(ctx context.Context) error {
	err := e.c.do(ctx, "look for missed events", func(ctx context.Context) error {
		s, err := e.c.js.Stream(ctx, eventStream)
		if err != nil {
			return err
		}
		if first := s.CachedInfo().State.FirstSeq; first > e.last+1 {
			e.missed, e.last = true, first-1
		}
		return nil
	})
	if errors.Is(err, ErrNoStream) {
		return e.open(ctx)
	}
	return err
}

// Next waits for an event. It returns [ErrMissed] once whenever events may have
// passed unseen: at first, and when the stream has dropped what was not yet
// delivered, or was made anew. The caller then lists what rests in the store
// and calls Next again; as its place was taken before, what is committed during
// the listing comes as an event. [ErrNoStream] says that there is no stream of
// events; call again later.
func (e *Events) Next(ctx context.Context) (*Event, error) {
	for {
		if e.missed {
			e.missed = false
			return nil, ErrMissed
		}
		msg, err := e.c.pull(ctx, eventStream, e.name)
		switch {
		case ctx.Err() != nil && err != nil:
			return nil, ended(ctx)
		case errors.Is(err, ErrNoStream): // deleted, perhaps with the stream
			if err := e.open(ctx); err != nil {
				return nil, err
			}
		case errors.Is(err, errIdle):
			if err := e.check(ctx); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, err
		default:
			ev, err := e.read(ctx, msg)
			if ev != nil || err != nil {
				return ev, err
			}
		}
	}
}

// read opens one message. It returns nil, nil for one that it has dealt with.
func (e *Events) read(ctx context.Context, msg *nats.Msg) (*Event, error) {
	h, err := e.c.hold(msg, eventLease)
	if err != nil {
		return nil, err
	}
	if h.seq > e.last+1 {
		if err := e.check(ctx); err != nil {
			return nil, err
		}
		if e.missed {
			return nil, h.Release(ctx, 0) // to come again after the listing
		}
	}
	e.last = max(e.last, h.seq)
	ready, err := schemas.DecodeShardReady(msg.Data)
	if err != nil {
		// The receipt is there: who lists finds it.
		e.c.log.Warn("event dropped: it can't be read", "subject", msg.Subject, "err", err)
		return nil, h.Ack(ctx)
	}
	return &Event{Ready: ready, held: h}, nil
}

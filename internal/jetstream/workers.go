package jetstream

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Workers is what workers say of themselves: one small value for each name,
// which is gone when it wasn't said again within its time to live.
type Workers struct{ c *Conn }

// Workers asks the server nothing.
func (c *Conn) Workers() Workers { return Workers{c} }

// Presence is what one worker said last.
type Presence struct {
	Name  string
	Value []byte    // nil: it is gone, by its own word or by its time to live
	At    time.Time // when the server stored it
}

// Put says value under name, which is of a-z, 0-9, '-', '_' and dots between.
// It returns [ErrNoStream] while no coordinator has made the bucket.
func (w Workers) Put(ctx context.Context, name string, value []byte) error {
	return w.with(ctx, "heartbeat of "+name, func(ctx context.Context, kv jetstream.KeyValue) error {
		_, err := kv.Put(ctx, name, value)
		return err
	})
}

// Delete takes name's value away: the worker leaves. It may be repeated.
func (w Workers) Delete(ctx context.Context, name string) error {
	return w.with(ctx, "farewell of "+name, func(ctx context.Context, kv jetstream.KeyValue) error {
		return kv.Delete(ctx, name)
	})
}

// List gives the values that count now, in no order.
func (w Workers) List(ctx context.Context) ([]Presence, error) {
	var all []Presence
	err := w.with(ctx, "list workers", func(ctx context.Context, kv jetstream.KeyValue) error {
		all = nil
		watch, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
		if err != nil {
			return err
		}
		defer func() { _ = watch.Stop() }() // fails only with the connection
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case e, ok := <-watch.Updates():
				if !ok {
					return ErrUnavailable
				}
				if e == nil { // that was all
					return nil
				}
				all = append(all, presence(e))
			}
		}
	})
	return all, err
}

// Watch gives what is there and then every change, until ctx ends, which ends
// it with ctx.Err(). A value that expires comes with a nil Value, up to half a
// time to live late.
func (w Workers) Watch(ctx context.Context) iter.Seq2[Presence, error] {
	return func(yield func(Presence, error) bool) {
		var watch jetstream.KeyWatcher
		err := w.with(ctx, "watch workers", func(c context.Context, kv jetstream.KeyValue) error {
			var err error
			watch, err = kv.WatchAll(ctx) // lives as long as ctx, not as this try
			return err
		})
		if err != nil {
			yield(Presence{}, err)
			return
		}
		defer func() { _ = watch.Stop() }() // fails only with the connection
		for {
			select {
			case <-ctx.Done():
				yield(Presence{}, ended(ctx))
				return
			case e, ok := <-watch.Updates():
				if !ok && ctx.Err() != nil { // the end of ctx ends the watch too
					yield(Presence{}, ended(ctx))
					return
				}
				if !ok {
					yield(Presence{}, fmt.Errorf("watch workers: %w", ErrClosed))
					return
				}
				if e != nil && !yield(presence(e), nil) {
					return
				}
			}
		}
	}
}

func presence(e jetstream.KeyValueEntry) Presence {
	p := Presence{Name: e.Key(), At: e.Created()}
	if e.Operation() == jetstream.KeyValuePut {
		p.Value = e.Value()
	}
	return p
}

func (w Workers) with(ctx context.Context, op string, f func(context.Context, jetstream.KeyValue) error) error {
	return w.c.do(ctx, op, func(ctx context.Context) error {
		kv, err := w.c.js.KeyValue(ctx, workersBucket)
		if err != nil {
			return err
		}
		return f(ctx, kv)
	})
}

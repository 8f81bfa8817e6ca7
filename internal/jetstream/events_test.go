package jetstream

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
)

func subscribe(t *testing.T, c *Conn, name string, f Follow) *Events {
	t.Helper()
	e, err := c.Subscribe(t.Context(), name, f)
	must(t, err)
	return e
}

func announce(t *testing.T, c *Conn, ns ...int) {
	t.Helper()
	for _, n := range ns {
		must(t, c.Announce(t.Context(), ready(n)))
	}
}

func wantEvent(t *testing.T, e *Events, n int) *Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ev, err := e.Next(ctx)
	must(t, err)
	if diff := cmp.Diff(ready(n), ev.Ready); diff != "" {
		t.Fatalf("event (-want +got):\n%s", diff)
	}
	return ev
}

func wantMissed(t *testing.T, e *Events) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if ev, err := e.Next(ctx); !errors.Is(err, ErrMissed) {
		t.Fatalf("event %+v, error %v; want %v", ev, err, ErrMissed)
	}
}

func wantNoEvent(t *testing.T, e *Events) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if ev, err := e.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("event %+v, error %v; want none", ev, err)
	}
}

func TestEventsReachEachReaderOnce(t *testing.T) {
	c := start(t)
	announce(t, c, 0) // before anybody follows: it is for the listing
	a, b := subscribe(t, c, "trainer-a", Follow{}), subscribe(t, c, "trainer-b", Follow{Dataset: "scenes"})
	for _, e := range []*Events{a, b} {
		wantMissed(t, e)
	}
	announce(t, c, 1, 2, 1) // the last one is dropped by its message ID
	for _, e := range []*Events{a, b} {
		for n := range 2 {
			must(t, wantEvent(t, e, n+1).Ack(t.Context()))
		}
		wantNoEvent(t, e)
	}
	// A program that starts again goes on where it was.
	announce(t, c, 3)
	a = subscribe(t, c, "trainer-a", Follow{})
	wantMissed(t, a)
	must(t, wantEvent(t, a, 3).Ack(t.Context()))
	wantNoEvent(t, a)
}

func TestEventsAreFiltered(t *testing.T) {
	c := start(t)
	other := schemas.RecipeID(schemas.Sum([]byte("other")).String())
	e := subscribe(t, c, "trainer", Follow{Dataset: "scenes", Recipe: other})
	wantMissed(t, e)
	announce(t, c, 1)
	ev := ready(2)
	ev.Recipe = other
	must(t, c.Announce(t.Context(), ev))
	got, err := e.Next(t.Context())
	must(t, err)
	if got.Ready.Recipe != other {
		t.Errorf("event of recipe %s", got.Ready.Recipe)
	}
	must(t, got.Ack(t.Context()))
	// Another filter under the same name: what passed between is listed.
	e = subscribe(t, c, "trainer", Follow{})
	wantMissed(t, e)
	announce(t, c, 3)
	must(t, wantEvent(t, e, 3).Ack(t.Context()))
	for name, f := range map[string]Follow{"a.b": {}, "": {}, "ok": {Dataset: "*"}, "ok-too": {Recipe: ">"}} {
		if _, err := c.Subscribe(t.Context(), name, f); !errors.Is(err, schemas.ErrID) {
			t.Errorf("subscribe as %q to %+v: %v, want %v", name, f, err, schemas.ErrID)
		}
	}
}

func TestEventsMissed(t *testing.T) {
	c := start(t)
	e := subscribe(t, c, "trainer", Follow{})
	wantMissed(t, e)
	s, err := c.js.Stream(t.Context(), eventStream)
	must(t, err)
	announce(t, c, 1)
	must(t, wantEvent(t, e, 1).Ack(t.Context()))

	// The limits of the stream drop events 2 and 3 before they were delivered.
	announce(t, c, 2, 3, 4)
	limited := s.CachedInfo().Config
	limited.MaxMsgs = 1
	_, err = c.js.UpdateStream(t.Context(), limited)
	must(t, err)
	wantMissed(t, e)
	must(t, wantEvent(t, e, 4).Ack(t.Context()))

	// An operator purges 5.
	announce(t, c, 5)
	must(t, s.Purge(t.Context()))
	announce(t, c, 6)
	wantMissed(t, e)
	must(t, wantEvent(t, e, 6).Ack(t.Context()))

	// What was delivered may be dropped, that is no loss.
	must(t, s.Purge(t.Context()))
	announce(t, c, 7)
	must(t, wantEvent(t, e, 7).Ack(t.Context()))
}

func TestEventsOfADeletedStream(t *testing.T) {
	c := start(t)
	e := subscribe(t, c, "trainer", Follow{})
	wantMissed(t, e)
	announce(t, c, 1)
	must(t, wantEvent(t, e, 1).Ack(t.Context()))
	must(t, c.js.DeleteStream(t.Context(), eventStream))
	if _, err := e.Next(t.Context()); !errors.Is(err, ErrNoStream) {
		t.Fatalf("no stream: %v, want %v", err, ErrNoStream)
	}
	if err := c.Announce(t.Context(), ready(2)); !errors.Is(err, ErrNoStream) {
		t.Fatalf("announce without a stream: %v, want %v", err, ErrNoStream)
	}
	must(t, c.EnsureStreams(t.Context(), DefaultLayout()))
	announce(t, c, 2)
	wantMissed(t, e) // lists, and finds 2
	announce(t, c, 3)
	must(t, wantEvent(t, e, 3).Ack(t.Context()))
}

func TestEventReleasedComesAgain(t *testing.T) {
	c := start(t)
	e := subscribe(t, c, "trainer", Follow{})
	wantMissed(t, e)
	announce(t, c, 1)
	must(t, wantEvent(t, e, 1).Release(t.Context(), 0))
	must(t, wantEvent(t, e, 1).Ack(t.Context()))
	announce(t, c, 2)
	must(t, wantEvent(t, e, 2).Ack(t.Context()))
	_, err := c.js.Publish(t.Context(), "recaption.event.shard_ready.scenes.x", []byte("no event"))
	must(t, err)
	announce(t, c, 3)
	must(t, wantEvent(t, e, 3).Ack(t.Context()))
}

package jetstream

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"recaption/internal/embedded"
)

func TestWorkers(t *testing.T) {
	c := start(t)
	w := c.Workers()
	must(t, w.Put(t.Context(), "w-1", []byte(`{"jobs":1}`)))
	must(t, w.Put(t.Context(), "w-2", []byte(`{"jobs":2}`)))
	must(t, w.Put(t.Context(), "w-1", []byte(`{"jobs":3}`)))
	list := func() map[string]string {
		all, err := w.List(t.Context())
		must(t, err)
		m := map[string]string{}
		for _, h := range all {
			if h.At.IsZero() {
				t.Errorf("heartbeat of %s without a time", h.Name)
			}
			m[h.Name] = string(h.Value)
		}
		return m
	}
	if got := list(); len(got) != 2 || got["w-1"] != `{"jobs":3}` || got["w-2"] != `{"jobs":2}` {
		t.Errorf("workers: %v", got)
	}
	must(t, w.Delete(t.Context(), "w-1"))
	must(t, w.Delete(t.Context(), "w-1"))
	if got := list(); len(got) != 1 || got["w-2"] == "" {
		t.Errorf("workers after one left: %v", got)
	}
	for _, name := range []string{"", "a b", ".a", "*"} {
		if err := w.Put(t.Context(), name, nil); err == nil || errors.Is(err, ErrUnavailable) {
			t.Errorf("put %q: %v, want an error", name, err)
		}
	}
}

func TestWatchSeesChangesAndExpiry(t *testing.T) {
	c := connect(t, serve(t, t.TempDir(), embedded.WithoutSync()))
	l := DefaultLayout()
	l.WorkersTTL = time.Second
	must(t, c.EnsureStreams(t.Context(), l))
	w := c.Workers()
	must(t, w.Put(t.Context(), "w-1", []byte("a")))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	next, stop := iter.Pull2(w.Watch(ctx))
	defer stop()
	want := func(name, value string) {
		t.Helper()
		h, err, _ := next()
		must(t, err)
		if h.Name != name || string(h.Value) != value {
			t.Fatalf("saw %s=%q, want %s=%q", h.Name, h.Value, name, value)
		}
	}
	want("w-1", "a")
	must(t, w.Put(t.Context(), "w-1", []byte("b")))
	want("w-1", "b")
	begin := time.Now()
	want("w-1", "") // its time to live is over
	t.Logf("expired after %s", time.Since(begin))
	all, err := w.List(t.Context())
	must(t, err)
	if len(all) != 0 {
		t.Errorf("workers after expiry: %v", all)
	}
	cancel()
	if _, err, ok := next(); !ok || !errors.Is(err, context.Canceled) {
		t.Errorf("the end of a watch: %v, want %v", err, context.Canceled)
	}
}

func TestWorkersWithoutABucket(t *testing.T) {
	c := connect(t, serve(t, t.TempDir()))
	if err := c.Workers().Put(t.Context(), "w", nil); !errors.Is(err, ErrNoStream) {
		t.Errorf("put: %v, want %v", err, ErrNoStream)
	}
	if _, err := c.Workers().List(t.Context()); !errors.Is(err, ErrNoStream) {
		t.Errorf("list: %v, want %v", err, ErrNoStream)
	}
}

package jetstream

import (
	"testing"
	"time"

	"recaption/internal/embedded"
)

var terms = Lease{AckWait: time.Minute, MaxDeliver: 5, MaxPending: 10_000}

// A job published by one goroutine, synced to disk before the answer or not.
func BenchmarkPublish(b *testing.B) {
	for _, mode := range []struct {
		name string
		opts []embedded.Option
	}{{"sync", nil}, {"nosync", []embedded.Option{embedded.WithoutSync()}}} {
		b.Run(mode.name, func(b *testing.B) {
			c := connect(b, serve(b, b.TempDir(), mode.opts...))
			must(b, c.EnsureStreams(b.Context(), DefaultLayout()))
			q := jobs(b, c, terms)
			n := 0
			for b.Loop() {
				publish(b, q, n)
				n++
			}
		})
	}
}

// The life of a job on a server that syncs: publish, take, extend, acknowledge.
func BenchmarkJob(b *testing.B) {
	c := connect(b, serve(b, b.TempDir()))
	must(b, c.EnsureStreams(b.Context(), DefaultLayout()))
	q := jobs(b, c, terms)
	n := 0
	for b.Loop() {
		publish(b, q, n)
		d := next(b, q, n, 1)
		must(b, d.Extend(b.Context()))
		must(b, d.Ack(b.Context()))
		n++
	}
}

// What a coordinator that repeats itself costs: a job that is queued already.
func BenchmarkPublishAgain(b *testing.B) {
	c := connect(b, serve(b, b.TempDir()))
	must(b, c.EnsureStreams(b.Context(), DefaultLayout()))
	q := jobs(b, c, terms)
	publish(b, q, 1)
	for b.Loop() {
		if err := q.Publish(b.Context(), job(1)); err == nil {
			b.Fatal("queued twice")
		}
	}
}

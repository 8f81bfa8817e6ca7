package jetstream

import (
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"
)

// What queues depend on is repaired; all else stays as its operator has set it.
func TestEnsureStreamsRepairsWhatItMust(t *testing.T) {
	c := start(t)
	config := func(name string) natsjs.StreamConfig {
		t.Helper()
		s, err := c.js.Stream(t.Context(), name)
		must(t, err)
		return s.CachedInfo().Config
	}
	for _, want := range streams(DefaultLayout()) {
		if have := config(want.Name); !sound(have, want) || len(differences(have, want)) > 0 {
			t.Errorf("%s: it is %+v, wanted is %+v", want.Name, have, want)
		}
	}
	events := config(eventStream)
	events.MaxAge, events.MaxBytes = 3*time.Hour, 2<<20
	_, err := c.js.UpdateStream(t.Context(), events)
	must(t, err)
	jobs := config(jobStream)
	jobs.MaxBytes, jobs.DiscardNewPerSubject, jobs.MaxMsgsPerSubject = 3<<20, false, -1
	_, err = c.js.UpdateStream(t.Context(), jobs)
	must(t, err)
	bucket, err := c.js.UpdateKeyValue(t.Context(), natsjs.KeyValueConfig{Bucket: workersBucket, History: 1, TTL: time.Hour, LimitMarkerTTL: time.Hour})
	must(t, err)

	must(t, c.EnsureStreams(t.Context(), DefaultLayout()))
	if got := config(eventStream); got.MaxAge != 3*time.Hour || got.MaxBytes != 2<<20 {
		t.Errorf("events are kept for %s, %d bytes; their operator said 3h, 2 MiB", got.MaxAge, got.MaxBytes)
	}
	if got := config(jobStream); got.MaxBytes != 3<<20 || !got.DiscardNewPerSubject || got.MaxMsgsPerSubject != 1 {
		t.Errorf("jobs: %+v", got)
	}
	if s, err := bucket.Status(t.Context()); err != nil || s.TTL() != time.Hour {
		t.Errorf("heartbeats live for %s (%v); their operator said an hour", s.TTL(), err)
	}
}

// The terms of a queue are brought to those of a coordinator that begins, but
// not under the hands of who has a job, and not again and again.
func TestEnsureQueueLeavesItsTerms(t *testing.T) {
	cfg := serve(t, t.TempDir())
	first := connect(t, cfg)
	must(t, first.EnsureStreams(t.Context(), DefaultLayout()))
	q := jobs(t, first, short)
	wait := func() time.Duration {
		t.Helper()
		cons, err := first.js.Consumer(t.Context(), jobStream, string(pool))
		must(t, err)
		return cons.CachedInfo().Config.AckWait
	}
	long, longer := Lease{AckWait: time.Minute, MaxDeliver: 5, MaxPending: 100}, Lease{AckWait: time.Hour, MaxDeliver: 5, MaxPending: 100}
	must(t, q.Ensure(t.Context(), long))
	if got := wait(); got != short.AckWait {
		t.Errorf("ensured again: %s, want %s as before", got, short.AckWait)
	}
	jobs(t, connect(t, cfg), long)
	if got := wait(); got != long.AckWait {
		t.Errorf("another coordinator began: %s, want %s", got, long.AckWait)
	}
	publish(t, q, 1)
	d := next(t, q, 1, 1)
	jobs(t, connect(t, cfg), longer)
	if got := wait(); got != long.AckWait {
		t.Errorf("with a job in hand: %s, want %s as before", got, long.AckWait)
	}
	must(t, q.ensure(t.Context(), Lease{AckWait: time.Millisecond, MaxDeliver: 5, MaxPending: 100})) // no lease at all
	must(t, q.Ensure(t.Context(), long))
	if got := wait(); got != long.AckWait {
		t.Errorf("with a job in hand for a millisecond: %s, want %s", got, long.AckWait)
	}
	must(t, d.Ack(t.Context()))
}

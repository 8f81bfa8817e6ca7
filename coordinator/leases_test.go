package coordinator

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"recaption/schemas"
)

// What a process had in hand that was killed comes at once to the next one
// that has the server to itself: to others the log says what they wait for.
func TestFree(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(3)
	run := s.launch(src, spec())
	c := s.coordinator(s.rest, func(c *Config) { c.Lease.AckWait = time.Hour })
	var said bytes.Buffer
	c.log = slog.New(slog.NewTextHandler(&said, nil))
	must(t, c.Ensure(t.Context(), run.Pool))
	must(t, c.TellLeases(t.Context(), run.Pool))
	must(t, c.Free(t.Context(), run.Pool))
	if said.Len() > 0 {
		t.Errorf("with nothing in hand: %s", &said)
	}

	f, err := c.newFollower(t.Context(), run, src)
	must(t, err)
	cutJob := schemas.CutJob{Dataset: run.Dataset.Dataset, Revision: run.Dataset.Revision, Part: f.parts[0].ID}
	must(t, f.cuts.Publish(t.Context(), cutJob))
	must(t, cutAll(t.Context(), f))
	must(t, f.listParts(t.Context()))
	if _, err := f.publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = f.cuts.Next(within(t)) // and the process is killed
	must(t, err)
	_, err = f.jobs.Next(within(t))
	must(t, err)

	must(t, c.TellLeases(t.Context(), run.Pool))
	if !strings.Contains(said.String(), "jobs=1 parts=1 lease=1h0m0s") {
		t.Errorf("told: %s", &said)
	}
	must(t, c.Free(t.Context(), run.Pool))
	part, err := f.cuts.Next(within(t))
	must(t, err)
	job, err := f.jobs.Next(within(t))
	must(t, err)
	if part.Attempt != 2 || job.Attempt != 2 || part.Lease != time.Hour {
		t.Errorf("attempts %d and %d, lease %s; want the second ones, of an hour", part.Attempt, job.Attempt, part.Lease)
	}
}

package coordinator

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"recaption/schemas"
	"recaption/shards"
)

// counting counts the part records that are read.
type counting struct {
	shards.Store
	parts atomic.Int64
}

func (c *counting) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	if strings.Contains(key, "/parts/") {
		c.parts.Add(1)
	}
	return c.Store.Get(ctx, key, limit)
}

// However often the window has room again, the record of a part is read once
// while its jobs are published.
func TestPartRecordIsReadOnce(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(90)
	run := s.launch(src, spec())
	s.work(run.Pool)
	st := &counting{Store: s.rest}
	p, err := s.coordinator(st, func(c *Config) {
		// No tick and no lease ends while the run lasts, however busy the
		// machine: a pass over the store that came between a cut's commit and
		// its end, or a second delivery, would read the record too.
		c.Window, c.Reconcile, c.Lease.AckWait = 8, time.Hour, time.Minute
	}).Run(within(t), run, src)
	must(t, err)
	s.wantAll(run, p, src.want(0))
	if n := st.parts.Load(); n != 2 { // once by the cutter, which looks whether the part is cut
		t.Errorf("the record of one part was read %d times, want 2", n)
	}
}

// A queue that another run keeps full has room for this run's share.
func TestRunHasItsShareOfTheQueue(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(30)
	run := s.launch(src, spec())
	f, err := s.coordinator(s.rest, func(c *Config) { c.Window = 8 }).newFollower(t.Context(), run, src)
	must(t, err)
	for i := range 8 {
		must(t, f.jobs.Publish(t.Context(), schemas.NewCaptionJob(schemas.CaptionJob{
			Run: "other", Pool: run.Pool, Dataset: "bees", Recipe: run.Recipe, Gate: run.Gate,
			Shard: schemas.ShardID(schemas.Sum(fmt.Append(nil, i)).String()),
			File:  schemas.File{SHA256: schemas.Sum(nil), Bytes: 10, Footer: schemas.Block{Offset: 1, Bytes: 9}},
		})))
	}
	must(t, cutAll(t.Context(), f))
	must(t, f.listParts(t.Context()))
	for range 3 { // no more with each pass
		_, err := f.publish(t.Context())
		must(t, err)
		if f.queued != 2 {
			t.Errorf("%d jobs of this run are queued, want a quarter of 8", f.queued)
		}
	}
}

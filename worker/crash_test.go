package worker

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/storetest"
)

// doomed is all that a process has of the outside. When it dies, nothing that
// the process still does has any effect.
type doomed struct {
	*jetstream.Conn
	store *storetest.Faults
	once  sync.Once
	gone  chan struct{}

	beforeEvent, afterEvent bool
}

var errDead = errors.New("the process is dead")

func newDoomed(t *testing.T, st shards.Store) *doomed {
	return &doomed{Conn: connect(t), store: storetest.NewFaults(st), gone: make(chan struct{})}
}

func (d *doomed) die() {
	d.once.Do(func() {
		for _, op := range storetest.Ops() {
			d.store.Fail(storetest.Fault{Op: op, Err: errDead})
		}
		_ = d.Close()
		close(d.gone)
	})
}

// Announce takes the place of the connection's.
func (d *doomed) Announce(ctx context.Context, e schemas.ShardReady) error {
	if d.beforeEvent {
		d.die()
	}
	if err := d.Conn.Announce(ctx, e); err != nil {
		return err
	}
	if d.afterEvent {
		d.die()
	}
	return nil
}

// heard tells what was announced.
type heard struct {
	*jetstream.Conn
	ready chan schemas.ShardReady
}

func hear(c *jetstream.Conn) *heard { return &heard{c, make(chan schemas.ShardReady, 8)} }

func (h *heard) Announce(ctx context.Context, e schemas.ShardReady) error {
	if err := h.Conn.Announce(ctx, e); err != nil {
		return err
	}
	h.ready <- e
	return nil
}

// A crash between any two of captions, receipt, event and acknowledgement costs
// time only: the next worker goes on from what rests.
func TestCrash(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		crash    func(d *doomed)
		captions int  // files of captions when the process has died
		receipt  bool // there by then
		again    bool // whether the second worker captions
	}{
		{"before the first batch is read", func(d *doomed) { d.fail(storetest.ReadTail, "/shards/", storetest.Before) }, 0, false, true},
		{"before the captions", func(d *doomed) { d.fail(storetest.Put, "captions/", storetest.Before) }, 0, false, true},
		{"behind the captions", func(d *doomed) { d.fail(storetest.Put, "captions/", storetest.After) }, 1, false, true},
		{"before the receipt", func(d *doomed) { d.fail(storetest.Create, "captions/", storetest.Before) }, 1, false, true},
		{"behind the receipt", func(d *doomed) { d.fail(storetest.Create, "captions/", storetest.After) }, 1, true, false},
		{"before the event", func(d *doomed) { d.beforeEvent = true }, 1, true, false},
		{"before the acknowledgement", func(d *doomed) { d.afterEvent = true }, 1, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, first, second := newSite(t), newFake(), newFake()
			job := s.job(s.shard(samples(6)), recipeOf(first))
			d := newDoomed(t, s.rest)
			test.crash(d)
			s.publish(job)
			p := s.startOn(d.store, d.Conn, d, first)
			<-d.gone
			_ = p.wait()
			files, receipts := s.captions(job)
			if files != test.captions || receipts == 1 != test.receipt {
				t.Fatalf("the dead left %d files of captions and %d receipts", files, receipts)
			}
			if !test.receipt {
				s.wantNoEvent()
			}
			said := hear(connect(t))
			q := s.startOn(s.rest, said.Conn, said, second)
			<-said.ready
			q.finish()
			s.event() // of this worker, or of the dead one
			s.wantQueue(0)
			if again := second.captioned("image 0") > 0; again != test.again {
				t.Errorf("the second worker captions: %t, want %t", again, test.again)
			}
			for i, r := range s.rows(job) {
				if r.Status != schemas.RowCaptioned {
					t.Errorf("row %d: %s %s", i, r.Status, r.Reason)
				}
			}
			if _, receipts := s.captions(job); receipts != 1 {
				t.Errorf("%d receipts", receipts)
			}
		})
	}
}

func (d *doomed) fail(op storetest.Op, key string, when storetest.Moment) {
	d.store.Fail(storetest.Fault{Op: op, Key: key, N: 1, When: when, Err: errDead, Do: d.die})
}

// captions counts what rests of a job's captions.
func (s *site) captions(job schemas.CaptionJob) (files, receipts int) {
	s.t.Helper()
	for o, err := range s.rest.List(s.t.Context(), shards.CaptionsPrefix(job.Recipe), "") {
		must(s.t, err)
		if strings.HasSuffix(o.Key, ".arrow") {
			files++
		} else {
			receipts++
		}
	}
	return files, receipts
}

// wantNoEvent checks that nothing was announced so far: what is announced next
// is the first that comes.
func (s *site) wantNoEvent() {
	s.t.Helper()
	mark := schemas.ShardReady{
		Dataset: s.data, Run: "mark", Shard: schemas.ShardID(schemas.Sum([]byte(s.data)).String()), Recipe: schemas.RecipeID(strings.Repeat("0", 64)),
		Attempt: "0123456789abcdef",
	}
	must(s.t, s.conn.Announce(s.t.Context(), mark))
	if e := s.event(); e.Run != mark.Run {
		s.t.Errorf("an event without its receipt: %+v", e)
	}
}

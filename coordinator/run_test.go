package coordinator

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recaption/coordinator/source"
	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/storetest"
)

func TestLaunchAgainIsTheSameRun(t *testing.T) {
	t.Parallel()
	s := &site{t: t, rest: newStore()}
	src := parts(4, 2)
	first := s.launch(src, spec())
	n := s.objects()
	again := s.launch(src, spec())
	if first.ID != again.ID || first.Resumed || !again.Resumed {
		t.Errorf("runs %s and %s, resumed %t and %t", first.ID, again.ID, first.Resumed, again.Resumed)
	}
	if got := s.objects(); got != n {
		t.Errorf("%d objects after the second launch, %d after the first", got, n)
	}
	for _, test := range []struct {
		name string
		src  source.Source
		spec Spec
	}{
		{"other parts", parts(4, 3), spec()},
		{"a limit", src, spec(func(s *Spec) { s.Limit = 3 })},
		{"another cut", src, spec(func(s *Spec) { s.Cut.Rows = 4 })},
		{"another recipe", src, spec(func(s *Spec) { s.Recipe.Seed = 9 })},
		{"another gate", src, spec(func(s *Spec) { s.Gate.MinWords = 9 })},
		{"another name", src, spec(func(s *Spec) { s.Dataset = "bees" })},
	} {
		if other := s.launch(test.src, test.spec); other.ID == first.ID || other.Resumed {
			t.Errorf("%s: run %s, resumed %t", test.name, other.ID, other.Resumed)
		}
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(10, 0, 1, 7)
	run := s.launch(src, spec())
	var shown []Progress
	c := s.coordinator(s.store, func(c *Config) { c.Shown = func(p Progress) { shown = append(shown, p) } })
	s.work(run.Pool)
	p, err := c.Run(within(t), run, src)
	must(t, err)
	s.wantAll(run, p, src.want(0))
	if p.Statuses[schemas.RowCaptioned] != 16 || p.Statuses[schemas.RowUnusable] != 2 || p.Accepted != 16 || p.Parts != 4 || p.PartsCut != 4 {
		t.Errorf("progress: %+v", p)
	}
	wantMonotonic(t, shown, p)

	// Run again it finds everything done, and writes nothing.
	n := s.objects()
	again, err := c.Run(within(t), run, src)
	must(t, err)
	if s.objects() != n {
		t.Error("it wrote something when nothing was left to do")
	}
	if d := cmp.Diff(p, again, sortedFaults); d != "" {
		t.Errorf("progress of a run that is over (-first +second):\n%s", d)
	}
}

// wantMonotonic checks that what was shown only grew, was never ahead of
// itself, and ended where the run did.
func wantMonotonic(t *testing.T, shown []Progress, end Progress) {
	t.Helper()
	last := newProgress()
	for i, p := range shown {
		if p.Rows > p.Samples || p.ShardsDone > p.Shards || p.PartsCut > p.Parts {
			t.Errorf("shown %d: ahead of itself: %+v", i, p)
		}
		if p.Rows < last.Rows || p.Samples < last.Samples || p.ShardsDone < last.ShardsDone || p.PartsCut < last.PartsCut {
			t.Errorf("shown %d: fewer than before: %+v", i, p)
		}
		sum := 0
		for _, n := range p.Statuses {
			sum += n
		}
		if sum != p.Rows {
			t.Errorf("shown %d: %d rows, statuses of %d", i, p.Rows, sum)
		}
		last = p
	}
	if d := cmp.Diff(end, last, sortedFaults); d != "" {
		t.Errorf("the last shown is not the end (-end +shown):\n%s", d)
	}
}

// Under a limit the first samples of the source are taken, over parts and in
// order; the part that exceeds it is cut short, and those behind it not at all.
func TestLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.work("pool")
	src := parts(4, 0, 5, 6)
	for _, limit := range []int{2, 4, 7, 9, 12, 15, 100} {
		sp := spec(func(s *Spec) { s.Limit, s.Dataset = limit, schemas.DatasetID(fmt.Sprintf("birds-%d", limit)) })
		run := s.launch(src, sp)
		p, err := s.coordinator(s.rest).Run(within(t), run, src)
		must(t, err)
		s.wantAll(run, p, src.want(limit))
		if most := map[int]int{2: 1, 4: 1, 7: 3, 9: 3}[limit]; most > 0 && (p.Parts != most || p.PartsCut != most) {
			t.Errorf("limit %d: %d parts cut of %d, want %d", limit, p.PartsCut, p.Parts, most)
		}
	}
}

func TestSourceWithoutSamples(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(0, 0)
	run := s.launch(src, spec())
	p, err := s.coordinator(s.rest).Run(within(t), run, src)
	must(t, err)
	s.wantAll(run, p, nil)
}

// What parts have lost is counted; a part that is no tar at all stops nothing.
func TestDamagedParts(t *testing.T) {
	t.Parallel()
	s, dir := newSite(t), t.TempDir()
	whole := tarOf(t, 5)
	for name, b := range map[string][]byte{
		"0.tar": whole, "1.tar": whole[:len(whole)/2], "2.tar": bytes.Repeat([]byte("no tar "), 1000), "3.tar": make([]byte, 1024), "4.tar": nil,
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	src, err := source.Open(t.Context(), dir, source.Config{})
	must(t, err)
	run := s.launch(src, spec())
	s.work(run.Pool)
	p, err := s.coordinator(s.rest).Run(within(t), run, src)
	must(t, err)
	s.keys(run, p)
	lost := 0
	for _, f := range p.Faults {
		if f.Lost {
			lost += f.Count
		}
	}
	if p.PartsCut != 5 || p.Rows != p.Samples || p.Rows < 6 || lost < 2 {
		t.Errorf("%d parts cut, %d rows of %d, faults %+v", p.PartsCut, p.Rows, p.Samples, p.Faults)
	}
}

func tarOf(t *testing.T, n int) []byte {
	t.Helper()
	var pic, b bytes.Buffer
	must(t, png.Encode(&pic, image.NewGray(image.Rect(0, 0, 40, 30))))
	w := tar.NewWriter(&b)
	for i := range n {
		must(t, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%03d.png", i), Size: int64(pic.Len()), Mode: 0o600}))
		_, err := w.Write(pic.Bytes())
		must(t, err)
	}
	must(t, w.Close())
	return b.Bytes()
}

// A part that can't be read now stops neither the others nor the run's end,
// which says so; run again, it is tried again.
func TestPartThatCanNotBeRead(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, 100} {
		t.Run(fmt.Sprintf("limit %d", limit), func(t *testing.T) {
			t.Parallel()
			s, src := newSite(t), parts(4, 3, 5)
			src.fail = map[int]error{1: fs.ErrPermission}
			run := s.launch(src, spec(func(s *Spec) { s.Limit = limit }))
			s.work(run.Pool)
			p, err := s.coordinator(s.rest).Run(within(t), run, src)
			if !errors.Is(err, ErrUnread) || !errors.Is(err, fs.ErrPermission) {
				t.Fatalf("the run ended with: %v", err)
			}
			if want := map[int]int{0: 9, 100: 4}[limit]; p.Rows != want || p.PartsUnread != 1 {
				t.Errorf("%d rows, %d parts unread, want %d and 1", p.Rows, p.PartsUnread, want)
			}
			if _, err := shards.ReadRun(t.Context(), s.rest, run.ID, 1); !errors.Is(err, shards.ErrNotFound) {
				t.Errorf("the run counts as ended: %v", err)
			}
			src.fail = nil
			p, err = s.coordinator(s.rest).Run(within(t), run, src)
			must(t, err)
			s.wantAll(run, p, src.want(0))
		})
	}
}

// Two coordinators that read a part differently can't mix what they read: the
// first record is the part, for both.
func TestTwoCoordinators(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	left, right := parts(9, 9, 9, 9), parts(9, 9, 9, 9)
	right.alter = "another day's "
	run := s.launch(left, spec())
	s.work(run.Pool)
	type end struct {
		p   Progress
		err error
	}
	ends := make(chan end, 2)
	ctx := within(t)
	for i, src := range []*listed{left, right} {
		c := s.coordinator(s.rest, func(c *Config) { c.Name = fmt.Sprintf("c%d", i) })
		go func() {
			p, err := c.Run(ctx, run, src)
			ends <- end{p, err}
		}()
	}
	one, two := <-ends, <-ends
	must(t, errors.Join(one.err, two.err))
	s.wantAll(run, one.p, left.want(0))
	if d := cmp.Diff(one.p, two.p, sortedFaults); d != "" {
		t.Errorf("the coordinators don't agree (-one +other):\n%s", d)
	}
}

// The very race: both have read the part before either commits its record.
func TestOnePartCutTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	left, right := parts(9), parts(9)
	right.alter = "another day's "
	run := s.launch(left, spec())
	s.work(run.Pool)
	// The record of the other comes first, at the moment of ours.
	other := s.coordinator(s.rest, func(c *Config) { c.Name = "other" })
	s.store.Fail(storetest.Fault{Op: storetest.Create, Key: "/parts/", N: 1, When: storetest.Before, Do: func() {
		f, err := other.newFollower(t.Context(), run, right)
		if err == nil {
			err = cutAll(t.Context(), f)
		}
		if err != nil {
			t.Error(err)
		}
	}})
	p, err := s.coordinator(s.store).Run(within(t), run, left)
	must(t, err)
	s.wantAll(run, p, left.want(0))
	d := run.Dataset
	record, err := shards.ReadPart(t.Context(), s.rest, shards.PartKey(d.Dataset, d.Revision, "00000000-part"))
	must(t, err)
	r, err := shards.Open(t.Context(), s.rest, shards.SampleShardKey(d.Dataset, record.Shards[0].ID), record.Shards[0].File)
	must(t, err)
	for row, err := range r.Samples(t.Context()) {
		must(t, err)
		if want := fmt.Sprintf("another day's alt-text %d", row.Row); *row.AltText != want {
			t.Errorf("row %d: %q, want %q", row.Row, *row.AltText, want)
		}
	}
}

// Killed after any of its calls to the store and run again, a coordinator ends
// with each sample once.
func TestRestartAnywhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.work("pool")
	killed := 0
	for n, whole := 1, false; !whole; n++ {
		src := parts(4, 2)
		run := s.launch(src, spec(func(s *Spec) { s.Dataset = schemas.DatasetID(fmt.Sprintf("birds-%d", n)) }))
		ctx, kill := context.WithCancelCause(within(t))
		died := errors.New("killed")
		counting := &dying{Store: s.rest, left: n, die: func() { kill(died) }}
		_, err := s.coordinator(counting).Run(ctx, run, src)
		kill(nil)
		if whole = err == nil; !whole {
			killed++
			if !errors.Is(err, died) && !errors.Is(err, errDead) && !errors.Is(err, context.Canceled) {
				t.Fatalf("killed after %d calls: %v", n, err)
			}
		}
		p, err := s.coordinator(s.rest).Run(within(t), run, src)
		must(t, err)
		s.wantAll(run, p, src.want(0))
	}
	if killed < 10 {
		t.Errorf("killed at %d points", killed)
	}
}

// The streams are hints: whatever of them goes in the middle of a run, at
// whatever moment, reconciling makes it again.
func TestStreamsAreDeleted(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(12, 12, 12)
	run := s.launch(src, spec())
	n := 0
	s.work(run.Pool, func(h *hand) {
		h.first = func(schemas.CaptionJob) bool {
			if n++; n == 2 || n == 5 {
				must(t, s.deleteStreams(t.Context()))
				return false
			}
			return true
		}
	})
	r := s.read(run)
	p, err := s.coordinator(s.rest).Run(within(t), run, src)
	must(t, err)
	s.wantAll(run, p, src.want(0))
	r.wantShards(p.Shards)
}

// Receipts whose events were lost are found in the store, and announced for
// whoever else reads events.
func TestLostEvents(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(9)
	run := s.launch(src, spec())
	s.work(run.Pool, func(h *hand) { h.mute = true })
	r := s.read(run)
	p, err := s.coordinator(s.rest).Run(within(t), run, src)
	must(t, err)
	s.wantAll(run, p, src.want(0))
	r.wantShards(p.Shards)
}

// A job that used up its deliveries ends as failed rows; the others are done.
func TestSpentJobs(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(9)
	run := s.launch(src, spec())
	var bad schemas.ShardID
	s.work(run.Pool, func(h *hand) {
		h.first = func(j schemas.CaptionJob) bool {
			if bad == "" {
				bad = j.Shard
			}
			return j.Shard != bad
		}
	})
	p, err := s.coordinator(s.rest).Run(within(t), run, src)
	must(t, err)
	s.wantAll(run, p, src.want(0))
	if p.Reasons[schemas.ReasonDeliveries] < 2 || p.Statuses[schemas.RowFailed] != p.Reasons[schemas.ReasonDeliveries] {
		t.Errorf("statuses %v, reasons %v", p.Statuses, p.Reasons)
	}
	if p.Statuses[schemas.RowUnusable] != 1 {
		t.Errorf("a sample that was not ok lost its status: %v", p.Statuses)
	}
	q, err := s.conn.Jobs(run.Pool)
	must(t, err)
	for _, err := range q.Spent(t.Context()) {
		must(t, err)
		t.Error("a spent job is left in the queue")
	}
}

// What other runs left in the queues neither stops a run nor hides a loss, and
// its parts are there for their coordinators.
func TestLeftoversOfAnotherRun(t *testing.T) {
	t.Parallel()
	s, src, old := newSite(t), parts(9), parts(3, 3)
	run := s.launch(src, spec())
	other := s.launch(old, spec(func(s *Spec) { s.Dataset = "bees" }))
	c := s.coordinator(s.rest, func(c *Config) { c.Lease.MaxDeliver = 1 << 20 })
	must(t, c.Ensure(t.Context(), run.Pool))
	for i := range 2 {
		must(t, s.conn.Cuts().Publish(t.Context(), schemas.CutJob{Dataset: "bees", Revision: other.Dataset.Revision, Part: schemas.PartID(fmt.Sprintf("%08d-part", i))}))
	}
	q, err := s.conn.Jobs(run.Pool)
	must(t, err)
	for i := range 20 {
		j := schemas.NewCaptionJob(schemas.CaptionJob{
			Run: other.ID, Pool: run.Pool, Dataset: "bees", Recipe: run.Recipe, Gate: run.Gate,
			Shard: schemas.ShardID(schemas.Sum(fmt.Append(nil, i)).String()),
			File:  schemas.File{SHA256: schemas.Sum(nil), Bytes: 10, Footer: schemas.Block{Offset: 1, Bytes: 9}},
		})
		must(t, q.Publish(t.Context(), j))
	}
	taken := map[schemas.ShardID]int{}
	s.work(run.Pool, func(h *hand) {
		h.first = func(j schemas.CaptionJob) bool { return j.Dataset == run.Dataset.Dataset }
		h.lose = func(j schemas.CaptionJob) bool { taken[j.Shard]++; return taken[j.Shard] == 1 }
	})
	p, err := c.Run(within(t), run, src)
	must(t, err)
	s.wantAll(run, p, src.want(0))
}

// A part of this run that others handed back until its deliveries were used up
// is queued anew.
func TestSpentPartIsQueuedAnew(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(4)
	run := s.launch(src, spec())
	c := s.coordinator(s.rest)
	must(t, c.Ensure(t.Context(), run.Pool))
	must(t, s.conn.Cuts().Publish(t.Context(), schemas.CutJob{Dataset: "birds", Revision: run.Dataset.Revision, Part: "00000000-part"}))
	for range c.cfg.Lease.MaxDeliver {
		d, err := s.conn.Cuts().Next(within(t))
		must(t, err)
		must(t, d.Release(t.Context(), 0))
	}
	s.work(run.Pool)
	p, err := c.Run(within(t), run, src)
	must(t, err)
	s.wantAll(run, p, src.want(0))
}

// Another gate over the same recipe counts anew what rests, and captions
// nothing.
func TestAnotherGateCountsAnew(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(9)
	run := s.launch(src, spec())
	h := s.work(run.Pool)
	first, err := s.coordinator(s.rest).Run(within(t), run, src)
	must(t, err)
	before, _ := h.captioned()
	strict := s.launch(src, spec(func(s *Spec) { s.Gate.MinWords = 30 }))
	p, err := s.coordinator(s.rest).Run(within(t), strict, src)
	must(t, err)
	s.wantAll(strict, p, src.want(0))
	if after, _ := h.captioned(); after != before {
		t.Errorf("%d shards were captioned again", after-before)
	}
	if first.Accepted != 8 || p.Accepted != 0 || p.Flags[schemas.FlagShort] != 8 || p.Captions != first.Captions {
		t.Errorf("accepted %d at first, %d then, flags %v", first.Accepted, p.Accepted, p.Flags)
	}
}

// A shard whose captions or receipt can't be read stops neither the others nor
// the run's end, which names it.
func TestShardsThatCanNotBeCounted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage func(r schemas.Receipt) (key string, b []byte)
		gate   int // another one, with the least words
		says   error
	}{
		"damaged captions under another gate": {func(r schemas.Receipt) (string, []byte) {
			return shards.CaptionsKey(r.Recipe, r.Shard, 0, r.Attempt), []byte("damaged")
		}, 30, shards.ErrCorrupt},
		"a newer receipt": {func(r schemas.Receipt) (string, []byte) {
			return shards.ReceiptKey(r.Recipe, r.Shard, 0), []byte(`{"kind":"receipt","version":99}`)
		}, 0, schemas.ErrVersion},
		"a damaged receipt": {func(r schemas.Receipt) (string, []byte) {
			return shards.ReceiptKey(r.Recipe, r.Shard, 0), []byte(`no receipt`)
		}, 0, schemas.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, src := newSite(t), parts(9)
			run := s.launch(src, spec())
			s.work(run.Pool)
			first, err := s.coordinator(s.rest).Run(within(t), run, src)
			must(t, err)
			var bad schemas.Receipt
			for o, err := range s.rest.List(t.Context(), shards.CaptionsPrefix(run.Recipe), "") {
				must(t, err)
				if _, shard, _, err := shards.ParseReceiptKey(o.Key); err == nil {
					bad, err = shards.ReadReceipt(t.Context(), s.rest, shards.ReceiptKey(run.Recipe, shard, 0))
					must(t, err)
				}
			}
			key, b := test.damage(bad)
			whole, err := s.rest.Get(t.Context(), key, 1<<20)
			must(t, err)
			must(t, s.rest.Put(t.Context(), key, bytes.NewReader(b), int64(len(b))))
			run = s.launch(src, spec(func(s *Spec) { s.Gate.MinWords = max(test.gate, s.Gate.MinWords) }))
			p, err := s.coordinator(s.rest).Run(within(t), run, src)
			if !errors.Is(err, ErrUncounted) || !errors.Is(err, test.says) || !strings.Contains(err.Error(), bad.Shard.Short()) {
				t.Fatalf("the run ended with: %v", err)
			}
			if p.ShardsUncounted != 1 || p.ShardsDone != first.Shards-1 || p.Rows != first.Rows-3 {
				t.Errorf("%d shards uncounted, %d done, %d rows", p.ShardsUncounted, p.ShardsDone, p.Rows)
			}
			must(t, s.rest.Put(t.Context(), key, bytes.NewReader(whole), int64(len(whole))))
			p, err = s.coordinator(s.rest).Run(within(t), run, src)
			must(t, err)
			s.wantAll(run, p, src.want(0))
		})
	}
}

// A pool's queue never holds more jobs than the window, and all come through.
func TestWindow(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(30, 30)
	run := s.launch(src, spec())
	q, err := s.conn.Jobs(run.Pool)
	must(t, err)
	most := 0
	s.work(run.Pool, func(h *hand) {
		h.first = func(schemas.CaptionJob) bool {
			d, err := q.Depth(t.Context())
			must(t, err)
			most = max(most, d.Waiting+d.InHand)
			return true
		}
	})
	p, err := s.coordinator(s.rest, func(c *Config) { c.Window = 3 }).Run(within(t), run, src)
	must(t, err)
	s.wantAll(run, p, src.want(0))
	if most > 3 || most < 2 {
		t.Errorf("%d jobs queued at most, the window is 3", most)
	}
}

// The server's count may lag behind what it took; ours does not.
func TestWindowByOurOwnCount(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(30)
	run := s.launch(src, spec())
	f, err := s.coordinator(s.rest, func(c *Config) { c.Window = 3 }).newFollower(t.Context(), run, src)
	must(t, err)
	must(t, cutAll(t.Context(), f))
	must(t, f.list(t.Context()))
	f.queued = 2 // and the server says that it has none
	_, err = f.publish(t.Context())
	must(t, err)
	d, err := f.jobs.Depth(t.Context())
	must(t, err)
	if got := d.Waiting + d.InHand; got > 1 {
		t.Errorf("%d jobs more were queued, want 1", got)
	}
}

// A receipt that is announced and listed at once counts once.
func TestReceiptCountsOnce(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(3)
	run := s.launch(src, spec())
	s.work(run.Pool)
	p, err := s.coordinator(s.rest).Run(within(t), run, src)
	must(t, err)
	f, err := s.coordinator(s.rest).newFollower(t.Context(), run, src)
	must(t, err)
	must(t, f.listParts(t.Context()))
	for shard := range f.byShard {
		must(t, f.takeReceipt(t.Context(), shard, announced))
		must(t, f.takeReceipt(t.Context(), shard, announced))
	}
	if d := cmp.Diff(p, f.snapshot(), sortedFaults); d != "" || !f.finished() {
		t.Errorf("finished %t; progress (-of the run +taken twice):\n%s", f.finished(), d)
	}
}

// A store that fails for a while costs time, and one that fails for long the
// run, with its reason.
func TestStoreIsAway(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(5, 5)
	run := s.launch(src, spec())
	s.work(run.Pool)
	for _, op := range []storetest.Op{storetest.Put, storetest.Create, storetest.Get, storetest.List} {
		s.store.Fail(storetest.Fault{Op: op, N: 4})
	}
	s.store.Fail(storetest.Fault{Op: storetest.List, N: 1}) // at the very start
	p, err := s.coordinator(s.store, func(c *Config) { c.CutTries = 8 }).Run(within(t), run, src)
	must(t, err)
	s.wantAll(run, p, src.want(0))

	other := s.launch(src, spec(func(s *Spec) { s.Recipe.Seed = 5 }))
	c := s.coordinator(s.store, func(c *Config) { c.Reconcile = time.Millisecond })
	f, err := c.newFollower(t.Context(), other, src)
	must(t, err)
	s.store.Fail(storetest.Fault{Op: storetest.List})
	if err := f.look(within(t)); !errors.Is(err, storetest.ErrFault) {
		t.Errorf("a store that is away for long: %v", err)
	}
	if err := f.begin(within(t)); !errors.Is(err, storetest.ErrFault) {
		t.Errorf("a store that is away from the start: %v", err)
	}
}

// A queue that can't store costs time while workers make room in it, and ends
// the run with the reason when nobody does.
func TestQueueThatCanNotStore(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(12)
	run := s.launch(src, spec())
	c := s.coordinator(s.rest)
	must(t, c.Ensure(t.Context(), run.Pool))
	s.limitJobs(t.Context(), 1)
	if _, err := c.Run(within(t), run, src); !errors.Is(err, jetstream.ErrFull) {
		t.Fatalf("the run ended with: %v", err)
	}
	s.work(run.Pool)
	p, err := c.Run(within(t), run, src)
	must(t, err)
	s.wantAll(run, p, src.want(0))
}

func TestEndedRunGivesItsPartsBack(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(5)
	run := s.launch(src, spec())
	ctx, stop := context.WithCancel(within(t))
	s.store.Fail(storetest.Fault{Op: storetest.Put, N: 1, Do: stop, Err: context.Canceled})
	patient := func(c *Config) { c.Lease.AckWait = 5 * time.Minute }
	if _, err := s.coordinator(s.store, patient).Run(ctx, run, src); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	d, err := s.conn.Cuts().Next(within(t)) // at once, not after its lease
	must(t, err)
	if d.Attempt != 2 {
		t.Errorf("attempt %d, want 2", d.Attempt)
	}
	must(t, d.Release(t.Context(), 0))
}

func TestConfig(t *testing.T) {
	good := DefaultConfig()
	good.Spool = "x"
	must(t, good.Validate())
	err := Config{}.Validate()
	for _, field := range []string{"name", "cutters", "tries", "window", "reconcile", "spool", "lease"} {
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(field)) {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
}

// A run that is stopped when its workers have just finished everything has come
// to its end, though it heard of nothing.
func TestStoppedWhenAllIsDone(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(10)
	run := s.launch(src, spec())
	c := s.coordinator(s.rest, func(c *Config) { c.Reconcile = time.Hour })
	ctx, stop := context.WithCancel(within(t))
	defer stop()
	left := 4
	s.work(run.Pool, func(h *hand) {
		h.mute = true
		h.after = func() {
			if left--; left == 0 {
				stop()
			}
		}
	})
	p, err := c.Run(ctx, run, src)
	must(t, err)
	s.wantAll(run, p, src.want(0))
}

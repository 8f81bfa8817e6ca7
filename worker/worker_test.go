package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recaption/internal/embedded"
	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/s3store"
	"recaption/shards/storetest"
	"recaption/worker/vlm"
)

// waitFor waits for a heartbeat of the worker.
func (p *process) waitFor(s *site, want func(schemas.Heartbeat) bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	for b, err := range s.conn.Workers().Watch(ctx) {
		must(p.t, err)
		if b.Name != p.w.cfg.Name || b.Value == nil {
			continue
		}
		h, err := schemas.DecodeHeartbeat(b.Value)
		must(p.t, err)
		if want(h) {
			return
		}
	}
}

// patient is a lease that no test waits for.
var patient = jetstream.Lease{AckWait: 5 * time.Minute, MaxDeliver: 20, MaxPending: 100}

// block makes captions wait. in is closed when the first one does.
func (f *fake) block() (in chan struct{}, let func()) {
	in, free := make(chan struct{}), make(chan struct{})
	var first, last sync.Once
	f.before = func(ctx context.Context, _ string) error {
		first.Do(func() { close(in) })
		select {
		case <-free:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return in, func() { last.Do(func() { close(free) }) }
}

// next takes the job that comes next, which must be there at once.
func (s *site) next() *jetstream.Delivery[schemas.CaptionJob] {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	d, err := s.queue().Next(ctx)
	must(s.t, err)
	return d
}

func TestDrainFinishesWhatIsInHand(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	job := s.job(s.shard(samples(6)), recipeOf(e))
	in, let := e.block()
	s.publish(job)
	p := s.start(e)
	<-in
	p.stop()
	p.waitFor(s, func(b schemas.Heartbeat) bool { return b.Draining && len(b.Jobs) == 1 })
	let()
	p.finish()
	s.rows(job)
	s.event()
	s.wantQueue(0)
}

func TestDrainHandsBackWhatIsNotFinished(t *testing.T) {
	t.Parallel()
	s, e, second := newSite(t), newFake(), newFake()
	s.ensure(patient) // what isn't handed back comes to nobody
	job := s.job(s.shard(samples(6)), recipeOf(e))
	in, _ := e.block()
	s.publish(job)
	p := s.start(e, func(c *Config) { c.Drain = time.Millisecond })
	<-in
	p.finish()
	if files, _ := s.captions(job); files != 0 {
		t.Error("captions of a job that was handed back")
	}
	q := s.start(second)
	s.event()
	q.finish()
	s.rows(job)
	s.wantQueue(0)
}

// lateJobs stops the worker when a job is on its way to it.
type lateJobs struct {
	jobs
	stop func()
}

func (l lateJobs) Next(ctx context.Context) (*jetstream.Delivery[schemas.CaptionJob], error) {
	d, err := l.jobs.Next(ctx)
	l.stop()
	return d, err
}

func TestJobThatComesAtTheLastMomentIsHandedBack(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	s.ensure(patient)
	s.publish(s.job(s.shard(samples(2)), recipeOf(e)))
	ctx, stop := context.WithCancel(t.Context())
	cfg := DefaultConfig()
	cfg.Name, cfg.Spool, cfg.Slots = string(s.pool), t.TempDir(), 1
	w, err := New(s.store, lateJobs{s.queue(), stop}, s.conn, e, cfg, quiet(t))
	must(t, err)
	must(t, w.Run(ctx))
	if d := s.next(); d.Attempt != 2 {
		t.Errorf("attempt %d, want 2", d.Attempt)
	}
	if e.captioned("image 0") != 0 {
		t.Error("it was captioned")
	}
}

func TestLostLeaseIsAbandoned(t *testing.T) {
	t.Parallel()
	s, first, second := newSite(t), newFake(), newFake()
	job := s.job(s.shard(samples(6)), recipeOf(first))
	lost := make(chan error, 6)
	in := make(chan struct{}, 6)
	first.before = func(ctx context.Context, _ string) error {
		in <- struct{}{}
		<-ctx.Done()
		lost <- context.Cause(ctx)
		return ctx.Err()
	}
	s.publish(job)
	jobsConn := connect(t)
	p := s.startOn(s.store, jobsConn, s.conn, first, func(c *Config) { c.Slots = 1 })
	<-in
	_ = jobsConn.Close() // cut off from the server; store and events are not
	if cause := <-lost; !errors.Is(cause, errLeaseLost) {
		t.Errorf("the work ended by: %v", cause)
	}
	if err := <-p.end; !errors.Is(err, jetstream.ErrClosed) {
		t.Errorf("the worker ended with: %v", err)
	} else {
		p.end <- err
	}
	if files, _ := s.captions(job); files != 0 {
		t.Error("captions of a job that was abandoned")
	}
	q := s.start(second)
	s.event()
	q.finish()
	s.rows(job)
	s.wantQueue(0)
}

// A run that comes upon the receipt of another one hears of it at once, though
// that was announced a moment ago: its coordinator may not have listened then.
func TestReceiptOfAnotherRunIsAnnouncedAgain(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	first := s.job(s.shard(samples(3)), recipeOf(e))
	second := first
	second.Run = "run-2"
	second = schemas.NewCaptionJob(second)
	p := s.start(e)
	for _, job := range []schemas.CaptionJob{first, second} {
		s.publish(job)
		if got := s.event(); got.Run != job.Run || got.Shard != job.Shard {
			t.Errorf("event of run %s, shard %s; want run %s, shard %s", got.Run, got.Shard.Short(), job.Run, job.Shard.Short())
		}
	}
	p.finish()
	if n := e.captioned("image 0"); n != 1 {
		t.Errorf("an image was captioned %d times, want once", n)
	}
}

// A job that is delivered again after it was done is announced and acknowledged,
// and not done again.
func TestDuplicateDelivery(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	job := s.job(s.shard(samples(3)), recipeOf(e))
	first := s.do(e, job)[0]
	s.publish(job)
	said := hear(s.conn)
	p := s.startOn(s.store, connect(t), said, e)
	<-said.ready
	p.finish()
	s.wantQueue(0)
	if n := e.captioned("image 0"); n != 1 {
		t.Errorf("captioned %d times", n)
	}
	if d := cmp.Diff(first, s.rows(job)); d != "" {
		t.Errorf("the rows changed: %s", d)
	}
}

// meeting lets two workers come to their receipts before either writes one.
type meeting struct {
	shards.Store
	here *sync.WaitGroup
}

func (m meeting) Create(ctx context.Context, key string, b []byte) error {
	m.here.Done()
	m.here.Wait()
	return m.Store.Create(ctx, key, b)
}

// Of two workers on one shard one commits, and the other announces that one's
// receipt.
func TestTwoWorkersOnOneShard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var here sync.WaitGroup
	here.Add(2)
	said := hear(s.conn)
	var job schemas.CaptionJob
	var wg sync.WaitGroup
	shard := s.shard(samples(5))
	for i := range 2 {
		e := newFake()
		e.text = func(image string, _ int64) string { return fmt.Sprintf("Worker %d sees %s.", i, image) }
		mine := s.job(shard, recipeOf(e))
		job = mine
		cfg := DefaultConfig()
		cfg.Name, cfg.Spool = fmt.Sprintf("w%d", i), t.TempDir()
		w, err := New(meeting{s.rest, &here}, s.queue(), said, e, cfg, quiet(t))
		must(t, err)
		wg.Go(func() {
			h := &hand{job: mine, attempt: 1, rows: map[int]struct{}{}}
			if err := w.do(t.Context(), h, quiet(t)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	r, err := shards.ReadReceipt(t.Context(), s.rest, shards.ReceiptKey(job.Recipe, job.Shard, 0))
	must(t, err)
	for range 2 {
		if e := <-said.ready; e.Attempt != r.Attempt {
			t.Errorf("announced attempt %s, committed %s", e.Attempt, r.Attempt)
		}
	}
	rows := s.rows(job)
	for i, row := range rows {
		if row.Captions[0].Text[:8] != rows[0].Captions[0].Text[:8] {
			t.Errorf("row %d is of another worker: %q", i, row.Captions[0].Text)
		}
	}
}

// A recipe that the engine can't follow fails its rows, once.
func TestRefusedRecipe(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	e.settings = fmt.Errorf("%w: top_k is -1", vlm.ErrSettings)
	rows := samples(3)
	rows[1].Status, rows[1].Reason = schemas.SampleUnusable, schemas.ReasonTruncated
	got := s.do(e, s.job(s.shard(rows), recipeOf(e)))[0]
	want := []string{"a.tar/0000 failed model", "a.tar/0001 unusable truncated", "a.tar/0002 failed model"}
	if d := cmp.Diff(want, brief(got)); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

// What another worker can do is handed back, and rests until that one had the
// time to get there.
func TestJobsOfOthersRest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		job  func(s *site, e *fake) schemas.CaptionJob
	}{
		{"another model", func(s *site, e *fake) schemas.CaptionJob {
			r := recipeOf(e)
			r.Model.Files = map[string]schemas.Digest{"model": schemas.Sum([]byte("another"))}
			return s.job(s.shard(samples(2)), r)
		}},
		{"a newer recipe", func(s *site, e *fake) schemas.CaptionJob {
			job := s.job(s.shard(samples(2)), recipeOf(e))
			b := []byte(`{"kind":"recipe","version":99}`)
			job.Recipe = schemas.RecipeID(schemas.Sum(b).String())
			must(s.t, s.rest.Create(s.t.Context(), shards.RecipeKey(job.Recipe), b))
			return schemas.NewCaptionJob(job)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, e := newSite(t), newFake()
			s.ensure(patient)
			job := test.job(s, e)
			s.publish(job)
			taken := make(chan struct{})
			var once sync.Once
			s.store.Fail(storetest.Fault{Op: storetest.Get, Key: "captions/", N: 1, Err: shards.ErrNotFound, Do: func() { once.Do(func() { close(taken) }) }})
			p := s.start(e)
			<-taken
			p.finish()
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if d, err := s.queue().Next(ctx); err == nil {
				t.Errorf("it came again at once, in attempt %d", d.Attempt)
			}
			s.wantQueue(1)
			if _, receipts := s.captions(job); receipts != 0 {
				t.Error("it was committed")
			}
		})
	}
}

// A store that is away costs no job a delivery, however few it has: the slot
// rests, and the job comes again as new. A drain ends the rest.
func TestStoreThatIsAwayCostsNoDelivery(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	s.ensure(jetstream.Lease{AckWait: 5 * time.Minute, MaxDeliver: 1, MaxPending: 100})
	job := s.job(s.shard(samples(3)), recipeOf(e))
	s.publish(job)
	s.store.Fail(storetest.Fault{Op: storetest.Put, N: 1})
	p := s.start(e, func(c *Config) { c.Slots = 1 })
	s.event()
	p.finish()
	s.rows(job)
	s.wantQueue(0)

	away := s.job(s.shard(samples(4)), recipeOf(e))
	failed := make(chan struct{}, 1)
	s.store.Fail(storetest.Fault{Op: storetest.Put, Do: func() {
		select {
		case failed <- struct{}{}:
		default:
		}
	}})
	s.publish(away)
	p = s.start(e)
	<-failed
	p.finish()
	if d := s.next(); d.Attempt != 1 || d.Job.ID != away.ID {
		t.Errorf("job %s in attempt %d, want %s in the first", d.Job.ID, d.Attempt, away.ID)
	}
}

// An engine that has stopped says nothing about the job: it goes back at once,
// and the worker ends.
func TestStoppedEngineEndsTheWorker(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	s.ensure(patient)
	e.before = failOn("image 1", vlm.ErrStopped)
	s.publish(s.job(s.shard(samples(3)), recipeOf(e)))
	p := s.start(e)
	if err := <-p.end; !errors.Is(err, vlm.ErrStopped) {
		t.Errorf("the worker ended with: %v", err)
	} else {
		p.end <- err
	}
	s.next() // at once
	if n := e.captioned("image 1"); n != 1 {
		t.Errorf("this worker took it %d times", n)
	}
}

// Samples in flight are bounded over all jobs in hand, and come up to the bound.
func TestSamplesInFlightAreBounded(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	const bound = 3
	met := make(chan struct{})
	var mu sync.Mutex
	n := 0
	e.before = func(ctx context.Context, _ string) error {
		mu.Lock()
		if n++; n == bound {
			close(met)
		}
		mu.Unlock()
		select {
		case <-met:
			for range 100 { // others get their chance to come too
				runtime.Gosched()
			}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	jobs := []schemas.CaptionJob{s.job(s.shard(samples(9)), recipeOf(e)), s.job(s.shard(samples(10)), recipeOf(e))}
	s.publish(jobs...)
	p := s.start(e, func(c *Config) { c.Samples = bound })
	s.event()
	s.event()
	p.finish()
	if e.most != bound {
		t.Errorf("%d samples in flight at most, want %d", e.most, bound)
	}
}

// An attempt whose context ends when all is read gives no rows.
func TestNoRowsOfABrokenOffAttempt(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	job := s.job(s.shard(samples(4)), recipeOf(e))
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Add(4)
	e.before = func(ctx context.Context, _ string) error {
		all.Done()
		<-ctx.Done()
		return ctx.Err()
	}
	go func() { all.Wait(); cancel() }()
	cfg := DefaultConfig()
	cfg.Spool = t.TempDir()
	w, err := New(s.rest, s.queue(), s.conn, e, cfg, quiet(t))
	must(t, err)
	c, err := w.captioner(t.Context(), job, &stages{})
	must(t, err)
	if _, err := w.captionRows(ctx, &hand{job: job, rows: map[int]struct{}{}}, c); !errors.Is(err, context.Canceled) {
		t.Errorf("rows of an attempt that was broken off: %v", err)
	}
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	job := s.job(s.shard(samples(3)), recipeOf(e))
	in, let := e.block()
	s.publish(job)
	p := s.start(e, func(c *Config) { c.Heartbeat = 10 * time.Millisecond })
	<-in
	p.waitFor(s, func(b schemas.Heartbeat) bool {
		want := schemas.Heartbeat{
			Kind: "heartbeat", Version: 1, Worker: p.w.cfg.Name, Program: "test",
			Jobs: []schemas.JobInHand{{Job: job.ID, Shard: job.Shard, Attempt: 1, Rows: []schemas.RowRange{{From: 0, To: 3}}}},
		}
		return cmp.Equal(want, b)
	})
	let()
	p.waitFor(s, func(b schemas.Heartbeat) bool { return len(b.Jobs) == 0 })
	p.finish()
	all, err := s.conn.Workers().List(t.Context())
	must(t, err)
	for _, b := range all {
		if b.Name == p.w.cfg.Name && b.Value != nil {
			t.Errorf("it left without a farewell: %s", b.Value)
		}
	}
}

// The whole with real parts: the S3 gateway, the server and the engine.
func TestOnS3(t *testing.T) {
	t.Parallel()
	g, err := embedded.StartS3(t.Context(), t.TempDir(), embedded.WithoutSync())
	must(t, err)
	t.Cleanup(func() { must(t, g.Close()) })
	cfg := s3store.DefaultConfig()
	cfg.Endpoint, cfg.Bucket, cfg.Region, cfg.PathStyle = g.Endpoint, g.Bucket, g.Region, true
	cfg.AccessKey, cfg.SecretKey = g.AccessKey, g.SecretKey
	st, err := s3store.Open(t.Context(), cfg)
	must(t, err)
	t.Cleanup(st.Close)
	s := newSite(t)
	var rows []schemas.Sample
	for i := range 6 {
		b, err := os.ReadFile(fmt.Sprintf("vlm/testdata/tiny/images/%02d.png", i))
		must(t, err)
		rows = append(rows, sample(i, b))
	}
	job := jobIn(t, st, s.pool, s.data, writeShard(t, st, s.data, rows), recipeOf(tiny))
	s.publish(job)
	p := s.startOn(st, connect(t), nil, tiny)
	s.event()
	p.finish()
	s.wantQueue(0)
	for i, r := range readRows(t, st, job) {
		if r.Status == schemas.RowFailed || r.Captions[0].Tokens == 0 {
			t.Errorf("row %d: %s %s", i, r.Status, r.Reason)
		}
	}
}

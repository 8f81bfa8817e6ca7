package coordinator

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"recaption/coordinator/source"
	"recaption/gate"
	"recaption/internal/embedded"
	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/memstore"
	"recaption/shards/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is what a test works on: a store that can fail and a server of its own.
type site struct {
	t      *testing.T
	rest   *memstore.Store
	store  *storetest.Faults
	server jetstream.Config
	conn   *jetstream.Conn
}

func newSite(t *testing.T) *site {
	t.Helper()
	n, err := embedded.StartNATS(t.Context(), t.TempDir(), embedded.WithoutSync())
	must(t, err)
	t.Cleanup(func() { must(t, n.Close()) })
	st := memstore.New()
	s := &site{t: t, rest: st, store: storetest.NewFaults(st), server: jetstream.Config{URL: n.URL, Name: "test", User: n.User, Password: n.Password}}
	s.conn = s.connect()
	return s
}

func (s *site) connect() *jetstream.Conn {
	s.t.Helper()
	c, err := jetstream.Connect(s.t.Context(), s.server, quiet(s.t))
	must(s.t, err)
	s.t.Cleanup(func() { must(s.t, c.Close()) })
	return c
}

func quiet(t testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// listed is a source in memory: of each part its samples.
type listed struct {
	parts [][]schemas.Sample
	fail  map[int]error // of parts, before their first sample
	alter string        // put before every alt-text
}

func (l *listed) Format() source.Format { return source.WebDataset }

func (l *listed) Parts(context.Context) iter.Seq2[source.Part, error] {
	return func(yield func(source.Part, error) bool) {
		for i := range l.parts {
			p := source.Part{ID: schemas.PartID(fmt.Sprintf("%08d-part", i)), Location: fmt.Sprintf("%d.tar", i), Fingerprint: fmt.Sprint(len(l.parts[i]))}
			if !yield(p, nil) {
				return
			}
		}
	}
}

func (l *listed) Read(ctx context.Context, p source.Part, _ *source.Report) iter.Seq2[schemas.Sample, error] {
	return func(yield func(schemas.Sample, error) bool) {
		var n int
		if _, err := fmt.Sscanf(string(p.ID), "%d-part", &n); err != nil {
			yield(schemas.Sample{}, err)
			return
		}
		if err := l.fail[n]; err != nil {
			yield(schemas.Sample{}, err)
			return
		}
		for _, s := range l.parts[n] {
			if err := ctx.Err(); err != nil {
				yield(schemas.Sample{}, err)
				return
			}
			if l.alter != "" {
				alt := l.alter + *s.AltText
				s.AltText = &alt
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}

// parts makes a source of parts of so many samples. Every seventh is unusable.
func parts(sizes ...int) *listed {
	l := &listed{}
	for p, n := range sizes {
		var rows []schemas.Sample
		for i := range n {
			alt, image := fmt.Sprintf("alt-text %d", i), fmt.Appendf(nil, "image %d %d", p, i)
			s := schemas.Sample{
				Key: fmt.Sprintf("%d.tar/%04d", p, i), Image: image, ImageSHA256: schemas.Sum(image), MediaType: "image/png",
				AltText: &alt, Status: schemas.SampleOK,
			}
			if i%7 == 6 {
				s.Image, s.ImageSHA256, s.Status, s.Reason = nil, schemas.Digest{}, schemas.SampleUnusable, schemas.ReasonNoImage
			}
			rows = append(rows, s)
		}
		l.parts = append(l.parts, rows)
	}
	return l
}

func spec(change ...func(*Spec)) Spec {
	s := Spec{
		Dataset: "birds", Source: "birds/", Cut: schemas.CutLimits{Rows: 3, Bytes: 1 << 20}, Pool: "pool", Gate: schemas.DefaultGate(),
		Recipe: schemas.Recipe{
			Model:   schemas.Model{Family: "fake", Files: map[string]schemas.Digest{"model": schemas.Sum([]byte("fake"))}},
			Prompts: []schemas.Prompt{{Name: "plain", Text: "<image>"}}, CaptionsPerImage: 1, InputLimit: 64,
		},
	}
	for _, f := range change {
		f(&s)
	}
	return s
}

func (s *site) launch(src source.Source, sp Spec) Run {
	s.t.Helper()
	run, err := Launch(s.t.Context(), s.rest, src, sp)
	must(s.t, err)
	return run
}

func (s *site) coordinator(st shards.Store, change ...func(*Config)) *Coordinator {
	s.t.Helper()
	cfg := DefaultConfig()
	cfg.Spool, cfg.CutTries, cfg.Reconcile = s.t.TempDir(), 2, 20*time.Millisecond
	cfg.Lease = jetstream.Lease{AckWait: time.Second, MaxDeliver: 5, MaxPending: 100}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(st, s.conn, cfg, quiet(s.t))
	must(s.t, err)
	return c
}

// within bounds a test that waits for a run's end.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// hand is what a worker is to a coordinator: it takes jobs, commits, announces
// and acknowledges. Its captions follow from the samples.
type hand struct {
	s     *site
	conn  *jetstream.Conn
	mute  bool                              // it announces nothing
	first func(job schemas.CaptionJob) bool // whether it does a job; nil: all. Others it hands back
	after func()                            // a job that was done
	lose  func(job schemas.CaptionJob) bool // whether it takes a job off the queue without doing it; nil: none

	mu   sync.Mutex // guards done
	done map[schemas.ShardID]int
}

// work starts a worker of the pool until the test ends.
func (s *site) work(pool schemas.Pool, change ...func(*hand)) *hand {
	s.t.Helper()
	h := &hand{s: s, conn: s.connect(), done: map[schemas.ShardID]int{}}
	for _, f := range change {
		f(h)
	}
	q, err := h.conn.Jobs(pool)
	must(s.t, err)
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			d, err := q.Next(ctx)
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				err = h.do(ctx, d)
			}
			if err != nil && ctx.Err() == nil && !passing(err) {
				s.t.Errorf("worker: %v", err)
				return
			}
		}
	})
	s.t.Cleanup(func() { stop(); wg.Wait() })
	return h
}

func (h *hand) do(ctx context.Context, d *jetstream.Delivery[schemas.CaptionJob]) error {
	if h.first != nil && !h.first(d.Job) {
		return d.Release(ctx, 20*time.Millisecond)
	}
	if h.lose != nil && h.lose(d.Job) {
		return d.Reject(ctx, "lost")
	}
	r, err := shards.ReadReceipt(ctx, h.s.rest, shards.ReceiptKey(d.Job.Recipe, d.Job.Shard, 0))
	if errors.Is(err, shards.ErrNotFound) {
		r, err = h.commit(ctx, d.Job)
	}
	if err != nil && !errors.Is(err, shards.ErrExists) {
		return err
	}
	if !h.mute {
		if err := h.conn.Announce(ctx, r.Ready()); err != nil {
			return err
		}
	}
	if err := d.Ack(ctx); err != nil {
		return err
	}
	if h.after != nil {
		h.after()
	}
	return nil
}

func (h *hand) commit(ctx context.Context, job schemas.CaptionJob) (schemas.Receipt, error) {
	rows := make([]schemas.CaptionRow, job.File.Rows)
	spec, err := shards.ReadGate(ctx, h.s.rest, job.Gate)
	if err != nil {
		return schemas.Receipt{}, err
	}
	g, err := gate.New(spec, nil)
	if err != nil {
		return schemas.Receipt{}, err
	}
	tally := g.Tally()
	err = shards.ReadableSamples(ctx, h.s.rest, job, func(s shards.NumberedSample) error {
		row := schemas.CaptionRow{Key: s.Key, ImageSHA256: s.ImageSHA256, Status: schemas.RowStatus(s.Status), Reason: s.Reason}
		if s.Status == schemas.SampleOK {
			row.Status = schemas.RowCaptioned
			row.Captions = []schemas.Caption{{Text: "Four words of " + s.Key, Prompt: "plain", Tokens: 5, Finish: schemas.FinishStop}}
		}
		rows[s.Row] = row
		tally.Add(s.AltText, row)
		return nil
	})
	if err != nil {
		return schemas.Receipt{}, err
	}
	a := shards.NewAttempt("hand", "test", h.s.t.TempDir())
	file, err := a.WriteCaptions(ctx, h.s.rest, job, schemas.Sum([]byte("model")), rows)
	if err != nil {
		return schemas.Receipt{}, err
	}
	r := a.Receipt(job, file)
	tally.Into(&r)
	r.Seconds = map[string]float64{"generate": 0.5}
	h.mu.Lock()
	h.done[job.Shard]++
	h.mu.Unlock()
	return shards.CommitReceipt(ctx, h.s.rest, r)
}

// captioned is how often any shard was captioned, and the most for one.
func (h *hand) captioned() (all, most int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.done {
		all += n
		most = max(most, n)
	}
	return all, most
}

// keys gives all rows of a run by their keys, in the source's order, and holds
// what rests against the invariants: each shard of the parts has its receipt,
// whose objects are there, with every row of the sample shard once; and the
// progress is what a recount of the store gives.
func (s *site) keys(run Run, p Progress) []string {
	s.t.Helper()
	ctx := s.t.Context()
	var keys []string
	again := newProgress()
	d := run.Dataset
	for o, err := range s.rest.List(ctx, shards.PartsPrefix(d.Dataset, d.Revision), "") {
		must(s.t, err)
		record, err := shards.ReadPart(ctx, s.rest, o.Key)
		must(s.t, err)
		again.addPart(record)
		for _, shard := range record.Shards {
			sampleKey := shards.SampleShardKey(d.Dataset, shard.ID)
			must(s.t, shards.Verify(ctx, s.rest, sampleKey, shard.File))
			r, err := shards.ReadReceipt(ctx, s.rest, shards.ReceiptKey(run.Recipe, shard.ID, 0))
			must(s.t, err)
			again.addReceipt(r)
			captions := shards.CaptionsKey(r.Recipe, r.Shard, 0, r.Attempt)
			must(s.t, shards.Verify(ctx, s.rest, captions, r.File))
			f, err := shards.Open(ctx, s.rest, captions, r.File)
			must(s.t, err)
			n := 0
			for c, err := range f.Captions(ctx) {
				must(s.t, err)
				keys = append(keys, c.Key)
				n++
			}
			if n != shard.File.Rows {
				s.t.Errorf("shard %s: %d rows of captions for %d samples", shard.ID.Short(), n, shard.File.Rows)
			}
		}
	}
	again.Parts = p.Parts
	if run.Gate == s.gateOf(run) {
		if d := cmp.Diff(again, p, sortedFaults); d != "" {
			s.t.Errorf("progress (-recounted +folded):\n%s", d)
		}
	}
	return keys
}

// gateOf is the gate of the receipts of a run's shards.
func (s *site) gateOf(run Run) schemas.GateID {
	for o, err := range s.rest.List(s.t.Context(), shards.CaptionsPrefix(run.Recipe), "") {
		must(s.t, err)
		if strings.HasSuffix(o.Key, ".json") {
			r, err := shards.ReadReceipt(s.t.Context(), s.rest, o.Key)
			must(s.t, err)
			return r.Gate
		}
	}
	return run.Gate
}

var sortedFaults = cmp.Transformer("byReason", func(fs []schemas.Fault) map[schemas.Reason]schemas.Fault {
	m := map[schemas.Reason]schemas.Fault{}
	for _, f := range fs {
		m[f.Reason] = f
	}
	return m
})

// want gives the keys of the first n samples of a source, of all for n = 0.
func (l *listed) want(n int) []string {
	var keys []string
	for _, p := range l.parts {
		for _, s := range p {
			if n == 0 || len(keys) < n {
				keys = append(keys, s.Key)
			}
		}
	}
	return keys
}

// wantAll checks that each sample of the source rests once, with its captions.
func (s *site) wantAll(run Run, p Progress, want []string) {
	s.t.Helper()
	if d := cmp.Diff(want, s.keys(run, p)); d != "" {
		s.t.Errorf("samples (-want +got):\n%s", d)
	}
	if p.Rows != len(want) || p.Samples != len(want) || p.ShardsDone != p.Shards {
		s.t.Errorf("progress: %d rows of %d samples, %d shards of %d; want %d rows", p.Rows, p.Samples, p.ShardsDone, p.Shards, len(want))
	}
	if r, err := shards.ReadRun(s.t.Context(), s.rest, run.ID, 1); err != nil || r.State != schemas.RunEnded {
		s.t.Errorf("the run's last record: %v %v", r.State, err)
	}
}

// objects is how many objects rest.
func (s *site) objects() int {
	n := 0
	for _, err := range s.rest.List(s.t.Context(), "", "") {
		must(s.t, err)
		n++
	}
	return n
}

package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"recaption/internal/embedded"
	"recaption/internal/jetstream"
	"recaption/internal/ort"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/memstore"
	"recaption/shards/storetest"
	"recaption/worker/vlm"
)

// TestMain gives all tests one NATS server and one real engine. A machine
// without the runtime's library fails here, with the remedy.
func TestMain(m *testing.M) {
	embedded.Main() // this program is the S3 gateway too
	if err := ort.Open(""); err != nil {
		fmt.Fprintln(os.Stderr, err, "(make test fetches it)")
		os.Exit(1)
	}
	code, err := withServices(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var (
	server jetstream.Config
	tiny   *vlm.Engine // of testdata/tiny
)

func withServices(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "worker-test-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	n, err := embedded.StartNATS(context.Background(), dir, embedded.WithoutSync())
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	server = jetstream.Config{URL: n.URL, Name: "test", User: n.User, Password: n.Password}
	if tiny, err = vlm.Open("vlm/testdata/tiny", vlm.DefaultConfig()); err != nil {
		return 0, err
	}
	defer tiny.Close()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if end := tiny.Run(ctx); !errors.Is(end, context.Canceled) {
			fmt.Fprintln(os.Stderr, end)
		}
	})
	defer wg.Wait()
	defer cancel()
	return run(), nil
}

// openTiny gives the real engine with batches of another size.
func openTiny(t *testing.T, batch int) *vlm.Engine {
	t.Helper()
	cfg := vlm.DefaultConfig()
	cfg.BatchSize = batch
	e, err := vlm.Open("vlm/testdata/tiny", cfg)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait(); e.Close() })
	return e
}

// lease is short, but for a machine with other things to do.
var lease = jetstream.Lease{AckWait: 1500 * time.Millisecond, MaxDeliver: 20, MaxPending: 100}

// site is what a test works on: a store that can fail, and a pool and a dataset
// of its own.
type site struct {
	t      *testing.T
	rest   *memstore.Store
	store  *storetest.Faults
	conn   *jetstream.Conn
	pool   schemas.Pool
	data   schemas.DatasetID
	events *jetstream.Events
}

func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteOf(t, "")
}

func newSiteOf(t *testing.T, part string) *site {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-", " ", "-", ",", "").Replace(t.Name() + part))
	if len(name) > 60 {
		name = name[:40] + schemas.Sum([]byte(name)).String()[:12]
	}
	st := memstore.New()
	s := &site{t: t, rest: st, store: storetest.NewFaults(st), pool: schemas.Pool(name), data: schemas.DatasetID(name), conn: connect(t)}
	must(t, s.conn.EnsureStreams(t.Context(), jetstream.DefaultLayout()))
	s.ensure(lease)
	var err error
	s.events, err = s.conn.Subscribe(t.Context(), name, jetstream.Follow{Dataset: s.data})
	must(t, err)
	if _, err := s.events.Next(t.Context()); !errors.Is(err, jetstream.ErrMissed) {
		t.Fatalf("first event: %v", err)
	}
	return s
}

func (s *site) queue() *jetstream.Queue[schemas.CaptionJob] {
	q, err := s.conn.Jobs(s.pool)
	must(s.t, err)
	return q
}

func (s *site) ensure(l jetstream.Lease) { must(s.t, s.queue().Ensure(s.t.Context(), l)) }

func connect(t testing.TB) *jetstream.Conn {
	t.Helper()
	c, err := jetstream.Connect(t.Context(), server, quiet(t))
	must(t, err)
	t.Cleanup(func() { _ = c.Close() }) // a crash may have closed it
	return c
}

func quiet(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// samples makes n of them, ok all, with images that only the fake engine reads.
func samples(n int) []schemas.Sample {
	out := make([]schemas.Sample, n)
	for i := range out {
		out[i] = sample(i, fmt.Appendf(nil, "image %d", i))
	}
	return out
}

func sample(i int, image []byte) schemas.Sample {
	alt := fmt.Sprintf("alt-text %d", i)
	return schemas.Sample{
		Key: fmt.Sprintf("a.tar/%04d", i), Image: image, ImageSHA256: schemas.Sum(image), MediaType: "image/png",
		AltText: &alt, Status: schemas.SampleOK,
	}
}

// shard writes a sample shard in batches of four rows.
func (s *site) shard(rows []schemas.Sample) schemas.Shard {
	return writeShard(s.t, s.rest, s.data, rows)
}

func writeShard(t testing.TB, st shards.Store, d schemas.DatasetID, rows []schemas.Sample) schemas.Shard {
	t.Helper()
	cfg := shards.DefaultWriterConfig()
	cfg.Dir, cfg.BatchRows = t.TempDir(), 4
	w, err := shards.NewSampleWriter(cfg, map[string]string{schemas.MetaDataset: string(d)})
	must(t, err)
	defer w.Abort()
	for _, r := range rows {
		must(t, w.Append(r))
	}
	shard, err := w.Commit(t.Context(), st, d)
	must(t, err)
	return shard
}

// recipeOf is a plain recipe for an engine's model.
func recipeOf(e Engine) schemas.Recipe {
	return schemas.Recipe{
		Model: e.Model(), Generation: map[string]any{"max_new_tokens": 12},
		Prompts:          []schemas.Prompt{{Name: "grounded", Text: "<image><alt>{alt_text}<caption>"}, {Name: "plain", Text: "<image><alt><caption>"}},
		CaptionsPerImage: 1, Seed: 3, InputLimit: 64,
	}
}

// job commits recipe and gate, and makes a job of the shard.
func (s *site) job(shard schemas.Shard, r schemas.Recipe) schemas.CaptionJob {
	return jobIn(s.t, s.rest, s.pool, s.data, shard, r)
}

func jobIn(t testing.TB, st shards.Store, p schemas.Pool, d schemas.DatasetID, shard schemas.Shard, r schemas.Recipe) schemas.CaptionJob {
	t.Helper()
	recipe, recipeID, err := r.Encode()
	must(t, err)
	gate, gateID, err := schemas.DefaultGate().Encode()
	must(t, err)
	_, err = shards.Commit(t.Context(), st, shards.RecipeKey(recipeID), recipe)
	must(t, err)
	_, err = shards.Commit(t.Context(), st, shards.GateKey(gateID), gate)
	must(t, err)
	return schemas.NewCaptionJob(schemas.CaptionJob{
		Run: "run-1", Pool: p, Dataset: d, Shard: shard.ID, File: shard.File, Recipe: recipeID, Gate: gateID,
	})
}

func (s *site) publish(jobs ...schemas.CaptionJob) {
	s.t.Helper()
	for _, j := range jobs {
		must(s.t, s.queue().Publish(s.t.Context(), j))
	}
}

// event waits for the next event.
func (s *site) event() schemas.ShardReady {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	for {
		e, err := s.events.Next(ctx)
		if errors.Is(err, jetstream.ErrMissed) {
			continue
		}
		must(s.t, err)
		must(s.t, e.Ack(ctx))
		return e.Ready
	}
}

// wantQueue checks how many jobs are queued or in hand.
func (s *site) wantQueue(want int) {
	s.t.Helper()
	d, err := s.queue().Depth(s.t.Context())
	must(s.t, err)
	if d.Waiting+d.InHand != want {
		s.t.Errorf("the queue holds %d waiting and %d in hand, want %d", d.Waiting, d.InHand, want)
	}
}

// rows reads the rows that a job's receipt commits, and holds them against the
// invariants: one receipt, whose objects are there, with every row of the
// sample shard once, in order, with a status.
func (s *site) rows(job schemas.CaptionJob) []schemas.CaptionRow {
	s.t.Helper()
	return readRows(s.t, s.rest, job)
}

func readRows(t testing.TB, st shards.Store, job schemas.CaptionJob) []schemas.CaptionRow {
	t.Helper()
	ctx := t.Context()
	r, err := shards.ReadReceipt(ctx, st, shards.ReceiptKey(job.Recipe, job.Shard, job.Generation))
	must(t, err)
	key := shards.CaptionsKey(r.Recipe, r.Shard, r.Generation, r.Attempt)
	must(t, shards.Verify(ctx, st, key, r.File))
	f, err := shards.Open(ctx, st, key, r.File)
	must(t, err)
	var rows []schemas.CaptionRow
	counts := map[schemas.RowStatus]int{}
	for c, err := range f.Captions(ctx) {
		must(t, err)
		if c.Row != len(rows) {
			t.Fatalf("row %d comes as the %dth", c.Row, len(rows))
		}
		counts[c.Status]++
		rows = append(rows, c.CaptionRow)
	}
	if len(rows) != job.File.Rows || r.File.Rows != job.File.Rows {
		t.Fatalf("%d rows for %d samples", len(rows), job.File.Rows)
	}
	for status, n := range counts {
		if r.Statuses[status] != n {
			t.Errorf("the receipt counts %d %s, the rows are %d", r.Statuses[status], status, n)
		}
	}
	return rows
}

// worker is a worker with a connection of its own, as a process has.
type process struct {
	t    *testing.T
	w    *Worker
	conn *jetstream.Conn
	stop context.CancelFunc
	end  chan error
}

// start runs a worker until its end, or the test's.
func (s *site) start(e Engine, change ...func(*Config)) *process {
	s.t.Helper()
	return s.startOn(s.store, connect(s.t), nil, e, change...)
}

func (s *site) startOn(st shards.Store, c *jetstream.Conn, said conn, e Engine, change ...func(*Config)) *process {
	s.t.Helper()
	cfg := DefaultConfig()
	cfg.Name, cfg.Spool, cfg.Program = string(s.pool), s.t.TempDir(), "test"
	for _, f := range change {
		f(&cfg)
	}
	q, err := c.Jobs(s.pool)
	must(s.t, err)
	if said == nil {
		said = c
	}
	w, err := New(st, q, said, e, cfg, quiet(s.t).With("worker", cfg.Name))
	must(s.t, err)
	ctx, stop := context.WithCancel(context.Background())
	p := &process{t: s.t, w: w, conn: c, stop: stop, end: make(chan error, 1)}
	go func() { p.end <- w.Run(ctx) }()
	s.t.Cleanup(func() { _ = p.wait() })
	return p
}

// wait stops the worker and gives how it ended; again and again, if asked so.
func (p *process) wait() error {
	p.stop()
	err := <-p.end
	p.end <- err
	return err
}

// finish stops the worker, which must end well.
func (p *process) finish() {
	p.t.Helper()
	must(p.t, p.wait())
}

// do has one worker do jobs, and gives their rows.
func (s *site) do(e Engine, jobs ...schemas.CaptionJob) [][]schemas.CaptionRow {
	s.t.Helper()
	s.publish(jobs...)
	p := s.start(e)
	var all [][]schemas.CaptionRow
	for range jobs {
		s.event()
	}
	p.finish()
	s.wantQueue(0)
	for _, j := range jobs {
		all = append(all, s.rows(j))
	}
	return all
}

package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"recaption/internal/embedded"
	"recaption/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const pool = schemas.Pool("gpu")

// short is a lease for tests that wait for its end.
var short = Lease{AckWait: 300 * time.Millisecond, MaxDeliver: 5, MaxPending: 100}

func logTo(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// serve starts the embedded server and gives what it takes to connect.
func serve(t testing.TB, dir string, opts ...embedded.Option) Config {
	t.Helper()
	n, err := embedded.StartNATS(t.Context(), dir, append(opts, embedded.Log(logTo(t)))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return Config{URL: n.URL, Name: t.Name(), User: n.User, Password: n.Password}
}

func connect(t testing.TB, cfg Config) *Conn {
	t.Helper()
	c, err := Connect(t.Context(), cfg, logTo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// start gives a connection to a server of its own that has the streams.
func start(t testing.TB) *Conn {
	t.Helper()
	c := connect(t, serve(t, t.TempDir(), embedded.WithoutSync()))
	if err := c.EnsureStreams(t.Context(), DefaultLayout()); err != nil {
		t.Fatal(err)
	}
	return c
}

// jobs gives the queue of the pool on the terms l.
func jobs(t testing.TB, c *Conn, l Lease) *Queue[schemas.CaptionJob] {
	t.Helper()
	q, err := c.Jobs(pool)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Ensure(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	return q
}

// job makes the n-th caption job.
func job(n int) schemas.CaptionJob {
	sum := schemas.Sum(fmt.Append(nil, n))
	return schemas.NewCaptionJob(schemas.CaptionJob{
		Run: "run-1", Pool: pool, Dataset: "scenes",
		Shard:  schemas.ShardID(sum.String()),
		Recipe: schemas.RecipeID(schemas.Sum([]byte("recipe")).String()),
		Gate:   schemas.GateID(schemas.Sum([]byte("gate")).String()),
		File: schemas.File{
			SHA256: sum, Bytes: 100, Rows: 1,
			Footer:  schemas.Block{Offset: 60, Bytes: 40, SHA256: sum},
			Batches: []schemas.Batch{{Block: schemas.Block{Bytes: 60, SHA256: sum}, Rows: 1}},
		},
	})
}

// ready makes the event of the n-th shard.
func ready(n int) schemas.ShardReady {
	j := job(n)
	return schemas.ShardReady{
		Kind: "shard_ready", Version: 1,
		Dataset: j.Dataset, Run: j.Run, Shard: j.Shard, Recipe: j.Recipe,
		Attempt: "0123456789abcdef", Rows: 1, Accepted: 1,
	}
}

func publish(t testing.TB, q *Queue[schemas.CaptionJob], ns ...int) {
	t.Helper()
	for _, n := range ns {
		if err := q.Publish(t.Context(), job(n)); err != nil {
			t.Fatal(err)
		}
	}
}

// next takes the next job and checks which one it is and in which attempt.
func next(t testing.TB, q *Queue[schemas.CaptionJob], n, attempt int) *Delivery[schemas.CaptionJob] {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	d, err := q.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if d.Job.ID != job(n).ID || d.Attempt != attempt {
		t.Fatalf("got job %s in attempt %d, want job %d, %s, in attempt %d", d.Job.ID, d.Attempt, n, job(n).ID, attempt)
	}
	return d
}

// wantNone checks that no job comes for d.
func wantNone(t testing.TB, q *Queue[schemas.CaptionJob], d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if got, err := q.Next(ctx); err == nil {
		t.Fatalf("got job %s in attempt %d, want none", got.Job.ID, got.Attempt)
	}
}

// wantDepth waits until the queue has the depth: a server counts what waits for
// a consumer a moment after the message is on its disk.
func wantDepth(t testing.TB, q *Queue[schemas.CaptionJob], want Depth) {
	t.Helper()
	deadline, tick := time.After(5*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		got, err := q.Depth(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got == want {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("depth %+v, want %+v", got, want)
		case <-tick.C:
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

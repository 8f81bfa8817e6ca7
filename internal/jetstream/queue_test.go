package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"recaption/schemas"
)

func TestJobPassesThrough(t *testing.T) {
	q := jobs(t, start(t), short)
	publish(t, q, 1)
	wantDepth(t, q, Depth{Waiting: 1})
	d := next(t, q, 1, 1)
	if diff := cmp.Diff(job(1), d.Job); diff != "" {
		t.Errorf("job (-published +taken):\n%s", diff)
	}
	if d.Lease != short.AckWait {
		t.Errorf("lease %s, want %s", d.Lease, short.AckWait)
	}
	wantDepth(t, q, Depth{InHand: 1})
	must(t, d.Ack(t.Context()))
	wantDepth(t, q, Depth{})
	for name, again := range map[string]error{
		"ack": d.Ack(t.Context()), "release": d.Release(t.Context(), 0),
		"reject": d.Reject(t.Context(), "why"), "extend": d.Extend(t.Context()),
	} {
		if !errors.Is(again, ErrSettled) {
			t.Errorf("%s after the verdict: %v, want %v", name, again, ErrSettled)
		}
	}
	wantNone(t, q, 2*short.AckWait)
}

func TestOneMessageOnASubject(t *testing.T) {
	q := jobs(t, start(t), short)
	publish(t, q, 1)
	again := func(when string) {
		t.Helper()
		if err := q.Publish(t.Context(), job(1)); !errors.Is(err, ErrQueued) {
			t.Errorf("publish %s: %v, want %v", when, err, ErrQueued)
		}
	}
	again("a job that waits")
	d := next(t, q, 1, 1)
	again("a job in hand")
	must(t, d.Ack(t.Context()))
	publish(t, q, 1) // done, and wanted again: no window of message IDs refuses it
	d = next(t, q, 1, 1)
	must(t, d.Reject(t.Context(), "no use"))
	publish(t, q, 1)
}

func TestManyPublishersQueueOnce(t *testing.T) {
	q := jobs(t, start(t), short)
	const publishers = 16
	var wg sync.WaitGroup
	errs := make([]error, publishers)
	for i := range publishers {
		wg.Go(func() { errs[i] = q.Publish(t.Context(), job(1)) })
	}
	wg.Wait()
	stored := 0
	for _, err := range errs {
		if err == nil {
			stored++
		} else if !errors.Is(err, ErrQueued) {
			t.Error(err)
		}
	}
	if stored != 1 {
		t.Errorf("%d of %d publishers queued the job, want 1", stored, publishers)
	}
	wantDepth(t, q, Depth{Waiting: 1})
}

func TestLeaseRunsOut(t *testing.T) {
	q := jobs(t, start(t), short)
	publish(t, q, 1)
	late := next(t, q, 1, 1)
	d := next(t, q, 1, 2) // comes when the lease of the first has run out
	// The late holder committed after all: its word ends the job for both.
	must(t, late.Ack(t.Context()))
	must(t, d.Ack(t.Context()))
	wantDepth(t, q, Depth{})
	wantNone(t, q, 2*short.AckWait)
}

func TestExtendKeepsTheLease(t *testing.T) {
	q := jobs(t, start(t), short)
	publish(t, q, 1)
	d := next(t, q, 1, 1)
	for range 8 { // more than two leases
		tick := time.NewTimer(short.AckWait / 3)
		<-tick.C
		must(t, d.Extend(t.Context()))
	}
	wantDepth(t, q, Depth{InHand: 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("next with an ended context: %v, want %v", err, context.Canceled)
	}
	must(t, d.Ack(t.Context()))
}

func TestRelease(t *testing.T) {
	q := jobs(t, start(t), Lease{AckWait: time.Minute, MaxDeliver: 5, MaxPending: 10})
	publish(t, q, 1)
	must(t, next(t, q, 1, 1).Release(t.Context(), 0))
	d := next(t, q, 1, 2)
	const delay = 400 * time.Millisecond
	begin := time.Now()
	must(t, d.Release(t.Context(), delay))
	d = next(t, q, 1, 3)
	if took := time.Since(begin); took < delay {
		t.Errorf("came back after %s, want %s or more", took, delay)
	}
	must(t, d.Ack(t.Context()))
}

func TestRejectRemovesAndSaysWhy(t *testing.T) {
	c := start(t)
	q := jobs(t, c, short)
	advisory, err := c.nc.SubscribeSync("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.JOBS." + string(pool))
	must(t, err)
	must(t, c.nc.Flush())
	publish(t, q, 1)
	must(t, next(t, q, 1, 1).Reject(t.Context(), "shard is corrupt"))
	wantDepth(t, q, Depth{})
	m, err := advisory.NextMsgWithContext(t.Context())
	must(t, err)
	if !strings.Contains(string(m.Data), "shard is corrupt") {
		t.Errorf("advisory %s: want the reason", m.Data)
	}
	wantNone(t, q, 2*short.AckWait)
}

// Two workers, each with two slots, on one queue: every job is done once, and
// no slot holds a job that it doesn't work on.
func TestWorkersShareAQueue(t *testing.T) {
	cfg := serve(t, t.TempDir())
	c := connect(t, cfg)
	must(t, c.EnsureStreams(t.Context(), DefaultLayout()))
	q := jobs(t, c, Lease{AckWait: time.Minute, MaxDeliver: 5, MaxPending: 3})
	const n = 60
	for i := range n {
		publish(t, q, i)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	done, inHand, most := map[schemas.JobID]int{}, 0, 0
	var wg sync.WaitGroup
	for range 2 {
		own := connect(t, cfg)
		q, err := own.Jobs(pool)
		must(t, err)
		for range 2 {
			wg.Go(func() {
				for {
					d, err := q.Next(ctx)
					if err != nil {
						if !errors.Is(err, context.Canceled) {
							t.Error(err)
						}
						return
					}
					mu.Lock()
					inHand++
					most = max(most, inHand)
					mu.Unlock()
					if err := d.Extend(ctx); err != nil {
						t.Error(err)
					}
					mu.Lock()
					inHand--
					done[d.Job.ID]++
					all := len(done) == n
					mu.Unlock()
					if err := d.Ack(context.WithoutCancel(ctx)); err != nil {
						t.Error(err)
					}
					if all {
						cancel()
					}
				}
			})
		}
	}
	wg.Wait()
	for id, times := range done {
		if times != 1 {
			t.Errorf("job %s was done %d times", id, times)
		}
	}
	if most > 3 {
		t.Errorf("%d jobs in hands at once, want 3 at most", most)
	}
	wantDepth(t, q, Depth{})
}

// A slot that stops waiting leaves no job behind with its lease running.
func TestCancelledNextHandsBack(t *testing.T) {
	c := start(t)
	q := jobs(t, c, Lease{AckWait: time.Hour, MaxDeliver: 1000, MaxPending: 1000})
	for i := range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan *Delivery[schemas.CaptionJob], 1)
		var wg sync.WaitGroup
		wg.Go(func() {
			d, _ := q.Next(ctx)
			got <- d
		})
		publish(t, q, i)
		cancel() // while the job is on its way, in many of the rounds
		wg.Wait()
		if d := <-got; d != nil {
			must(t, d.Ack(t.Context()))
			continue
		}
		ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
		d, err := q.Next(ctx)
		cancel()
		if err != nil {
			t.Fatalf("round %d: the job was neither taken nor handed back: %v", i, err)
		}
		must(t, d.Ack(t.Context()))
	}
}

func TestJobsThatCannotBeRead(t *testing.T) {
	c := start(t)
	q := jobs(t, c, Lease{AckWait: time.Hour, MaxDeliver: 1000, MaxPending: 1000})
	for i, data := range []string{
		`{"kind":"caption_job","version":99,"new":"field"}`, // rests for a newer worker
		`not a job`, // goes
		`{"kind":"cut_job","version":1}`,
		``,
	} {
		_, err := c.js.Publish(t.Context(), fmt.Sprintf("recaption.job.%s.run.%d.0", pool, i), []byte(data))
		must(t, err)
	}
	publish(t, q, 1)
	must(t, next(t, q, 1, 1).Ack(t.Context()))
	wantDepth(t, q, Depth{InHand: 1}) // the newer one
}

func TestPublishRefuses(t *testing.T) {
	c := start(t)
	q := jobs(t, c, short)
	other, broken := job(1), job(1)
	other.Pool = "cpu"
	broken.Run = "run.>"
	for name, j := range map[string]schemas.CaptionJob{"another pool": other, "a wildcard": broken, "nothing": {}} {
		if err := q.Publish(t.Context(), j); err == nil || errors.Is(err, ErrQueued) {
			t.Errorf("%s: %v, want an error", name, err)
		}
	}
	for _, name := range []schemas.Pool{"", "a.b", "*", ">", "GPU", "a b"} {
		if _, err := c.Jobs(name); !errors.Is(err, schemas.ErrID) {
			t.Errorf("pool %q: %v, want %v", name, err, schemas.ErrID)
		}
	}
	if err := c.Cuts().Publish(t.Context(), schemas.CutJob{Dataset: "a", Revision: "*", Part: "p"}); err == nil {
		t.Error("a cut with a wildcard was published")
	}
}

func TestCuts(t *testing.T) {
	q := start(t).Cuts()
	must(t, q.Ensure(t.Context(), short))
	cut := schemas.CutJob{Kind: "cut_job", Version: 1, Dataset: "scenes", Revision: "0123456789abcdef", Part: "part-0"}
	must(t, q.Publish(t.Context(), cut))
	if err := q.Publish(t.Context(), cut); !errors.Is(err, ErrQueued) {
		t.Errorf("second cut: %v, want %v", err, ErrQueued)
	}
	d, err := q.Next(t.Context())
	must(t, err)
	if diff := cmp.Diff(cut, d.Job); diff != "" {
		t.Errorf("cut (-published +taken):\n%s", diff)
	}
	must(t, d.Ack(t.Context()))
}

// usedUp returns a function that waits until the server says that the
// deliveries of one more job are used up.
func usedUp(t *testing.T, c *Conn) func() {
	t.Helper()
	advisory, err := c.nc.SubscribeSync("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.JOBS." + string(pool))
	must(t, err)
	must(t, c.nc.Flush())
	return func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := advisory.NextMsgWithContext(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func spentIDs(t *testing.T, q *Queue[schemas.CaptionJob]) (ids []schemas.JobID) {
	t.Helper()
	for s, err := range q.Spent(t.Context()) {
		must(t, err)
		ids = append(ids, s.Job.ID)
	}
	return ids
}

func TestSpent(t *testing.T) {
	c := start(t)
	q := jobs(t, c, Lease{AckWait: 200 * time.Millisecond, MaxDeliver: 2, MaxPending: 10})
	spent := func() (jobs []Spent[schemas.CaptionJob]) {
		for s, err := range q.Spent(t.Context()) {
			must(t, err)
			jobs = append(jobs, s)
		}
		return jobs
	}
	wait := usedUp(t, c)
	publish(t, q, 1, 2, 3)
	must(t, next(t, q, 1, 1).Ack(t.Context()))
	next(t, q, 2, 1) // forgotten
	next(t, q, 3, 1)
	next(t, q, 2, 2) // forgotten again
	must(t, next(t, q, 3, 2).Release(t.Context(), 0))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { // the server looks at a job when somebody asks for one
		if d, err := q.Next(ctx); err == nil {
			t.Errorf("got job %s in attempt %d, want none", d.Job.ID, d.Attempt)
		}
	})
	wait()
	wait()
	cancel()
	wg.Wait()

	got := spent()
	if len(got) != 2 || got[0].Job.ID != job(2).ID || got[1].Job.ID != job(3).ID {
		t.Fatalf("spent: %+v, want jobs 2 and 3", got)
	}
	wantDepth(t, q, Depth{})
	if err := q.Publish(t.Context(), job(2)); !errors.Is(err, ErrQueued) {
		t.Errorf("publish a spent job: %v, want %v", err, ErrQueued)
	}
	must(t, got[0].Remove(t.Context()))
	must(t, got[0].Remove(t.Context())) // by another coordinator
	must(t, got[1].Requeue(t.Context()))
	if left := spent(); len(left) != 0 {
		t.Errorf("spent after removal: %+v, want none", left)
	}
	must(t, next(t, q, 3, 1).Ack(t.Context()))
	publish(t, q, 2)
	must(t, next(t, q, 2, 1).Ack(t.Context()))
	wantDepth(t, q, Depth{})
}

// A job in somebody's hands is not spent, and hides no spent job for longer
// than it is in hands.
func TestSpentBehindAHeldJob(t *testing.T) {
	c := start(t)
	q := jobs(t, c, Lease{AckWait: time.Hour, MaxDeliver: 1, MaxPending: 10})
	wait := usedUp(t, c)
	publish(t, q, 1, 2, 3)
	first := next(t, q, 1, 1)
	must(t, next(t, q, 2, 1).Release(t.Context(), 1)) // spends its only delivery
	third := next(t, q, 3, 1)
	wait()
	if got := spentIDs(t, q); len(got) != 0 {
		t.Errorf("spent while the first is held: %v, want none", got)
	}
	must(t, first.Ack(t.Context()))
	if diff := cmp.Diff([]schemas.JobID{job(2).ID}, spentIDs(t, q)); diff != "" {
		t.Errorf("spent (-want +got):\n%s", diff)
	}
	must(t, third.Ack(t.Context()))
	if diff := cmp.Diff([]schemas.JobID{job(2).ID}, spentIDs(t, q)); diff != "" {
		t.Errorf("spent (-want +got):\n%s", diff)
	}
}

// A coordinator that can't read a spent job gives it to newer ones again.
func TestSpentOfANewerVersion(t *testing.T) {
	c := start(t)
	q := jobs(t, c, Lease{AckWait: 100 * time.Millisecond, MaxDeliver: 1, MaxPending: 10})
	wait := usedUp(t, c)
	const subject, newer = "recaption.job.gpu.run.x.0", `{"kind":"caption_job","version":99}`
	_, err := c.js.Publish(t.Context(), subject, []byte(newer))
	must(t, err)
	// A delivery that nobody gives a verdict on.
	_, err = c.pull(t.Context(), jobStream, string(pool))
	must(t, err)
	wait()
	found := 0
	for s, err := range q.Spent(t.Context()) {
		must(t, err)
		found++
		if !errors.Is(s.Err, schemas.ErrVersion) {
			t.Errorf("spent: %v, want %v", s.Err, schemas.ErrVersion)
		}
		must(t, s.Requeue(t.Context()))
	}
	if found != 1 {
		t.Errorf("%d spent, want 1", found)
	}
	m, err := c.pull(t.Context(), jobStream, string(pool))
	must(t, err)
	if string(m.Data) != newer {
		t.Errorf("queued anew: %s", m.Data)
	}
}

func TestNextWaitsForItsQueue(t *testing.T) {
	c := start(t)
	q, err := c.Jobs(pool)
	must(t, err)
	got := make(chan *Delivery[schemas.CaptionJob], 1)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		d, err := q.Next(t.Context())
		if err != nil {
			t.Error(err)
		}
		got <- d
	})
	publish(t, q, 1)
	must(t, q.Ensure(t.Context(), short))
	must(t, (<-got).Ack(t.Context()))

	// The stream goes while a slot waits, and comes back.
	wg.Go(func() {
		d, err := q.Next(t.Context())
		if err != nil {
			t.Error(err)
		}
		got <- d
	})
	must(t, c.js.DeleteStream(t.Context(), jobStream))
	if err := q.Publish(t.Context(), job(2)); !errors.Is(err, ErrNoStream) {
		t.Errorf("publish without a stream: %v, want %v", err, ErrNoStream)
	}
	must(t, c.EnsureStreams(t.Context(), DefaultLayout()))
	must(t, q.Ensure(t.Context(), short))
	publish(t, q, 2)
	must(t, (<-got).Ack(t.Context()))
}

func TestVerdictOnAQueueThatIsGone(t *testing.T) {
	c := start(t)
	q := jobs(t, c, short)
	publish(t, q, 1)
	d := next(t, q, 1, 1)
	must(t, c.js.DeleteStream(t.Context(), jobStream))
	if err := d.Ack(t.Context()); !errors.Is(err, ErrNoStream) {
		t.Errorf("ack: %v, want %v", err, ErrNoStream)
	}
	if err := d.Extend(t.Context()); err == nil {
		t.Error("extend: no error")
	}
}

func TestEdge(t *testing.T) {
	for _, c := range []struct{ theirs, ours error }{
		{nats.ErrTimeout, ErrUnavailable},
		{nats.ErrAuthorization, ErrDenied},
		{nats.ErrConnectionClosed, ErrClosed},
		{natsjs.ErrStreamNotFound, ErrNoStream},
		{fmt.Errorf("nats: %w", &natsjs.APIError{Code: 404, ErrorCode: natsjs.JSErrCodeConsumerNotFound}), ErrNoStream},
		{&natsjs.APIError{Code: 503, ErrorCode: 10008}, ErrUnavailable},
		{context.DeadlineExceeded, ErrUnavailable},
	} {
		err := edge("do it", c.theirs)
		if !errors.Is(err, c.ours) || !errors.Is(err, c.theirs) || !strings.HasPrefix(err.Error(), "do it: ") {
			t.Errorf("edge of %v is %v, want it to be %v too", c.theirs, err, c.ours)
		}
	}
	if err := edge("do it", nil); err != nil {
		t.Errorf("edge of nil is %v", err)
	}
	odd := errors.New("odd")
	if err := edge("do it", odd); !errors.Is(err, odd) || errors.Is(err, ErrUnavailable) {
		t.Errorf("edge of an unknown error is %v", err)
	}
}

// A queue whose stream can't store says so; it doesn't wait for ever.
func TestQueueThatCanNotStore(t *testing.T) {
	c := start(t)
	q := jobs(t, c, short)
	s, err := c.js.Stream(t.Context(), jobStream)
	must(t, err)
	full := s.CachedInfo().Config
	full.MaxMsgs = 1
	_, err = c.js.UpdateStream(t.Context(), full)
	must(t, err)
	publish(t, q, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := q.Publish(ctx, job(2)); !errors.Is(err, ErrFull) {
		t.Errorf("publish: %v, want %v", err, ErrFull)
	}
	must(t, next(t, q, 1, 1).Ack(t.Context()))
	publish(t, q, 2)
}

// A job that is queued anew has all its deliveries, and its turn behind others.
func TestRequeue(t *testing.T) {
	q := jobs(t, start(t), Lease{AckWait: time.Minute, MaxDeliver: 2, MaxPending: 10})
	publish(t, q, 1, 2)
	for range 3 {
		d := next(t, q, 1, 1)
		must(t, d.Requeue(t.Context()))
		if err := d.Requeue(t.Context()); !errors.Is(err, ErrSettled) {
			t.Errorf("queued anew twice: %v", err)
		}
		d = next(t, q, 2, 1)
		must(t, d.Requeue(t.Context()))
	}
	wantDepth(t, q, Depth{Waiting: 2})
}

package coordinator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"strings"
	"sync"

	"recaption/coordinator/cut"
	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/memstore"
)

func newStore() *memstore.Store { return memstore.New() }

var errDead = errors.New("the process is dead")

// dying is a store whose user dies at one of its calls: that call is done, and
// no other after it.
type dying struct {
	shards.Store
	die func()

	mu   sync.Mutex // guards left
	left int
}

func (d *dying) call() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left--
	if d.left == 0 {
		d.die()
	}
	if d.left < 0 {
		return errDead
	}
	return nil
}

func (d *dying) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	if err := d.call(); err != nil {
		return err
	}
	return d.Store.Put(context.WithoutCancel(ctx), key, body, size)
}

func (d *dying) Create(ctx context.Context, key string, b []byte) error {
	if err := d.call(); err != nil {
		return err
	}
	return d.Store.Create(context.WithoutCancel(ctx), key, b)
}

func (d *dying) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	if err := d.call(); err != nil {
		return nil, err
	}
	return d.Store.Get(ctx, key, limit)
}

func (d *dying) ReadTail(ctx context.Context, key string, n int64) (shards.Tail, error) {
	if err := d.call(); err != nil {
		return shards.Tail{}, err
	}
	return d.Store.ReadTail(ctx, key, n)
}

func (d *dying) ReadRange(ctx context.Context, key string, off, n int64, etag string) (io.ReadCloser, error) {
	if err := d.call(); err != nil {
		return nil, err
	}
	return d.Store.ReadRange(ctx, key, off, n, etag)
}

func (d *dying) List(ctx context.Context, prefix, after string) iter.Seq2[shards.Object, error] {
	if err := d.call(); err != nil {
		return func(yield func(shards.Object, error) bool) { yield(shards.Object{}, err) }
	}
	return d.Store.List(ctx, prefix, after)
}

// cutAll cuts every part of a follower's source, as a coordinator does that
// runs alone.
func cutAll(ctx context.Context, f *follower) error {
	c, err := cut.New(f.store, f.run.Dataset, cut.Config{Spool: f.cfg.Spool})
	if err != nil {
		return err
	}
	for _, p := range f.parts {
		if _, err := c.Part(ctx, f.src, p.Part, cut.All); err != nil {
			return err
		}
	}
	return nil
}

// deleteStreams takes all streams of jobs, cuts and events away, as somebody
// with the rights might at any moment.
func (s *site) deleteStreams(ctx context.Context) error {
	var errs []error
	for _, stream := range []string{"JOBS", "CUTS", "EVENTS"} {
		errs = append(errs, s.ask(ctx, "STREAM.DELETE."+stream, ""))
	}
	return errors.Join(errs...)
}

// limitJobs has the stream of jobs hold n messages at most.
func (s *site) limitJobs(ctx context.Context, n int) {
	s.t.Helper()
	must(s.t, s.ask(ctx, "STREAM.UPDATE.JOBS", fmt.Sprintf(`{"name":"JOBS","subjects":["recaption.job.>"],"retention":"workqueue","storage":"file",`+
		`"discard":"new","discard_new_per_subject":true,"max_msgs_per_subject":1,"num_replicas":1,"max_msgs":%d}`, n)))
}

// ask makes one request of the server's administration, in NATS's own protocol.
func (s *site) ask(ctx context.Context, api, body string) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(s.server.URL, "nats://"))
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "CONNECT {\"user\":%q,\"pass\":%q,\"verbose\":false,\"pedantic\":false}\r\nSUB answers 1\r\nPUB $JS.API.%s answers %d\r\n%s\r\n",
		s.server.User, string(s.server.Password), api, len(body), body); err != nil {
		return err
	}
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		if answer := lines.Text(); strings.HasPrefix(answer, "{") {
			if strings.Contains(answer, `"err_code"`) && !strings.Contains(answer, "not found") {
				return errors.New(answer)
			}
			return nil
		}
	}
	return lines.Err()
}

// reader is whoever else reads a run's events: it lists what rests when it is
// told that it may have missed some, and knows the rest by events alone.
type reader struct {
	s     *site
	known chan schemas.ShardID
}

// read begins to read the events of a run, until the test ends.
func (s *site) read(run Run) *reader {
	s.t.Helper()
	must(s.t, s.coordinator(s.rest).Ensure(s.t.Context(), run.Pool))
	events, err := s.connect().Subscribe(s.t.Context(), "reader", jetstream.Follow{Dataset: run.Dataset.Dataset, Recipe: run.Recipe})
	must(s.t, err)
	r := &reader{s: s, known: make(chan schemas.ShardID, 1024)}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			e, err := events.Next(ctx)
			switch {
			case err == nil:
				r.known <- e.Ready.Shard
				_ = e.Ack(ctx)
			case errors.Is(err, jetstream.ErrMissed):
				for o, err := range s.rest.List(ctx, shards.CaptionsPrefix(run.Recipe), "") {
					if _, shard, _, not := shards.ParseReceiptKey(o.Key); err == nil && not == nil {
						r.known <- shard
					}
				}
			default:
				rest(ctx, streamsRest)
			}
		}
	})
	s.t.Cleanup(func() { stop(); wg.Wait() })
	return r
}

// wantShards waits until the reader knows so many shards.
func (r *reader) wantShards(n int) {
	r.s.t.Helper()
	ctx, known := within(r.s.t), map[schemas.ShardID]bool{}
	for len(known) < n {
		select {
		case s := <-r.known:
			known[s] = true
		case <-ctx.Done():
			r.s.t.Fatalf("a reader of events knows %d shards of %d", len(known), n)
		}
	}
}

package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"
)

// startLimit bounds a start. Both services are up in tens of milliseconds;
// a JetStream store of gigabytes takes seconds to recover.
const startLimit = time.Minute

// Option changes how services start.
type Option func(*options)

type options struct {
	log  *slog.Logger
	sync bool
}

// Log sends what the services say to l. Without it they are silent.
func Log(l *slog.Logger) Option { return func(o *options) { o.log = l } }

// WithoutSync lets a power failure lose what was acknowledged, for stores that
// are thrown away. The death of a process still loses nothing.
func WithoutSync() Option { return func(o *options) { o.sync = false } }

func resolve(opts []Option) options {
	o := options{log: slog.New(slog.DiscardHandler), sync: true}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Services are both services over one state folder.
type Services struct {
	NATS *NATS
	S3   *S3

	lock *stateLock
	done chan struct{}
	wg   sync.WaitGroup
}

// Start starts both services over the state folder dir, which it makes when it
// isn't there, and returns when they answer. ctx bounds the start only: the
// services run until [Services.Close].
func Start(ctx context.Context, dir string, opts ...Option) (*Services, error) {
	st, err := openState(dir)
	if err != nil {
		return nil, err
	}
	o := resolve(opts)
	n, err := startNATS(ctx, st, o)
	if err != nil {
		return nil, errors.Join(err, st.lock.release())
	}
	g, err := startS3(ctx, st, o)
	if err != nil {
		return nil, errors.Join(err, n.Close(), st.lock.release())
	}
	s := &Services{NATS: n, S3: g, lock: st.lock, done: make(chan struct{})}
	s.wg.Go(s.watch)
	return s, nil
}

// watch closes done when the first of the services ends.
func (s *Services) watch() {
	select {
	case <-s.NATS.Done():
	case <-s.S3.Done():
	}
	close(s.done)
}

// Done is closed when a service has ended: by [Services.Close], or by itself,
// which [Services.Err] tells.
func (s *Services) Done() <-chan struct{} { return s.done }

// Err says why a service ended by itself. It is nil while both run, and stays
// nil when they were closed.
func (s *Services) Err() error { return errors.Join(s.NATS.Err(), s.S3.Err()) }

// Close stops both services, waits until nothing of them is left, and gives the
// folder back. Clients should be closed before. It may be called again.
func (s *Services) Close() error {
	err := errors.Join(s.NATS.Close(), s.S3.Close())
	s.wg.Wait()
	return errors.Join(err, s.lock.release())
}

// state is a locked state folder.
type state struct {
	dir  string // absolute
	lock *stateLock
}

func openState(dir string) (*state, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("state folder %s: %w", dir, err)
	}
	l, err := lockState(abs)
	if err != nil {
		return nil, err
	}
	return &state{dir: abs, lock: l}, nil
}

func (s *state) nats() string       { return filepath.Join(s.dir, "nats") }
func (s *state) objects() string    { return filepath.Join(s.dir, "s3") }
func (s *state) attributes() string { return filepath.Join(s.dir, "attributes") }

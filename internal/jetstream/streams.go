package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	cutStream     = "CUTS"
	jobStream     = "JOBS"
	eventStream   = "EVENTS"
	workersBucket = "workers"
)

// Layout says how the streams are kept.
type Layout struct {
	Replicas    int           // of every stream: 1, or 3 on a cluster
	EventsAge   time.Duration // how long an event can be read
	EventsBytes int64         // and how many bytes of them
	WorkersTTL  time.Duration // how long a heartbeat counts
}

// DefaultLayout keeps a week of events, at most 1 GiB, on one server.
func DefaultLayout() Layout {
	return Layout{Replicas: 1, EventsAge: 7 * 24 * time.Hour, EventsBytes: 1 << 30, WorkersTTL: time.Minute}
}

// Validate names every fault at once.
func (l Layout) Validate() error {
	var errs []error
	if l.Replicas < 1 || l.Replicas > 5 || l.Replicas%2 == 0 {
		errs = append(errs, fmt.Errorf("stream replicas %d: want 1, 3 or 5", l.Replicas))
	}
	if l.EventsAge < time.Minute {
		errs = append(errs, fmt.Errorf("age of events %s: want a minute or more", l.EventsAge))
	}
	if l.EventsBytes < 1<<20 {
		errs = append(errs, fmt.Errorf("bytes of events %d: want 1 MiB or more", l.EventsBytes))
	}
	if l.WorkersTTL < time.Second {
		errs = append(errs, fmt.Errorf("time to live of heartbeats %s: want a second or more", l.WorkersTTL))
	}
	return errors.Join(errs...)
}

// The server's answers when it can't make or change a stream: while somebody
// deletes it, or for the state of its disk.
const (
	codeCreateFailed = 10049
	codeUpdateFailed = 10069
)

// deletedRest is how long a stream that was deleted rests before it is made
// anew, as a number of tries: 200 to 400 ms.
const deletedRest = 3

// EnsureStreams makes what isn't there and brings the rest to l. Coordinators
// call it at their start and when they meet [ErrNoStream]; any number of them
// may. What streams hold is kept. It returns [ErrNoStream] where the server could
// not make one now, as while it is being deleted.
func (c *Conn) EnsureStreams(ctx context.Context, l Layout) error {
	if err := l.Validate(); err != nil {
		return err
	}
	for _, s := range streams(l) {
		err := c.do(ctx, "ensure stream "+s.Name, func(ctx context.Context) error { return c.ensureStream(ctx, s) })
		if err != nil {
			return err
		}
	}
	err := c.do(ctx, "ensure bucket "+workersBucket, func(ctx context.Context) error {
		_, err := c.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: workersBucket,
			// With more history the server would keep values for longer than
			// their time to live.
			History: 1, TTL: l.WorkersTTL,
			LimitMarkerTTL: max(time.Second, l.WorkersTTL/2), // so that watchers see values expire
			Storage:        jetstream.FileStorage, Replicas: l.Replicas,
		})
		return err
	})
	if err == nil {
		c.ensured.Store(true)
	}
	return err
}

// streams are those of a layout, but for the bucket of heartbeats.
func streams(l Layout) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		workQueue(cutStream, "recaption.cut.>", l),
		workQueue(jobStream, "recaption.job.>", l),
		{
			Name: eventStream, Subjects: []string{"recaption.event.>"},
			Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
			MaxAge: l.EventsAge, MaxBytes: l.EventsBytes,
			Duplicates: min(2*time.Minute, l.EventsAge),
			Storage:    jetstream.FileStorage, Replicas: l.Replicas, AllowDirect: true,
		},
	}
}

// ensureStream makes or changes a stream only where it must: a server that is
// told to change a stream while somebody deletes it may keep one that answers
// and stores nothing.
func (c *Conn) ensureStream(ctx context.Context, want jetstream.StreamConfig) error {
	s, err := c.js.Stream(ctx, want.Name)
	if err == nil && sameStream(s.CachedInfo().Config, want) {
		return nil
	}
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	if err != nil && c.ensured.Load() {
		// It was there, and somebody deletes it. The server forgets a stream
		// before it removes its folder, and would remove a new one's.
		if err := c.rest(ctx, deletedRest); err != nil {
			return err
		}
	}
	_, err = c.js.CreateOrUpdateStream(ctx, want)
	if code := apiCode(err); code == codeCreateFailed || code == codeUpdateFailed {
		return fmt.Errorf("%w: %w", ErrNoStream, err)
	}
	return err
}

// sameStream compares what layouts set; the server fills in the rest.
func sameStream(a, b jetstream.StreamConfig) bool {
	return slices.Equal(a.Subjects, b.Subjects) && a.Retention == b.Retention && a.Discard == b.Discard &&
		a.DiscardNewPerSubject == b.DiscardNewPerSubject && max(a.MaxMsgsPerSubject, 0) == max(b.MaxMsgsPerSubject, 0) &&
		a.MaxAge == b.MaxAge && max(a.MaxBytes, 0) == max(b.MaxBytes, 0) && (b.Duplicates == 0 || a.Duplicates == b.Duplicates) &&
		a.Storage == b.Storage && a.Replicas == b.Replicas && a.AllowDirect == b.AllowDirect
}

// workQueue holds one message on a subject and refuses a second one.
func workQueue(name, subject string, l Layout) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: name, Subjects: []string{subject},
		Retention: jetstream.WorkQueuePolicy,
		Discard:   jetstream.DiscardNew, DiscardNewPerSubject: true, MaxMsgsPerSubject: 1,
		Storage: jetstream.FileStorage, Replicas: l.Replicas,
	}
}

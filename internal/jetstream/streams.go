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

// EnsureStreams makes what isn't there by l. Of what is there it repairs what
// queues and events depend on; the rest is its operator's, and the log tells once
// of what differs. Coordinators call it at their start, every so often and when
// they meet [ErrNoStream]; any number of them may. What streams hold is kept. It returns [ErrNoStream] where the server could
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
		if _, err := c.js.KeyValue(ctx, workersBucket); !errors.Is(err, jetstream.ErrBucketNotFound) {
			return err
		}
		_, err := c.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: workersBucket,
			// With more history the server would keep values for longer than
			// their time to live.
			History: 1, TTL: l.WorkersTTL,
			LimitMarkerTTL: max(time.Second, l.WorkersTTL/2), // so that watchers see values expire
			Storage:        jetstream.FileStorage, Replicas: l.Replicas,
		})
		if errors.Is(err, jetstream.ErrBucketExists) {
			return nil // another coordinator was faster
		}
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
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	make := c.js.CreateStream
	if err == nil {
		have := s.CachedInfo().Config
		c.tell("stream "+want.Name, differences(have, want))
		if want = repaired(have, want); sound(have, want) {
			return nil
		}
		make = c.js.UpdateStream
	} else if c.ensured.Load() {
		// It was there, and somebody deletes it. The server forgets a stream
		// before it removes its folder, and would remove a new one's.
		if err := c.rest(ctx, deletedRest); err != nil {
			return err
		}
	}
	_, err = make(ctx, want)
	switch code := apiCode(err); {
	case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse):
		return nil // another coordinator was faster
	case code == codeCreateFailed, code == codeUpdateFailed:
		return fmt.Errorf("%w: %w", ErrNoStream, err)
	}
	return err
}

// sound tells whether a stream is in all that queues and events depend on as it
// is wanted.
func sound(have, want jetstream.StreamConfig) bool {
	return slices.Equal(have.Subjects, want.Subjects) && have.Retention == want.Retention && have.Discard == want.Discard &&
		have.DiscardNewPerSubject == want.DiscardNewPerSubject && max(have.MaxMsgsPerSubject, 0) == max(want.MaxMsgsPerSubject, 0)
}

// repaired is have with all that as it is wanted.
func repaired(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	have.Subjects, have.Retention, have.Discard = want.Subjects, want.Retention, want.Discard
	have.DiscardNewPerSubject, have.MaxMsgsPerSubject = want.DiscardNewPerSubject, want.MaxMsgsPerSubject
	return have
}

// differences are the settings of a stream that are its operator's.
func differences(have, want jetstream.StreamConfig) []any {
	var all []any
	differ := func(name string, have, want any) {
		if have != want {
			all = append(all, name, fmt.Sprintf("%v, not %v", have, want))
		}
	}
	differ("replicas", have.Replicas, want.Replicas)
	differ("storage", have.Storage, want.Storage)
	differ("max_age", have.MaxAge, want.MaxAge)
	differ("max_bytes", max(have.MaxBytes, 0), max(want.MaxBytes, 0))
	differ("max_msgs", max(have.MaxMsgs, 0), max(want.MaxMsgs, 0))
	return all
}

// tell warns once of what is there otherwise than it would be made.
func (c *Conn) tell(what string, differences []any) {
	if len(differences) == 0 {
		return
	}
	if _, told := c.told.LoadOrStore(what, true); !told {
		c.log.With(differences...).Warn(what + " is left as somebody has set it")
	}
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

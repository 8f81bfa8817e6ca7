package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"recaption/schemas"
)

// versionRest is how long a job that a newer program wrote rests before the
// next worker may look at it.
const versionRest = 30 * time.Second

// Lease says on what terms a queue's jobs are handed out.
type Lease struct {
	AckWait    time.Duration // how long a job is its holder's without an extension: about three extensions
	MaxDeliver int           // deliveries of one job, those handed back included
	MaxPending int           // jobs in hands at once: at least slots x the most workers
}

// DefaultLease suits jobs of minutes on workers that may be preempted.
func DefaultLease() Lease {
	return Lease{AckWait: time.Minute, MaxDeliver: 20, MaxPending: 4096}
}

// Validate names every fault at once.
func (l Lease) Validate() error {
	var errs []error
	if l.AckWait < 100*time.Millisecond {
		errs = append(errs, fmt.Errorf("lease %s: want 100ms or more", l.AckWait))
	}
	if l.MaxDeliver < 1 {
		errs = append(errs, fmt.Errorf("deliveries %d: want 1 or more", l.MaxDeliver))
	}
	if l.MaxPending < 1 {
		errs = append(errs, fmt.Errorf("jobs in hands %d: want 1 or more", l.MaxPending))
	}
	return errors.Join(errs...)
}

// Queue is a work queue of jobs, for any number of publishers and takers.
type Queue[T any] struct {
	c                *Conn
	stream, consumer string
	filter           string
	subject          func(T) (string, error)
	encode           func(T) ([]byte, error)
	decode           func([]byte) (T, error)
	lease            atomic.Int64 // the consumer's AckWait; 0 until it is known
}

// Jobs is the queue of a pool's caption jobs. It asks the server nothing.
func (c *Conn) Jobs(pool schemas.Pool) (*Queue[schemas.CaptionJob], error) {
	if _, err := schemas.ParsePool(string(pool)); err != nil {
		return nil, err
	}
	return &Queue[schemas.CaptionJob]{
		c: c, stream: jobStream, consumer: string(pool), filter: jobFilter(pool),
		subject: func(j schemas.CaptionJob) (string, error) {
			s, err := jobSubject(j)
			if j.Pool != pool {
				err = errors.Join(err, fmt.Errorf("job of pool %q in the queue of pool %q", j.Pool, pool))
			}
			return s, err
		},
		encode: schemas.CaptionJob.Encode,
		decode: schemas.DecodeCaptionJob,
	}, nil
}

// Cuts is the queue of parts to be cut. It asks the server nothing.
func (c *Conn) Cuts() *Queue[schemas.CutJob] {
	return &Queue[schemas.CutJob]{
		c: c, stream: cutStream, consumer: "coordinators", filter: "recaption.cut.>",
		subject: cutSubject,
		encode:  schemas.CutJob.Encode,
		decode:  schemas.DecodeCutJob,
	}
}

// Ensure makes the queue's consumer on the terms l. One that is there is brought
// to them when this connection first meets it, unless somebody has or awaits a
// job on its own terms; otherwise they are its operator's, and the log tells once
// of what differs. Coordinators call it before workers are scaled, after
// [Conn.EnsureStreams], and every so often.
func (q *Queue[T]) Ensure(ctx context.Context, l Lease) error {
	if err := l.Validate(); err != nil {
		return err
	}
	var is *jetstream.ConsumerInfo
	err := q.c.do(ctx, "find consumer "+q.consumer, func(ctx context.Context) error {
		cons, err := q.c.js.Consumer(ctx, q.stream, q.consumer)
		if err == nil {
			is = cons.CachedInfo()
		}
		return err
	})
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		err = nil
	}
	if err == nil && !q.stays(is, l) {
		err = q.ensure(ctx, l)
	}
	if err == nil {
		q.c.met.Store(q.stream+"/"+q.consumer, true)
	}
	return err
}

// stays tells whether a consumer is to be left as it is.
func (q *Queue[T]) stays(is *jetstream.ConsumerInfo, l Lease) bool {
	if is == nil {
		return false
	}
	name, have := q.stream+"/"+q.consumer, Lease{is.Config.AckWait, is.Config.MaxDeliver, is.Config.MaxAckPending}
	if have == l {
		return true
	}
	_, met := q.c.met.Load(name)
	if idle := is.NumWaiting == 0 && is.NumAckPending == 0; !met && idle || have.Validate() != nil {
		return false
	}
	q.c.tell("consumer "+name, []any{
		"ack_wait", fmt.Sprintf("%s, not %s", have.AckWait, l.AckWait),
		"max_deliver", fmt.Sprintf("%d, not %d", have.MaxDeliver, l.MaxDeliver),
		"max_ack_pending", fmt.Sprintf("%d, not %d", have.MaxPending, l.MaxPending),
	})
	return true
}

// ensure makes the consumer, or brings it to l.
func (q *Queue[T]) ensure(ctx context.Context, l Lease) error {
	return q.c.do(ctx, "ensure consumer "+q.consumer, func(ctx context.Context) error {
		_, err := q.c.js.CreateOrUpdateConsumer(ctx, q.stream, jetstream.ConsumerConfig{
			Durable:       q.consumer,
			FilterSubject: q.filter,
			AckPolicy:     jetstream.AckExplicitPolicy,
			AckWait:       l.AckWait,
			MaxDeliver:    l.MaxDeliver,
			MaxAckPending: l.MaxPending,
			MaxWaiting:    max(512, l.MaxPending), // a waiting slot is one request
		})
		return err
	})
}

// Publish queues a job; when it returns nil the job is on the server's disk. It
// returns [ErrQueued] when the job's subject is taken, [ErrNoStream] when there is
// no stream for it, and [ErrFull] when that can't store.
func (q *Queue[T]) Publish(ctx context.Context, job T) error {
	subject, err := q.subject(job)
	if err != nil {
		return fmt.Errorf("publish job: %w", err)
	}
	b, err := q.encode(job)
	if err != nil {
		return fmt.Errorf("publish job: %w", err)
	}
	return q.publish(ctx, subject, b)
}

func (q *Queue[T]) publish(ctx context.Context, subject string, b []byte) error {
	return q.c.do(ctx, "publish on "+subject, func(ctx context.Context) error {
		err := q.store(ctx, subject, b)
		if errors.Is(err, ErrFull) { // or what took the subject has just left it
			err = q.store(ctx, subject, b)
		}
		return err
	})
}

func (q *Queue[T]) store(ctx context.Context, subject string, b []byte) error {
	_, err := q.c.js.Publish(ctx, subject, b, jetstream.WithExpectStream(q.stream))
	if apiCode(err) == codeStoreFailed {
		return q.refused(ctx, subject, err)
	}
	return q.c.published(ctx, q.stream, err)
}

// refused tells a subject that is taken from a stream that can't store, which
// the server answers with the same code.
func (q *Queue[T]) refused(ctx context.Context, subject string, err error) error {
	s, serr := q.c.js.Stream(ctx, q.stream)
	if serr != nil {
		return serr
	}
	switch _, serr = s.GetLastMsgForSubject(ctx, subject); {
	case serr == nil:
		return ErrQueued
	case errors.Is(serr, jetstream.ErrMsgNotFound):
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return serr
}

// Next waits for a job and takes it. Jobs that can't be read never reach the
// caller: one of a newer version is handed back with a delay, for a newer
// worker, and one that is no job is taken off the queue. While the queue isn't
// there it waits for a coordinator. It returns ctx.Err() when ctx ends; a job
// that was on its way goes back to the queue.
func (q *Queue[T]) Next(ctx context.Context) (*Delivery[T], error) {
	for missing := false; ; {
		msg, err := q.take(ctx)
		switch {
		case ctx.Err() != nil && err != nil:
			return nil, ended(ctx)
		case errors.Is(err, errIdle):
			continue
		case errors.Is(err, ErrNoStream), errors.Is(err, ErrUnavailable):
			if !missing {
				missing = true
				q.log().Warn("queue is not there: waiting for a coordinator", "err", err)
			}
			if err := q.c.rest(ctx, 5); err != nil && ctx.Err() == nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, err
		}
		if missing {
			missing = false
			q.log().Info("queue is there")
		}
		d, err := q.open(ctx, msg)
		if d != nil || err != nil {
			return d, err
		}
	}
}

// take pulls one message, once the lease's length is known.
func (q *Queue[T]) take(ctx context.Context) (*nats.Msg, error) {
	if q.lease.Load() == 0 {
		err := q.c.do(ctx, "find queue "+q.consumer, func(ctx context.Context) error {
			cons, err := q.c.js.Consumer(ctx, q.stream, q.consumer)
			if err == nil {
				q.lease.Store(int64(cons.CachedInfo().Config.AckWait))
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	msg, err := q.c.pull(ctx, q.stream, q.consumer)
	if errors.Is(err, ErrNoStream) {
		q.lease.Store(0) // the next consumer may have another
	}
	return msg, err
}

// open reads a message. It returns nil, nil for one that it has dealt with.
func (q *Queue[T]) open(ctx context.Context, msg *nats.Msg) (*Delivery[T], error) {
	h, err := q.c.hold(msg, time.Duration(q.lease.Load()))
	if err != nil {
		return nil, err
	}
	job, err := q.decode(msg.Data)
	switch {
	case err == nil:
		return &Delivery[T]{Job: job, held: h, q: q}, nil
	case errors.Is(err, schemas.ErrVersion):
		q.log().Warn("job handed back for a newer worker", "subject", msg.Subject, "attempt", h.Attempt, "err", err)
		err = h.Release(ctx, versionRest)
	default:
		q.log().Error("job rejected: it can't be read", "subject", msg.Subject, "attempt", h.Attempt, "err", err)
		err = h.Reject(ctx, "unreadable")
	}
	if err != nil && ctx.Err() == nil {
		q.log().Warn("verdict not delivered", "subject", msg.Subject, "err", err) // it comes again
	}
	return nil, nil
}

func (q *Queue[T]) log() *slog.Logger { return q.c.log.With("queue", q.stream+"/"+q.consumer) }

// Depth is how many jobs a queue holds.
type Depth struct {
	Waiting int // for a first delivery
	InHand  int // delivered, without a verdict yet, or resting after a release
}

// Depth asks the server, which counts a job that waits a moment after Publish
// has returned.
func (q *Queue[T]) Depth(ctx context.Context) (Depth, error) {
	var d Depth
	err := q.c.do(ctx, "depth of queue "+q.consumer, func(ctx context.Context) error {
		cons, err := q.c.js.Consumer(ctx, q.stream, q.consumer)
		if err != nil {
			return err
		}
		info := cons.CachedInfo()
		d = Depth{Waiting: int(info.NumPending), InHand: info.NumAckPending}
		return nil
	})
	return d, err
}

// DepthOf is how many jobs of one run a pool's queue holds, waiting, in hand or
// with their deliveries used up. It costs more than Depth: the server names each.
func DepthOf(ctx context.Context, q *Queue[schemas.CaptionJob], run schemas.RunID) (n int, err error) {
	err = q.c.do(ctx, "depth of queue "+q.consumer+" for run "+string(run), func(ctx context.Context) error {
		s, err := q.c.js.Stream(ctx, q.stream)
		if err != nil {
			return err
		}
		info, err := s.Info(ctx, jetstream.WithSubjectFilter(runFilter(schemas.Pool(q.consumer), run)))
		if err == nil {
			n = len(info.State.Subjects)
		}
		return err
	})
	return n, err
}

// ended is the error of a call whose context has ended.
func ended(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("%w: %w", ctx.Err(), cause)
	}
	return ctx.Err()
}

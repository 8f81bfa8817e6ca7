package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/nats-io/nats.go/jetstream"
)

// Spent is a job whose deliveries are used up. Nobody will be given it, and
// its subject is taken, until it is removed or queued anew.
type Spent[T any] struct {
	Job T
	Err error // why the job can't be read, then Job is zero; see [schemas.ErrVersion]

	q       *Queue[T]
	seq     uint64
	subject string
	data    []byte
}

// Spent lists the jobs whose deliveries are used up, for a coordinator, which
// commits their rows as failed and then removes them. It asks the server for
// each, so it costs little where there are none. A job that a late holder
// finishes at this very moment may be among them: its receipt tells.
//
// The server finds out that deliveries are used up when a worker asks for a
// job. A spent job that came after one still in somebody's hands is listed when
// that one had its verdict.
func (q *Queue[T]) Spent(ctx context.Context) iter.Seq2[Spent[T], error] {
	return func(yield func(Spent[T], error) bool) {
		stream, last, err := q.settled(ctx)
		if err != nil {
			yield(Spent[T]{}, err)
			return
		}
		for seq := uint64(1); seq <= last; {
			var m *jetstream.RawStreamMsg
			err := q.c.do(ctx, "list spent jobs of "+q.consumer, func(ctx context.Context) error {
				var err error
				m, err = stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(q.filter))
				return err
			})
			if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && m.Sequence > last {
				return
			}
			if err != nil {
				yield(Spent[T]{}, err)
				return
			}
			seq = m.Sequence + 1
			job, err := q.decode(m.Data)
			if !yield(Spent[T]{Job: job, Err: err, q: q, seq: m.Sequence, subject: m.Subject, data: m.Data}, nil) {
				return
			}
		}
	}
}

// settled is the sequence up to which no message is in anybody's hands. What a
// work queue still holds up to it is spent: what was acknowledged is gone.
func (q *Queue[T]) settled(ctx context.Context) (stream jetstream.Stream, last uint64, err error) {
	err = q.c.do(ctx, "list spent jobs of "+q.consumer, func(ctx context.Context) error {
		if stream, err = q.c.js.Stream(ctx, q.stream); err != nil {
			return err
		}
		cons, err := stream.Consumer(ctx, q.consumer)
		if err != nil {
			return err
		}
		info := cons.CachedInfo()
		// The floor that the server reports moves with acknowledgements only.
		if last = info.AckFloor.Stream; info.NumAckPending == 0 {
			last = info.Delivered.Stream
		}
		return nil
	})
	return stream, last, err
}

// Remove takes the job off the stream. It may be repeated.
func (s Spent[T]) Remove(ctx context.Context) error {
	return s.q.c.do(ctx, fmt.Sprintf("remove spent job on %s", s.subject), func(ctx context.Context) error {
		stream, err := s.q.c.js.Stream(ctx, s.q.stream)
		if err != nil {
			return err
		}
		if err = stream.DeleteMsg(ctx, s.seq); !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
			return err
		}
		if _, look := stream.GetMsg(ctx, s.seq); errors.Is(look, jetstream.ErrMsgNotFound) {
			return nil // another coordinator was faster
		}
		return err
	})
}

// Requeue removes the job and queues it anew, with all its deliveries: what a
// coordinator does with a job of a version that it can't read.
func (s Spent[T]) Requeue(ctx context.Context) error {
	if err := s.Remove(ctx); err != nil {
		return err
	}
	if err := s.q.publish(ctx, s.subject, s.data); !errors.Is(err, ErrQueued) {
		return err
	}
	return nil
}

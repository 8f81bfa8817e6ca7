package feed

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"recaption/schemas"
	"recaption/shards"
)

// Position is a place in a training.
type Position struct {
	Epoch int
	At    int64 // in the epoch's order
}

// Epochs gives the batches of a training over all its epochs.
type Epochs struct {
	Store    shards.Store
	Training schemas.TrainingID
	Batch    BatchConfig

	// Open gives the reader of an epoch, by the list that rests or one that it
	// freezes. cutShort is where the epoch before was left, for the plan; 0
	// where it was read to its end.
	Open func(ctx context.Context, epoch int, cutShort int64) (*Reader, error)

	// Leave is asked between batches whether the epoch is to be left there, so
	// that a new list holds at once; see [Withdrawn]. nil: never. The place is in
	// the next list, so it may depend on the clock.
	Leave func(context.Context, schemas.EpochList) (bool, error)
	Pause time.Duration // least time between two questions
}

// EpochBatch is a batch and where it stands.
type EpochBatch struct {
	*Batch
	Epoch int
	After Position // from which the batch behind it is read
}

// Batches gives the batches from a position on, without end. An epoch that was
// left early ends there again. A batch is valid until the next one is asked
// for. The first error ends the iteration; an epoch that gives no batch is one.
func (e Epochs) Batches(ctx context.Context, from Position) iter.Seq2[EpochBatch, error] {
	return func(yield func(EpochBatch, error) bool) {
		var left int64 // where the epoch before was left
		asked := time.Now()
		for at := from; ; at = (Position{at.Epoch + 1, 0}) {
			r, err := e.Open(ctx, at.Epoch, left)
			var end int64
			if err == nil {
				end, err = e.end(ctx, at.Epoch)
			}
			if err != nil {
				yield(EpochBatch{}, err)
				return
			}
			left = 0
			given := at.At > 0
			for b, err := range r.Batches(ctx, e.Batch, at.At) {
				if err != nil {
					yield(EpochBatch{}, err)
					return
				}
				if b.Next > end {
					break
				}
				given = true
				if !yield(EpochBatch{b, at.Epoch, Position{at.Epoch, b.Next}}, nil) {
					return
				}
				if e.Leave == nil || time.Since(asked) < e.Pause {
					continue
				}
				leave, err := e.Leave(ctx, r.List())
				asked = time.Now()
				if err != nil {
					yield(EpochBatch{}, err)
					return
				}
				if leave {
					left = b.Next
					break
				}
			}
			if !given {
				yield(EpochBatch{}, fmt.Errorf("epoch %d of training %s: its %d rows give no batch of %d", at.Epoch, e.Training, r.Len(), e.Batch.Rows))
				return
			}
		}
	}
}

// end is the position at which an epoch ends early, as the list behind it
// says.
func (e Epochs) end(ctx context.Context, epoch int) (int64, error) {
	next, err := shards.ReadEpoch(ctx, e.Store, e.Training, epoch+1)
	switch {
	case errors.Is(err, shards.ErrNotFound):
		return math.MaxInt64, nil
	case err != nil:
		return 0, fmt.Errorf("where epoch %d of training %s ended: %w", epoch, e.Training, err)
	case next.CutShort > 0:
		return next.CutShort, nil
	}
	return math.MaxInt64, nil
}

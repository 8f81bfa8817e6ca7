package feed

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"recaption/schemas"
	"recaption/shards"
)

// Position is a place in a training.
type Position struct {
	Epoch int
	At    int64 // in the epoch's order
}

// Epochs gives batches over all epochs, without end, from a position on. open
// gives the reader of an epoch: it freezes the list or reads the one that rests.
// left is asked between batches, and behind each position says whether the epoch
// is to be left there; nil: never. A batch is valid until the next one is asked
// for. An epoch without a whole batch is an error.
func Epochs(ctx context.Context, c BatchConfig, from Position, open func(context.Context, int) (*Reader, error),
	left func(context.Context, schemas.EpochList) (bool, error),
) iter.Seq2[EpochBatch, error] {
	return func(yield func(EpochBatch, error) bool) {
		for at := from; ; at = (Position{at.Epoch + 1, 0}) {
			r, err := open(ctx, at.Epoch)
			if err != nil {
				yield(EpochBatch{}, err)
				return
			}
			given := at.At > 0
			for b, err := range r.Batches(ctx, c, at.At) {
				if err != nil {
					yield(EpochBatch{}, err)
					return
				}
				given = true
				if !yield(EpochBatch{b, at.Epoch, Position{at.Epoch, b.Next}}, nil) {
					return
				}
				if left == nil {
					continue
				}
				leave, err := left(ctx, r.list)
				if err != nil {
					yield(EpochBatch{}, err)
					return
				}
				if leave {
					break
				}
			}
			if !given {
				yield(EpochBatch{}, fmt.Errorf("epoch %d of training %s: its %d rows give no batch of %d", at.Epoch, r.list.Training, r.Len(), c.Rows))
				return
			}
		}
	}
}

// EpochBatch is a batch and where it stands.
type EpochBatch struct {
	*Batch
	Epoch int
	After Position // from which the batch behind it is read
}

// Resume gives the position at which a training goes on that was at p. Where
// its epoch was cut short since, that is the next one's start: samples of the
// list before may have been withdrawn.
func Resume(ctx context.Context, st shards.Store, t schemas.TrainingID, p Position) (Position, error) {
	for {
		next, err := shards.ReadEpoch(ctx, st, t, p.Epoch+1)
		if errors.Is(err, shards.ErrNotFound) {
			return p, nil
		}
		if err != nil {
			return p, err
		}
		if next.CutShort == 0 {
			return p, nil
		}
		p = Position{p.Epoch + 1, 0}
	}
}

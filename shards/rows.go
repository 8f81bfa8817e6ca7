package shards

import (
	"context"
	"fmt"
	"iter"

	"recaption/schemas"
)

// NumberedSample is a sample with its row in the shard.
type NumberedSample struct {
	Row int
	schemas.Sample
}

// NumberedCaptions are the captions of a sample with its row in the shard.
type NumberedCaptions struct {
	Row int
	schemas.CaptionRow
}

// Samples gives the named rows of a sample shard in order, or all where none
// are named, fetched as [Reader.Batches] says. A sample may be kept: its image
// shares the memory of its batch, which stays as long as one of them does.
// Images must not be written to.
func (r *Reader) Samples(ctx context.Context, rows ...schemas.RowRange) iter.Seq2[NumberedSample, error] {
	return readRows(ctx, r, schemas.SamplesSchema, rows, func(b Batch) (int, func(int) (NumberedSample, error), error) {
		view, err := schemas.NewSampleRows(b.Record)
		if err != nil {
			return 0, nil, err
		}
		return view.Len(), func(i int) (NumberedSample, error) {
			return NumberedSample{b.First + i, view.At(i)}, nil
		}, nil
	})
}

// Captions gives the named rows of a captions file in order, or all where none
// are named, fetched as [Reader.Batches] says. The rows are the caller's own.
func (r *Reader) Captions(ctx context.Context, rows ...schemas.RowRange) iter.Seq2[NumberedCaptions, error] {
	return readRows(ctx, r, schemas.CaptionsSchema, rows, func(b Batch) (int, func(int) (NumberedCaptions, error), error) {
		view, err := schemas.NewCaptionRows(b.Record)
		if err != nil {
			return 0, nil, err
		}
		return view.Len(), func(i int) (NumberedCaptions, error) {
			return NumberedCaptions{b.First + i, view.At(i)}, nil
		}, nil
	})
}

func readRows[T any](ctx context.Context, r *Reader, schema string, rows []schemas.RowRange,
	view func(Batch) (int, func(int) (T, error), error),
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if r.name != schema {
			yield(zero, fmt.Errorf("read %s: it has schema %s, not %s", r.key, r.name, schema))
			return
		}
		for b, err := range r.Batches(ctx, rows...) {
			if err != nil {
				yield(zero, err)
				return
			}
			n, at, err := view(b)
			for i := 0; err == nil && i < n; i++ {
				if !selected(rows, b.First+i) {
					continue
				}
				var v T
				if v, err = at(i); err == nil && !yield(v, nil) {
					return
				}
			}
			if err != nil {
				yield(zero, fmt.Errorf("read %s: batch %d: %w: %w", r.key, b.Index, ErrCorrupt, err))
				return
			}
		}
	}
}

func selected(rows []schemas.RowRange, row int) bool {
	for _, s := range rows {
		if s.Contains(row) {
			return true
		}
	}
	return len(rows) == 0
}

// RowsAt names single rows.
func RowsAt(rows ...int) []schemas.RowRange {
	sel := make([]schemas.RowRange, len(rows))
	for i, row := range rows {
		sel[i] = schemas.RowRange{From: row, To: row + 1}
	}
	return sel
}

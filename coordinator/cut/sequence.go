package cut

import (
	"context"
	"iter"

	"golang.org/x/sync/errgroup"

	"recaption/schemas"
	"recaption/shards"
)

// sequence writes the shards of one part, one after the other; while one is
// uploaded the next is written. It is for one goroutine, which must call
// finish.
type sequence struct {
	*Cutter
	ctx     context.Context // ends when an upload fails
	uploads *errgroup.Group
	shards  []*schemas.Shard     // each described when its upload is done
	open    *shards.SampleWriter // nil between shards
}

func newSequence(ctx context.Context, c *Cutter) *sequence {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(1)
	return &sequence{Cutter: c, ctx: gctx, uploads: g}
}

// fill takes the first most samples, or [All].
func (q *sequence) fill(samples iter.Seq2[schemas.Sample, error], most int) error {
	if most == 0 {
		return nil
	}
	n := 0
	for s, err := range samples {
		if err == nil {
			err = q.append(s)
		}
		if err != nil {
			return err
		}
		if n++; n == most {
			break
		}
	}
	q.upload()
	return nil
}

// append adds a sample to the open shard, or to a new one where it doesn't fit.
func (q *sequence) append(s schemas.Sample) error {
	if err := q.ctx.Err(); err != nil {
		return err
	}
	if q.open != nil && !q.open.Fits(s) {
		q.upload()
	}
	if q.open == nil {
		w, err := shards.NewSampleWriter(q.writer, q.meta)
		if err != nil {
			return err
		}
		q.open = w
	}
	return q.open.Append(s)
}

// upload hands the open shard on, and waits until the one before it rests.
func (q *sequence) upload() {
	if q.open == nil {
		return
	}
	w, shard := q.open, new(schemas.Shard)
	q.open, q.shards = nil, append(q.shards, shard)
	q.uploads.Go(func() (err error) {
		*shard, err = w.Commit(q.ctx, q.store, q.dataset.Dataset)
		return err
	})
}

// finish waits for the uploads and gives the shards, unless filling them ended
// with an error. An upload's error comes first: it is what ended the filling.
func (q *sequence) finish(err error) ([]schemas.Shard, error) {
	if q.open != nil {
		q.open.Abort()
	}
	if uerr := q.uploads.Wait(); uerr != nil {
		err = uerr
	}
	if err != nil {
		return nil, err
	}
	out := make([]schemas.Shard, 0, len(q.shards))
	for _, s := range q.shards {
		out = append(out, *s)
	}
	return out, nil
}

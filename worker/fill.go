package worker

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"recaption/schemas"
	"recaption/shards"
)

// outcome is what became of one sample.
type outcome struct {
	altText *string
	row     schemas.CaptionRow
}

// captionRows makes a row of every sample of the job's shard, in their order.
// Samples are captioned as they are read, as many at once as the worker allows
// over all its jobs. A sample that can't be read is a row too.
func (w *Worker) captionRows(ctx context.Context, h *hand, c *captioner) ([]outcome, error) {
	job := h.job
	rows, err := w.before(ctx, job)
	if err != nil {
		return nil, err
	}
	g, gctx := errgroup.WithContext(ctx)
	read := clock(&c.stages.read)
	err = shards.ReadableSamples(gctx, w.store, job, func(s shards.NumberedSample) error {
		read()
		out := &rows[s.Row]
		out.altText = s.AltText
		out.row.Key, out.row.ImageSHA256 = s.Key, s.ImageSHA256
		if job.Selects(s.Row) {
			if err := w.start(gctx, g, h, c, s, out); err != nil {
				return err
			}
		}
		read = clock(&c.stages.read)
		return nil
	})
	// A sample that failed ended the reading, if that was under way: it is the
	// cause.
	if failed := g.Wait(); failed != nil {
		err = failed
	}
	if err != nil {
		return nil, fmt.Errorf("caption shard %s: %w", job.Shard.Short(), err)
	}
	return rows, nil
}

// start captions a sample in a goroutine of g, when there is room for one.
func (w *Worker) start(ctx context.Context, g *errgroup.Group, h *hand, c *captioner, s shards.NumberedSample, out *outcome) error {
	select {
	case w.samples <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	g.Go(func() (err error) {
		defer func() { <-w.samples }()
		defer h.give(s.Row)()
		out.row, err = c.row(ctx, s.Sample)
		return err
	})
	return nil
}

// before gives the rows as they are before the job: of the generation before
// where some are kept of it, and otherwise, or where that can't be read any
// more, as if no sample could be read.
func (w *Worker) before(ctx context.Context, job schemas.CaptionJob) ([]outcome, error) {
	rows := make([]outcome, job.File.Rows)
	for i := range rows {
		rows[i].row = schemas.CaptionRow{Key: shards.UnreadableKey(i), Status: schemas.RowFailed, Reason: schemas.ReasonShardCorrupt}
	}
	if len(job.Rows) == 0 || job.Generation == 0 {
		return rows, nil
	}
	last, err := shards.ReadReceipt(ctx, w.store, shards.ReceiptKey(job.Recipe, job.Shard, job.Generation-1))
	if err != nil {
		return nil, err
	}
	r, err := shards.Open(ctx, w.store, shards.CaptionsKey(last.Recipe, last.Shard, last.Generation, last.Attempt), last.File)
	if errors.Is(err, shards.ErrCorrupt) {
		return rows, nil
	}
	if err != nil {
		return nil, err
	}
	for c, err := range r.Captions(ctx) {
		if errors.Is(err, shards.ErrCorrupt) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		if c.Row < len(rows) {
			rows[c.Row].row = c.CaptionRow
		}
	}
	return rows, nil
}

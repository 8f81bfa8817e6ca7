package worker

import (
	"context"
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
	before, err := shards.RowsBefore(ctx, w.store, job)
	if err != nil {
		return nil, err
	}
	rows := make([]outcome, len(before))
	for i := range rows {
		rows[i].row = before[i]
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

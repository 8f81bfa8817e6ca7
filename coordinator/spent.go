package coordinator

import (
	"context"
	"errors"

	"recaption/gate"
	"recaption/schemas"
	"recaption/shards"
)

// commitSpent deals with the jobs whose deliveries are used up: their rows are
// committed as failed, with the reason, and then they leave the queue. So a
// shard that no worker survives ends as rows with a status too. Jobs that need
// a newer program are queued anew, for one: passing them on used up their
// deliveries. A job of another run that can't be dealt with is left to that
// run's coordinator.
func (f *follower) commitSpent(ctx context.Context) error {
	for s, err := range f.jobs.Spent(ctx) {
		if err != nil {
			return err
		}
		if s.Err == nil {
			s.Err = f.fail(ctx, s.Job)
			if s.Job.Run == f.run.ID && errors.Is(s.Err, schemas.ErrMalformed) && f.takeReceipt(ctx, s.Job.Shard, announced) == nil {
				s.Err = nil // its receipt is damaged: that is told at the run's end
			}
			if s.Err != nil && !errors.Is(s.Err, schemas.ErrVersion) {
				if s.Job.Run == f.run.ID || passing(s.Err) || ctx.Err() != nil {
					return s.Err
				}
				f.log.Warn("a job of another run is left in the queue", "job", s.Job.ID, "run", s.Job.Run, "err", s.Err)
				continue
			}
		}
		settle := s.Remove
		if errors.Is(s.Err, schemas.ErrVersion) {
			settle = s.Requeue
		}
		if err := settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// fail commits a job's rows as failed, unless it was done after all, and
// announces the receipt. It returns [schemas.ErrVersion] for a job whose recipe,
// gate or receipt is for a newer program.
func (f *follower) fail(ctx context.Context, job schemas.CaptionJob) error {
	attempt := shards.NewAttempt(f.cfg.Name, f.cfg.Program, f.cfg.Spool)
	receipt, err := shards.ReadReceipt(ctx, f.store, shards.ReceiptKey(job.Recipe, job.Shard, job.Generation))
	if errors.Is(err, shards.ErrNotFound) {
		if err := f.known(ctx, job); err != nil {
			return err
		}
		f.log.Warn("every attempt at a job ended without a result; its rows are committed as failed", "job", job.ID, "shard", job.Shard.Short())
		receipt, err = attempt.CommitFailed(ctx, f.store, job, schemas.ReasonDeliveries)
	}
	if err != nil && !errors.Is(err, shards.ErrExists) {
		return err
	}
	return f.conn.Announce(ctx, receipt.Ready())
}

// known checks that recipe and gate of a job, where they are there, are of
// versions that this program knows.
func (f *follower) known(ctx context.Context, job schemas.CaptionJob) error {
	_, recipeErr := shards.ReadRecipe(ctx, f.store, job.Recipe)
	_, gateErr := shards.ReadGate(ctx, f.store, job.Gate)
	for _, err := range []error{recipeErr, gateErr} {
		if errors.Is(err, schemas.ErrVersion) || passing(err) {
			return err
		}
	}
	return nil
}

// recount gives a receipt with the counts that the run's gate leads to, where
// it was written under another gate. A new gate needs no model and no new
// files: the rows that rest are judged again.
func (f *follower) recount(ctx context.Context, r schemas.Receipt) (schemas.Receipt, error) {
	g, err := gate.New(f.run.gate, f.run.prompts)
	if err != nil {
		return r, err
	}
	captions, err := shards.Open(ctx, f.store, shards.CaptionsKey(r.Recipe, r.Shard, r.Generation, r.Attempt), r.File)
	if err != nil {
		return r, err
	}
	alt, err := f.altTexts(ctx, r)
	if err != nil {
		return r, err
	}
	tally := g.Tally()
	for row, err := range captions.Captions(ctx) {
		if err != nil {
			return r, err
		}
		tally.Add(alt[row.Row], row.CaptionRow)
	}
	tally.Into(&r)
	r.Gate = f.run.Gate
	return r, nil
}

// altTexts reads the alt-texts of a receipt's sample shard, by row.
func (f *follower) altTexts(ctx context.Context, r schemas.Receipt) (map[int]*string, error) {
	file, err := f.shardFile(ctx, r.Shard)
	if err != nil {
		return nil, err
	}
	alt := make(map[int]*string, file.Rows)
	job := schemas.CaptionJob{Dataset: r.Dataset, Shard: r.Shard, File: file}
	return alt, shards.ReadableSamples(ctx, f.store, job, func(s shards.NumberedSample) error {
		alt[s.Row] = s.AltText
		return nil
	})
}

// shardFile finds what a part record says of a shard's file.
func (f *follower) shardFile(ctx context.Context, id schemas.ShardID) (schemas.File, error) {
	f.mu.Lock()
	p := f.byShard[id]
	f.mu.Unlock()
	if p == nil {
		return schemas.File{}, shards.ErrNotFound
	}
	d := f.run.Dataset
	record, err := shards.ReadPart(ctx, f.store, shards.PartKey(d.Dataset, d.Revision, p.ID))
	if err != nil {
		return schemas.File{}, err
	}
	for _, s := range record.Shards {
		if s.ID == id {
			return s.File, nil
		}
	}
	return schemas.File{}, shards.ErrNotFound
}

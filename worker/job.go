package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"recaption/schemas"
	"recaption/shards"
)

// do takes a job from its delivery to its announced receipt. Done again after
// a crash at any point, it goes on from what rests.
func (w *Worker) do(ctx context.Context, h *hand, log *slog.Logger) error {
	job := h.job
	receipt, err := shards.ReadReceipt(ctx, w.store, shards.ReceiptKey(job.Recipe, job.Shard, job.Generation))
	switch {
	case err == nil:
		log.Info("receipt is there already")
		return w.announce(ctx, receipt, job.Run)
	case !errors.Is(err, shards.ErrNotFound):
		return err
	}
	st := &stages{}
	c, err := w.captioner(ctx, job, st)
	if err != nil {
		return err
	}
	rows, err := w.captionRows(ctx, h, c)
	if err != nil {
		return err
	}
	receipt, err = w.commit(ctx, job, c, rows, st)
	if err != nil {
		return err
	}
	log.Info("shard committed", "rows", receipt.File.Rows, "accepted", receipt.Accepted)
	return w.announce(ctx, receipt, job.Run)
}

// announce tells the run that asked for it, and all who listen, that a receipt
// is there: another run may have written it. It may be said again.
func (w *Worker) announce(ctx context.Context, r schemas.Receipt, run schemas.RunID) error {
	e := r.Ready()
	e.Run = run
	if err := w.conn.Announce(ctx, e); err != nil {
		return fmt.Errorf("announce shard %s: %w", r.Shard.Short(), err)
	}
	return nil
}

// captioner gets the job's recipe and gate, and checks that the engine can do
// what they ask.
func (w *Worker) captioner(ctx context.Context, job schemas.CaptionJob, st *stages) (*captioner, error) {
	w.mu.Lock()
	recipe, known := w.recipes[job.Recipe]
	g, knownGate := w.gates[job.Gate]
	w.mu.Unlock()
	var err error
	if !known {
		if recipe, err = shards.ReadRecipe(ctx, w.store, job.Recipe); err != nil {
			return nil, err
		}
	}
	if !knownGate {
		if g, err = shards.ReadGate(ctx, w.store, job.Gate); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.recipes) > maxKept {
		clear(w.recipes)
	}
	if len(w.gates) > maxKept {
		clear(w.gates)
	}
	w.recipes[job.Recipe], w.gates[job.Gate] = recipe, g
	return newCaptioner(w.engine, recipe, g, w.cores, st)
}

// maxKept bounds the recipes and gates that a worker remembers.
const maxKept = 64

// commit writes the rows beside their shard and commits them with a receipt.
// When another attempt was first, its receipt is the one that counts.
func (w *Worker) commit(ctx context.Context, job schemas.CaptionJob, c *captioner, rows []outcome, st *stages) (schemas.Receipt, error) {
	model, err := c.recipe.Model.ID()
	if err != nil {
		return schemas.Receipt{}, err
	}
	written := clock(&st.write)
	tally := c.gate.Tally()
	texts := make([]schemas.CaptionRow, len(rows))
	for i, r := range rows {
		texts[i] = r.row
		tally.Add(r.altText, r.row)
	}
	attempt := w.newAttempt()
	file, err := attempt.WriteCaptions(ctx, w.store, job, model, texts)
	written()
	if err != nil {
		return schemas.Receipt{}, err
	}
	receipt := attempt.Receipt(job, file)
	tally.Into(&receipt)
	receipt.Seconds = st.seconds()
	return w.winner(shards.CommitReceipt(ctx, w.store, receipt))
}

// commitFailed commits a job that can't be done, and announces it.
func (w *Worker) commitFailed(ctx context.Context, job schemas.CaptionJob) error {
	receipt, err := w.winner(w.newAttempt().CommitFailed(ctx, w.store, job, schemas.ReasonModel))
	if err != nil {
		return err
	}
	return w.announce(ctx, receipt, job.Run)
}

func (w *Worker) newAttempt() shards.Attempt {
	return shards.NewAttempt(w.cfg.Name, w.cfg.Program, w.cfg.Spool)
}

// winner takes the receipt that won.
func (w *Worker) winner(won schemas.Receipt, err error) (schemas.Receipt, error) {
	if errors.Is(err, shards.ErrExists) {
		w.log.Info("another attempt committed first", "shard", won.Shard.Short(), "winner", won.Attempt)
		return won, nil
	}
	return won, err
}

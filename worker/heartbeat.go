package worker

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"recaption/internal/jetstream"
	"recaption/schemas"
)

// hand is a job in hand, and which of its rows are with the engine.
type hand struct {
	job     schemas.CaptionJob
	attempt int

	mu   sync.Mutex // guards rows
	rows map[int]struct{}
}

// give notes that a row goes to the engine; the returned function, that it is
// back.
func (h *hand) give(row int) (back func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rows[row] = struct{}{}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.rows, row)
	}
}

func (h *hand) said() schemas.JobInHand {
	h.mu.Lock()
	defer h.mu.Unlock()
	j := schemas.JobInHand{Job: h.job.ID, Shard: h.job.Shard, Attempt: h.attempt}
	for _, row := range slices.Sorted(maps.Keys(h.rows)) {
		if n := len(j.Rows); n > 0 && j.Rows[n-1].To == row {
			j.Rows[n-1].To++
			continue
		}
		j.Rows = append(j.Rows, schemas.RowRange{From: row, To: row + 1})
	}
	return j
}

func (w *Worker) takeInHand(d *jetstream.Delivery[schemas.CaptionJob]) *hand {
	h := &hand{job: d.Job, attempt: d.Attempt, rows: map[int]struct{}{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hands = append(w.hands, h)
	w.wake()
	return h
}

func (w *Worker) letGo(h *hand) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hands = slices.DeleteFunc(w.hands, func(o *hand) bool { return o == h })
	w.wake()
}

func (w *Worker) wake() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// beat says what is in hand, whenever that changes and every so often, until
// ctx ends, and then that the worker has left. What it can't say is lost: a
// heartbeat decides nothing.
func (w *Worker) beat(ctx context.Context, draining <-chan struct{}) {
	tick := time.NewTicker(w.cfg.Heartbeat)
	defer tick.Stop()
	drains, silent := false, false
	for {
		err := w.say(ctx, drains)
		if err != nil && ctx.Err() == nil && !silent {
			w.log.Warn("heartbeat", "err", err)
		}
		silent = err != nil
		select {
		case <-ctx.Done():
			w.leave(ctx)
			return
		case <-draining:
			drains, draining = true, nil
		case <-w.changed:
		case <-tick.C:
		}
	}
}

// beatLimit bounds one heartbeat, so that a silent server does not hold a
// worker that ends.
const beatLimit = 2 * time.Second

func (w *Worker) say(ctx context.Context, draining bool) error {
	b, err := w.heartbeat(draining).Encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, beatLimit)
	defer cancel()
	return w.conn.Workers().Put(ctx, w.cfg.Name, b)
}

func (w *Worker) heartbeat(draining bool) schemas.Heartbeat {
	b := schemas.Heartbeat{Worker: w.cfg.Name, Program: w.cfg.Program, Draining: draining}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.hands {
		b.Jobs = append(b.Jobs, h.said())
	}
	return b
}

func (w *Worker) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatLimit)
	defer cancel()
	if err := w.conn.Workers().Delete(ctx, w.cfg.Name); err != nil {
		w.log.Debug("farewell", "err", err) // it expires
	}
}

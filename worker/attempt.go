package worker

import (
	"context"
	"errors"
	"time"

	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/worker/vlm"
)

// settleLimit bounds the last words about a job: they are said after the work's
// context has ended, too.
const settleLimit = 10 * time.Second

// attempt does one job and gives it its verdict, which it returns. Its error is about the worker:
// the engine has stopped, and there is no use in further jobs; it calls stop
// before it hands the job back, so that this worker doesn't take it again.
func (w *Worker) attempt(work context.Context, d *jetstream.Delivery[schemas.CaptionJob], stop func()) (verdict, error) {
	log := w.log.With("job", d.Job.ID, "shard", d.Job.Shard.Short(), "attempt", d.Attempt)
	log.Info("job taken")
	h := w.takeInHand(d)
	defer w.letGo(h)
	held, letGo := hold(work, d.Extend, d.Lease)
	err := w.do(held, h, log)
	v := judge(context.Cause(held), err)
	if v == reject {
		log.Warn("job can't be done; its rows are committed as failed", "err", err)
		err = w.commitFailed(held, d.Job)
		if v = judge(context.Cause(held), err); v == reject {
			v = retry // off the queue without a receipt it would come again for ever
		}
	}
	why := reason(held, err)
	letGo()
	dead := errors.Is(err, vlm.ErrStopped)
	if dead {
		stop()
	}
	w.settle(work, d, v, why)
	if dead && work.Err() == nil {
		return v, err
	}
	return v, nil
}

// reason is what the log says of an attempt's end: of one that was cancelled,
// what cancelled it.
func reason(held context.Context, err error) error {
	if cause := context.Cause(held); cause != nil && errors.Is(err, context.Canceled) {
		return cause
	}
	return err
}

// settle gives a job its verdict.
func (w *Worker) settle(work context.Context, d *jetstream.Delivery[schemas.CaptionJob], v verdict, cause error) {
	log := w.log.With("job", d.Job.ID, "shard", d.Job.Shard.Short(), "attempt", d.Attempt, "verdict", v.String())
	last, cancel := context.WithTimeout(context.WithoutCancel(work), settleLimit)
	defer cancel()
	if v == done {
		if err := d.Ack(last); err != nil {
			log.Warn("acknowledge a job", "err", err) // its receipt is there: who gets it next acknowledges it
		}
		return
	}
	log.Warn("attempt ended", "err", cause)
	var err error
	switch v {
	case abandon:
	case rest:
		err = d.Requeue(last)
	default:
		err = d.Release(last, delay(v, d.Attempt))
	}
	if err != nil {
		log.Warn("hand a job back", "err", err) // its lease runs out
	}
}

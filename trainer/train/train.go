package train

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"time"

	"recaption/internal/safetensors"
	"recaption/shards"
	"recaption/trainer/feed"
	"recaption/trainer/graph"
	"recaption/trainer/optim"
)

// Feed gives batches; [feed.Epochs] is one.
type Feed interface {
	// Batches gives the batches from a position on, without end, over all
	// epochs. Equal positions give equal batches. A batch is valid until the next
	// one is asked for. The sequence ends with its first error.
	Batches(ctx context.Context, from feed.Position) iter.Seq2[feed.EpochBatch, error]
}

// Point is what the curve says of some steps.
type Point struct {
	Step    int     `json:"step"` // the last of them
	Loss    float64 `json:"loss"` // their mean
	Rate    float64 `json:"rate"`
	Scale   float64 `json:"scale"`   // of the logits
	Length  float64 `json:"length"`  // of the gradients, before clipping
	Seconds float64 `json:"seconds"` // that they took
}

// Result is what a training came to.
type Result struct {
	Model   *graph.Model // its owner closes it
	Steps   int
	Resumed int // steps that an earlier run had done
	Curve   []Point
	Last    feed.Position
}

// NotFiniteError says that a step gave a NaN or an infinity. The checkpoint
// before it is good.
type NotFiniteError struct {
	Step       int
	Keys       []string // of the batch
	Checkpoint int      // the step of the last good checkpoint; -1: none
	Err        error
}

func (e *NotFiniteError) Error() string {
	last := "there is no checkpoint before it"
	if e.Checkpoint >= 0 {
		last = fmt.Sprintf("the checkpoint of step %d is good", e.Checkpoint)
	}
	return fmt.Sprintf("step %d, on the batch of %q and %d more: %v; %s. Lower the rate, clip gradients, or look at these samples",
		e.Step, e.Keys[0], len(e.Keys)-1, e.Err, last)
}

func (e *NotFiniteError) Unwrap() error { return e.Err }

// ErrOtherSettings says that a training of this name was begun with other
// settings.
var ErrOtherSettings = errors.New("was begun with other settings")

// trainer is one training under way.
type trainer struct {
	cfg   Config
	store shards.Store
	log   *slog.Logger
	show  func(Point)

	model     *graph.Model
	optimizer *optim.Optimizer
	tensors   []safetensors.Tensor // of model and optimizer
	state     Checkpoint
	saved     int // step of the last checkpoint; -1: none

	sum   Point // of the point that is being collected
	count int
	began time.Time
}

// Run trains until all steps are done, from the newest checkpoint where there is
// one. When ctx ends it saves one more, and returns ctx's error. show, where it
// is not nil, is called with each point of the curve.
func Run(ctx context.Context, st shards.Store, cfg Config, f Feed, log *slog.Logger, show func(Point)) (_ Result, err error) {
	if err := cfg.Validate(); err != nil {
		return Result{}, err
	}
	t := &trainer{cfg: cfg, store: st, log: log.With("training", cfg.Name), show: show, saved: -1}
	if err := t.open(ctx); err != nil {
		t.close()
		return Result{}, err
	}
	defer t.optimizer.Close()
	resumed := t.state.Step
	if err := t.train(ctx, f); err != nil {
		t.model.Close()
		return Result{}, err
	}
	return Result{Model: t.model, Steps: t.state.Step, Resumed: resumed, Curve: t.state.Curve, Last: feed.Position{Epoch: t.state.Epoch, At: t.state.Position}}, nil
}

// open makes model and optimizer, as they were at the newest checkpoint.
func (t *trainer) open(ctx context.Context) error {
	settings, err := t.cfg.Settings()
	if err != nil {
		return err
	}
	if err := t.fresh(); err != nil {
		return err
	}
	c, err := loadCheckpoint(ctx, t.store, t.cfg.Name, t.tensors, t.log)
	if errors.Is(err, errNoCheckpoint) {
		t.close() // what was damaged may be half read
		t.state = Checkpoint{Training: t.cfg.Name, Settings: settings}
		return t.fresh()
	}
	if err != nil {
		return err
	}
	if c.Settings != settings {
		return fmt.Errorf("training %s %w; give the new one another name, or remove %s", t.cfg.Name, ErrOtherSettings, shards.CheckpointsPrefix(t.cfg.Name))
	}
	t.state, t.saved = c, c.Step
	t.log.Info("training goes on", "step", c.Step, "epoch", c.Epoch, "position", c.Position)
	return nil
}

// fresh makes model and optimizer as they are at the beginning.
func (t *trainer) fresh() (err error) {
	o := graph.Options{Device: t.cfg.Device, Threads: t.cfg.Threads, Part: t.cfg.Part, Negatives: t.cfg.Negatives}
	if t.model, err = graph.New(t.cfg.Model, t.cfg.Loss, t.cfg.Seed, o); err != nil {
		return err
	}
	if t.optimizer, err = optim.New(t.model.Tensors, t.cfg.Optimizer, optim.Options{Threads: t.cfg.Threads, Device: t.cfg.Device}); err != nil {
		return err
	}
	t.tensors = nil
	for _, p := range t.model.Tensors {
		t.tensors = append(t.tensors, safetensors.Tensor{Name: "model." + p.Name, Shape: p.Shape, Data: p.Data})
	}
	for _, m := range t.optimizer.State() {
		t.tensors = append(t.tensors, safetensors.Tensor{Name: "optimizer." + m.Name, Shape: m.Shape, Data: m.Data})
	}
	return nil
}

func (t *trainer) close() {
	if t.optimizer != nil {
		t.optimizer.Close()
	}
	if t.model != nil {
		t.model.Close()
	}
	t.model, t.optimizer = nil, nil
}

func (t *trainer) train(ctx context.Context, f Feed) error {
	steps := t.cfg.Optimizer.Steps
	if t.state.Step >= steps {
		return nil
	}
	t.began = time.Now()
	for b, err := range f.Batches(ctx, feed.Position{Epoch: t.state.Epoch, At: t.state.Position}) {
		if err != nil {
			return t.stop(ctx, err)
		}
		if err := t.step(b); err != nil {
			return err
		}
		if done := t.state.Step; done == steps || done%t.cfg.CheckpointEvery == 0 {
			if err := t.save(ctx); err != nil {
				return t.stop(ctx, err)
			}
		}
		if t.state.Step == steps {
			return nil
		}
		if ctx.Err() != nil {
			return t.stop(ctx, ctx.Err())
		}
	}
	return t.stop(ctx, errors.New("the feed has ended"))
}

// step trains on one batch.
func (t *trainer) step(b feed.EpochBatch) error {
	bad := func(err error) error {
		return &NotFiniteError{Step: t.state.Step, Keys: b.Keys, Checkpoint: t.saved, Err: err}
	}
	loss, err := t.model.Step(graph.Batch{Pixels: b.Pixels, Texts: b.IDs, Negatives: b.Negatives, Length: b.Length})
	if err != nil {
		return fmt.Errorf("step %d: %w", t.state.Step, err)
	}
	if err := optim.CheckLoss(loss); err != nil {
		return bad(err)
	}
	did, err := t.optimizer.Step(t.state.Step)
	if errors.Is(err, optim.ErrNotFinite) {
		return bad(err)
	} else if err != nil {
		return fmt.Errorf("step %d: %w", t.state.Step, err)
	}
	optim.ClampLogitScale(t.model.Tensors)
	t.state.Step++
	t.state.Epoch, t.state.Position = b.After.Epoch, b.After.At
	t.note(float64(loss), did)
	return nil
}

// note collects steps into points of the curve.
func (t *trainer) note(loss float64, did optim.Did) {
	t.sum.Loss += loss
	t.sum.Length += did.Length
	t.count++
	if t.state.Step%t.cfg.PointEvery != 0 && t.state.Step != t.cfg.Optimizer.Steps {
		return
	}
	n := float64(t.count)
	p := Point{Step: t.state.Step, Loss: t.sum.Loss / n, Length: t.sum.Length / n, Rate: did.Rate, Seconds: time.Since(t.began).Seconds()}
	for _, m := range t.model.Tensors {
		if m.Name == "logit_scale" {
			p.Scale = math.Exp(float64(m.Data[0]))
		}
	}
	t.state.Curve = append(t.state.Curve, p)
	t.sum, t.count, t.began = Point{}, 0, time.Now()
	t.log.Info("trained", "step", p.Step, "loss", p.Loss, "rate", p.Rate, "scale", p.Scale)
	if t.show != nil {
		t.show(p)
	}
}

func (t *trainer) save(ctx context.Context) error {
	if err := saveCheckpoint(ctx, t.store, t.state, t.tensors, t.cfg.Keep); err != nil {
		return err
	}
	t.saved = t.state.Step
	return nil
}

// stopLimit bounds the saving of a last checkpoint.
const stopLimit = 30 * time.Second

// stop saves what was done since the last checkpoint, where ctx ended the
// training, and gives the error that ended it.
func (t *trainer) stop(ctx context.Context, cause error) error {
	if ctx.Err() == nil || t.saved == t.state.Step || t.state.Step == 0 {
		return cause
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	if err := t.save(last); err != nil {
		return errors.Join(cause, err)
	}
	t.log.Info("training stopped; it goes on from here", "step", t.state.Step)
	return cause
}

package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"recaption/shards"
	"recaption/shards/memstore"
	"recaption/trainer/feed"
	"recaption/trainer/graph"
	"recaption/trainer/optim"
)

// drawn gives batches of random pictures and texts, a function of the position
// alone; an epoch has 7 batches.
type drawn struct {
	c     graph.Config
	after func(batches int) // is called when a batch was trained on
	spoil int               // the batch that is not finite; 0: none
}

const drawnBatch = 4

func (d drawn) Batches(ctx context.Context, from feed.Position) iter.Seq2[feed.EpochBatch, error] {
	return func(yield func(feed.EpochBatch, error) bool) {
		for n := 1; ; n++ {
			if err := ctx.Err(); err != nil {
				yield(feed.EpochBatch{}, err)
				return
			}
			r := rand.New(rand.NewPCG(uint64(from.Epoch), uint64(from.At)))
			length := 4 + r.IntN(4)
			b := feed.EpochBatch{Batch: &feed.Batch{Rows: drawnBatch, Length: length}, Epoch: from.Epoch}
			for range drawnBatch * 3 * d.c.Vision.Image * d.c.Vision.Image {
				b.Pixels = append(b.Pixels, float32(r.NormFloat64()))
			}
			for i := range drawnBatch {
				b.Keys = append(b.Keys, fmt.Sprintf("%d-%d-%d", from.Epoch, from.At, i))
				for range length - 1 {
					b.IDs = append(b.IDs, r.Int64N(int64(d.c.Text.EOS)))
				}
				b.IDs = append(b.IDs, int64(d.c.Text.EOS))
			}
			if n == d.spoil {
				b.Pixels[5] = float32(math.NaN())
			}
			from.At += drawnBatch
			if from.At == 7*drawnBatch {
				from = feed.Position{Epoch: from.Epoch + 1}
			}
			b.After = from
			if !yield(b, nil) {
				return
			}
			if d.after != nil {
				d.after(n)
			}
		}
	}
}

func config() Config {
	c := graph.DefaultConfig().WithTokens(40, 38, 39)
	c.Projection, c.Text.Context, c.Vision.Image, c.Vision.Patch = 12, 12, 12, 4
	tower := graph.Tower{Width: 16, Inner: 40, Layers: 1, Heads: 2, Activation: graph.QuickGELU, Epsilon: 1e-5, Projection: 12}
	c.Text.Tower, c.Vision.Tower = tower, tower
	o := optim.DefaultConfig()
	o.Method, o.Steps, o.Warmup = optim.Muon, 12, 2
	return Config{
		Name: "t", Model: c, Loss: graph.CLIP, Optimizer: o, Batch: drawnBatch, Seed: 1, Data: "drawn",
		CheckpointEvery: 5, Keep: 2, PointEvery: 3,
	}
}

func run(ctx context.Context, t *testing.T, st shards.Store, c Config, f Feed) (Result, error) {
	t.Helper()
	r, err := Run(ctx, st, c, f, slog.New(slog.DiscardHandler), nil)
	if r.Model != nil {
		t.Cleanup(r.Model.Close)
	}
	return r, err
}

func weights(m *graph.Model) []float32 {
	var all []float32
	for _, p := range m.Tensors {
		all = append(all, p.Data...)
	}
	return all
}

// TestResumesToTheBit stops a training after each number of steps, by its
// context, and once more by a store that fails, and wants the weights and the
// curve's steps of one that ran through.
func TestResumesToTheBit(t *testing.T) {
	c := config()
	whole, err := run(t.Context(), t, memstore.New(), c, drawn{c: c.Model})
	if err != nil {
		t.Fatal(err)
	}
	if whole.Steps != 12 || whole.Resumed != 0 || whole.Last != (feed.Position{Epoch: 1, At: 5 * drawnBatch}) || len(whole.Curve) != 4 {
		t.Errorf("result %d steps, %d resumed, at %v, %d points", whole.Steps, whole.Resumed, whole.Last, len(whole.Curve))
	}
	for stop := 1; stop < 12; stop++ {
		st := memstore.New()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := run(ctx, t, st, c, drawn{c: c.Model, after: func(n int) {
			if n == stop {
				cancel()
			}
		}})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped after %d: %v", stop, err)
		}
		again, err := run(t.Context(), t, st, c, drawn{c: c.Model})
		if err != nil {
			t.Fatal(err)
		}
		if again.Resumed != stop {
			t.Errorf("stopped after %d: went on from %d", stop, again.Resumed)
		}
		if !slices.Equal(weights(again.Model), weights(whole.Model)) {
			t.Errorf("stopped after %d: other weights", stop)
		}
	}
}

// TestKilledBetweenCheckpoints: what was not saved is done again.
func TestKilledBetweenCheckpoints(t *testing.T) {
	c := config()
	whole, err := run(t.Context(), t, memstore.New(), c, drawn{c: c.Model})
	if err != nil {
		t.Fatal(err)
	}
	st := memstore.New()
	killed := errors.New("killed")
	_, err = run(t.Context(), t, st, c, failing{drawn{c: c.Model}, 8, killed})
	if !errors.Is(err, killed) {
		t.Fatal(err)
	}
	again, err := run(t.Context(), t, st, c, drawn{c: c.Model})
	if err != nil || again.Resumed != 5 {
		t.Fatalf("went on from %d, %v; want 5", again.Resumed, err)
	}
	if !slices.Equal(weights(again.Model), weights(whole.Model)) {
		t.Error("other weights")
	}
	// Done is done: nothing is trained, and the model is there.
	done, err := run(t.Context(), t, st, c, failing{drawn{c: c.Model}, 0, killed})
	if err != nil || done.Resumed != 12 || !slices.Equal(weights(done.Model), weights(whole.Model)) {
		t.Errorf("after the end: from %d, %v", done.Resumed, err)
	}
}

// failing gives an error in the place of a batch.
type failing struct {
	drawn
	after int
	err   error
}

func (f failing) Batches(ctx context.Context, from feed.Position) iter.Seq2[feed.EpochBatch, error] {
	return func(yield func(feed.EpochBatch, error) bool) {
		n := 0
		for b, err := range f.drawn.Batches(ctx, from) {
			if n == f.after {
				yield(feed.EpochBatch{}, f.err)
				return
			}
			n++
			if !yield(b, err) {
				return
			}
		}
	}
}

func TestNotFinite(t *testing.T) {
	c := config()
	st := memstore.New()
	_, err := run(t.Context(), t, st, c, drawn{c: c.Model, spoil: 7})
	var e *NotFiniteError
	if !errors.As(err, &e) || e.Step != 6 || e.Checkpoint != 5 || e.Keys[0] != "0-24-0" {
		t.Fatalf("error %v", err)
	}
	if !strings.Contains(err.Error(), "the checkpoint of step 5 is good") {
		t.Errorf("error %q", err)
	}
	// The checkpoint is that of the step before, and the training goes on.
	r, err := run(t.Context(), t, st, c, drawn{c: c.Model})
	if err != nil || r.Resumed != 5 {
		t.Errorf("from %d, %v", r.Resumed, err)
	}
}

func TestOtherSettings(t *testing.T) {
	c := config()
	st := memstore.New()
	if _, err := run(t.Context(), t, st, c, drawn{c: c.Model}); err != nil {
		t.Fatal(err)
	}
	c.Optimizer.Rate *= 2
	if _, err := run(t.Context(), t, st, c, drawn{c: c.Model}); !errors.Is(err, ErrOtherSettings) {
		t.Errorf("another rate: %v", err)
	}
	c.Model.Projection = 8
	if _, err := run(t.Context(), t, st, c, drawn{c: c.Model}); err == nil || !strings.Contains(err.Error(), "choose another name") {
		t.Errorf("another shape: %v", err)
	}
}

// TestDamagedCheckpoint flips bits and cuts ends of the newest checkpoint; the
// one before it is taken, and where there is none, training begins anew.
func TestDamagedCheckpoint(t *testing.T) {
	c := config()
	whole, err := run(t.Context(), t, memstore.New(), c, drawn{c: c.Model})
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(b []byte) []byte{
		"a bit of a tensor": func(b []byte) []byte { b[len(b)-9] ^= 4; return b },
		"a bit of the head": func(b []byte) []byte { b[40] ^= 1; return b },
		"its end":           func(b []byte) []byte { return b[:len(b)-100] },
		"all of it":         func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			st := memstore.New()
			if _, err := run(t.Context(), t, st, c, drawn{c: c.Model}); err != nil {
				t.Fatal(err)
			}
			for _, want := range []int{10, 0} {
				keys, err := checkpoints(t.Context(), st, c.Name)
				if err != nil || len(keys) != 2 {
					t.Fatalf("checkpoints %v, %v; want 2", keys, err)
				}
				for _, key := range keys[len(keys)-1-(10-want)/10:] {
					b, err := st.Get(t.Context(), key, 1<<30)
					if err != nil {
						t.Fatal(err)
					}
					b = damage(b)
					if err := st.Put(t.Context(), key, bytes.NewReader(b), int64(len(b))); err != nil {
						t.Fatal(err)
					}
				}
				again, err := run(t.Context(), t, st, c, drawn{c: c.Model})
				if err != nil || again.Resumed != want {
					t.Fatalf("went on from %d, %v; want %d", again.Resumed, err, want)
				}
				if !slices.Equal(weights(again.Model), weights(whole.Model)) {
					t.Error("other weights")
				}
			}
		})
	}
}

func TestConfigFaults(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"name": func(c *Config) { c.Name = "A b" }, "batch": func(c *Config) { c.Batch = 1 },
		"loss": func(c *Config) { c.Loss = "l2" }, "checkpoints kept": func(c *Config) { c.Keep = 0 },
		"image_size": func(c *Config) { c.Model.Vision.Image = 13 }, "rate": func(c *Config) { c.Optimizer.Rate = -1 },
	} {
		c := config()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

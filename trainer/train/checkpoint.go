package train

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"

	"recaption/internal/safetensors"
	"recaption/schemas"
	"recaption/shards"
)

// A Checkpoint is all that training needs to go on as if it had never stopped:
// with the tensors of a State it is one file. There is no state of a random
// generator in it, since every random choice is a function of seed, step, epoch
// and key.
type Checkpoint struct {
	Version  int                `json:"version"`
	Training schemas.TrainingID `json:"training"`
	Step     int                `json:"step"`     // steps done
	Epoch    int                `json:"epoch"`    // whose list is read
	Position int64              `json:"position"` // in the epoch's order
	Settings schemas.Digest     `json:"settings"` // of what decides the weights
	Curve    []Point            `json:"curve"`

	Tensors map[string]schemas.Digest `json:"tensors"` // sha256 of each tensor's bytes
}

// checkpointVersion is that of what is written; it alone is read.
const checkpointVersion = 1

// checkpointEntry is the checkpoint's name among a file's metadata.
const checkpointEntry = "recaption.checkpoint"

// errNoCheckpoint says that there is none.
var errNoCheckpoint = errors.New("no checkpoint")

// saveCheckpoint puts a checkpoint into the store, whole or not at all, and
// then removes all but the newest keep. The tensors must not change meanwhile.
func saveCheckpoint(ctx context.Context, st shards.Store, c Checkpoint, tensors []safetensors.Tensor, keep int) error {
	c.Version, c.Tensors = checkpointVersion, make(map[string]schemas.Digest, len(tensors))
	for _, t := range tensors {
		c.Tensors[t.Name] = digest(t.Data)
	}
	meta, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("save checkpoint %d: %w", c.Step, err)
	}
	body, size, err := safetensors.Encode(tensors, map[string]string{checkpointEntry: string(meta)})
	if err != nil {
		return fmt.Errorf("save checkpoint %d: %w", c.Step, err)
	}
	key := shards.CheckpointKey(c.Training, c.Step)
	if err := st.Put(ctx, key, body, size); err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	keys, err := checkpoints(ctx, st, c.Training)
	if err != nil {
		return err
	}
	for _, old := range keys[:max(0, len(keys)-keep)] {
		if old == key {
			continue
		}
		if err := st.Delete(ctx, old); err != nil {
			return fmt.Errorf("remove an old checkpoint: %w", err)
		}
	}
	return nil
}

// loadCheckpoint reads the newest checkpoint into tensors, by their names. One
// that is damaged is passed over with a warning, for the one before it.
// errNoCheckpoint says that there is none that can be read.
func loadCheckpoint(ctx context.Context, st shards.Store, training schemas.TrainingID, tensors []safetensors.Tensor, log *slog.Logger) (Checkpoint, error) {
	keys, err := checkpoints(ctx, st, training)
	if err != nil {
		return Checkpoint{}, err
	}
	for _, key := range slices.Backward(keys) {
		c, err := readCheckpoint(ctx, st, key, tensors)
		if errors.Is(err, safetensors.ErrMalformed) {
			log.Warn("checkpoint passed over: it is damaged", "checkpoint", key, "err", err)
			continue
		}
		return c, err
	}
	return Checkpoint{}, errNoCheckpoint
}

func readCheckpoint(ctx context.Context, st shards.Store, key string, tensors []safetensors.Tensor) (Checkpoint, error) {
	bad := func(err error) (Checkpoint, error) { return Checkpoint{}, fmt.Errorf("checkpoint %s: %w", key, err) }
	tail, err := st.ReadTail(ctx, key, 1)
	if err != nil {
		return bad(err)
	}
	f, err := safetensors.Open(&object{ctx, st, key, tail.ETag}, tail.Size)
	if err != nil {
		return bad(err)
	}
	var c Checkpoint
	if err := json.Unmarshal([]byte(f.Metadata[checkpointEntry]), &c); err != nil {
		return bad(fmt.Errorf("%w: %w", safetensors.ErrMalformed, err))
	}
	if c.Version != checkpointVersion {
		return bad(fmt.Errorf("%w %d; this program reads %d", schemas.ErrVersion, c.Version, checkpointVersion))
	}
	if len(f.Names()) != len(tensors) {
		return bad(fmt.Errorf("it has %d tensors, this model and its optimizer %d: continue with the settings it was begun with, or choose another name", len(f.Names()), len(tensors)))
	}
	for _, t := range tensors {
		if shape, ok := f.Shape(t.Name); !ok || !slices.Equal(shape, t.Shape) {
			return bad(fmt.Errorf("tensor %s has shape %v, this model wants %v: continue with the settings it was begun with, or choose another name", t.Name, shape, t.Shape))
		}
		if err := f.Read(t.Name, t.Data); err != nil {
			return bad(err)
		}
		if digest(t.Data) != c.Tensors[t.Name] {
			return bad(fmt.Errorf("%w: tensor %s is not what was saved", safetensors.ErrMalformed, t.Name))
		}
	}
	return c, nil
}

// checkpoints lists the keys of a training's checkpoints, the oldest first.
func checkpoints(ctx context.Context, st shards.Store, training schemas.TrainingID) ([]string, error) {
	var keys []string
	for o, err := range st.List(ctx, shards.CheckpointsPrefix(training), "") {
		if err != nil {
			return nil, fmt.Errorf("list checkpoints: %w", err)
		}
		keys = append(keys, o.Key)
	}
	return keys, nil
}

func digest(data []float32) schemas.Digest {
	h := sha256.New()
	var buf [1 << 12]byte
	for len(data) > 0 {
		n := min(len(data), len(buf)/4)
		for i, v := range data[:n] {
			binary.LittleEndian.PutUint32(buf[4*i:], math.Float32bits(v))
		}
		_, _ = h.Write(buf[:4*n]) // a hash takes all
		data = data[n:]
	}
	return schemas.Digest(h.Sum(nil))
}

// object reads an object of a store at any place.
type object struct {
	ctx  context.Context
	st   shards.Store
	key  string
	etag string
}

// ReadAt implements [io.ReaderAt].
func (o *object) ReadAt(p []byte, at int64) (int, error) {
	r, err := o.st.ReadRange(o.ctx, o.key, at, int64(len(p)), o.etag)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.ReadFull(r, p)
}

package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"recaption/schemas"
	"recaption/shards"
	"recaption/trainer/graph"
	"recaption/trainer/optim"
)

// Record is what a finished training says of itself.
type Record struct {
	Version    int                `json:"version"`
	Training   schemas.TrainingID `json:"training"`
	Model      graph.Config       `json:"model"`
	Parameters int                `json:"parameters"`
	Loss       graph.Loss         `json:"loss"`
	Optimizer  optim.Config       `json:"optimizer"`
	Batch      int                `json:"batch"`
	Part       int                `json:"part,omitempty"`
	Negatives  bool               `json:"negatives,omitempty"`
	Augment    bool               `json:"augment,omitempty"`
	Seed       uint64             `json:"seed"`
	Policy     schemas.Policy     `json:"policy"`
	PolicyID   schemas.PolicyID   `json:"policy_sha256"`
	Datasets   []schemas.Dataset  `json:"datasets"`
	Settings   schemas.Digest     `json:"settings_sha256"`
	Epochs     int                `json:"epochs"` // begun
	Rows       int64              `json:"rows"`   // of the last epoch's list
	Shown      map[string]int64   `json:"shown"`  // rows of it by kind of text, as far as it was read
	Skipped    map[string]int64   `json:"skipped,omitempty"`
	SetAside   map[string]int     `json:"set_aside,omitempty"` // receipts, by reason
	Curve      []Point            `json:"curve"`
	Finished   time.Time          `json:"finished"`
	PeakMemory int64              `json:"peak_memory"` // bytes of the process; 0: unknown
	Program    string             `json:"program"`
	Runtime    string             `json:"runtime"`
}

const recordVersion = 1

// recordLimit bounds a record, and a file of a model, that is read back.
const recordLimit = 2 << 30

func recordKey(t schemas.TrainingID) string { return shards.TrainingPrefix(t) + "record.json" }
func modelPrefix(t schemas.TrainingID) string {
	return shards.TrainingPrefix(t) + "model/"
}

// Save puts a trained model and its record into the store, the record last.
func Save(ctx context.Context, st shards.Store, r Record, files []File) error {
	for _, f := range files {
		if err := st.Put(ctx, modelPrefix(r.Training)+f.Name, bytes.NewReader(f.Bytes), int64(len(f.Bytes))); err != nil {
			return fmt.Errorf("save model of training %s: %w", r.Training, err)
		}
	}
	r.Version = recordVersion
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("save record of training %s: %w", r.Training, err)
	}
	if err := st.Put(ctx, recordKey(r.Training), bytes.NewReader(b), int64(len(b))); err != nil {
		return fmt.Errorf("save record of training %s: %w", r.Training, err)
	}
	return nil
}

// Load reads the record of a finished training and the files of its model.
func Load(ctx context.Context, st shards.Store, t schemas.TrainingID) (Record, []File, error) {
	b, err := st.Get(ctx, recordKey(t), recordLimit)
	if errors.Is(err, shards.ErrNotFound) {
		return Record{}, nil, fmt.Errorf("training %s has not ended here: %w", t, err)
	} else if err != nil {
		return Record{}, nil, err
	}
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		return Record{}, nil, fmt.Errorf("record of training %s: %w: %w", t, schemas.ErrMalformed, err)
	}
	if r.Version != recordVersion {
		return Record{}, nil, fmt.Errorf("record of training %s: %w: version %d; this program reads version %d", t, schemas.ErrVersion, r.Version, recordVersion)
	}
	var files []File
	for o, err := range st.List(ctx, modelPrefix(t), "") {
		if err != nil {
			return Record{}, nil, fmt.Errorf("list model of training %s: %w", t, err)
		}
		b, err := st.Get(ctx, o.Key, recordLimit)
		if err != nil {
			return Record{}, nil, err
		}
		name := strings.TrimPrefix(o.Key, modelPrefix(t))
		if path.Clean(name) != name || strings.HasPrefix(name, "../") {
			return Record{}, nil, fmt.Errorf("model of training %s: a file named %q", t, name)
		}
		files = append(files, File{name, b})
	}
	return r, files, nil
}

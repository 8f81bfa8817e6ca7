package recipefile

import (
	"fmt"
	"path/filepath"

	"recaption/schemas"
)

// Training is what a training file says. Zero numbers of the optimizer mean its
// defaults.
type Training struct {
	Name       schemas.TrainingID
	Model      string // a preset's name, or a config.json of a CLIPModel
	Tokenizer  string // bundled, or a tokenizer.json or its folder
	Loss       string
	Batch      int
	Part       int
	Steps      int
	Seed       int64
	Negatives  bool
	Augment    bool
	Datasets   []schemas.DatasetID
	Policy     schemas.Policy
	Optimizer  Optimizer
	Checkpoint Checkpoints
	Order      schemas.EpochOrder
}

// Optimizer is a training file's optimizer.
type Optimizer struct {
	Method   string   `yaml:"method"`
	Rate     *float64 `yaml:"rate"`
	MuonRate *float64 `yaml:"muon_rate"`
	Warmup   *int     `yaml:"warmup"`
	Floor    *float64 `yaml:"floor"`
	Decay    *float64 `yaml:"weight_decay"`
	Beta1    *float64 `yaml:"beta1"`
	Beta2    *float64 `yaml:"beta2"`
	Epsilon  *float64 `yaml:"epsilon"`
	Momentum *float64 `yaml:"momentum"`
	Clip     *float64 `yaml:"clip"`
}

// Checkpoints says how often they are made and how many are kept.
type Checkpoints struct {
	Every int `yaml:"every"`
	Keep  int `yaml:"keep"`
}

// trainingFile is what a user writes.
type trainingFile struct {
	Name       string      `yaml:"name"`
	Model      string      `yaml:"model"`
	Tokenizer  string      `yaml:"tokenizer"`
	Loss       string      `yaml:"loss"`
	Batch      int         `yaml:"batch"`
	Part       int         `yaml:"part"`
	Steps      int         `yaml:"steps"`
	Seed       int64       `yaml:"seed"`
	Negatives  bool        `yaml:"negatives"`
	Augment    bool        `yaml:"augment"`
	Datasets   []string    `yaml:"datasets"`
	Policy     policyFile  `yaml:"policy"`
	Optimizer  Optimizer   `yaml:"optimizer"`
	Checkpoint Checkpoints `yaml:"checkpoint"`
	Order      struct {
		Lanes  int `yaml:"lanes"`
		Window int `yaml:"window"`
	} `yaml:"order"`
}

// ReadTraining reads a training file. Unknown keys are errors. The name is that
// of the file where it has none.
func ReadTraining(path string) (Training, error) {
	p := schemas.DefaultPolicy()
	p.Context = 0 // the model's
	f := trainingFile{
		Name: nameOf(path), Model: "tiny", Tokenizer: "bundled", Loss: "clip", Batch: 128, Steps: 400, Seed: 1,
		Policy: overPolicy(&p), Checkpoint: Checkpoints{Every: 100, Keep: 3},
	}
	if err := readYAML(path, "training", &f); err != nil {
		return Training{}, err
	}
	f.Policy.into(&p)
	t := Training{
		Model: f.Model, Tokenizer: f.Tokenizer, Loss: f.Loss, Batch: f.Batch, Part: f.Part, Steps: f.Steps, Seed: f.Seed,
		Negatives: f.Negatives, Augment: f.Augment, Policy: p, Optimizer: f.Optimizer, Checkpoint: f.Checkpoint,
		Order: schemas.EpochOrder{Lanes: f.Order.Lanes, Window: f.Order.Window},
	}
	var err error
	if t.Name, err = schemas.ParseTrainingID(f.Name); err != nil {
		return Training{}, fmt.Errorf("training %s: name: %w", path, err)
	}
	for _, d := range f.Datasets {
		id, err := schemas.ParseDatasetID(d)
		if err != nil {
			return Training{}, fmt.Errorf("training %s: datasets: %w", path, err)
		}
		t.Datasets = append(t.Datasets, id)
	}
	return t, nil
}

// nameOf is a file's name without its ending.
func nameOf(path string) string {
	base := filepath.Base(path)
	return base[:len(base)-len(filepath.Ext(base))]
}

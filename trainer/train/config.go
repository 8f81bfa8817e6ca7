package train

import (
	"encoding/json"
	"errors"
	"fmt"

	"recaption/internal/ort"
	"recaption/schemas"
	"recaption/trainer/graph"
	"recaption/trainer/optim"
)

// Config says what is trained and how. Fields that decide the weights are part
// of [Config.Settings].
type Config struct {
	Name      schemas.TrainingID
	Model     graph.Config
	Loss      graph.Loss
	Optimizer optim.Config // with the number of steps
	Batch     int          // samples of a step, which are contrasted with each other
	Part      int          // of them that the towers hold at once; 0: all
	Negatives bool         // batches bring hard negatives
	Seed      uint64       // of the first weights
	Data      string       // names all that decides the batches: policy, seed, tokenizer, …

	Device  ort.Device
	Threads int // of one operator; 0: all cores

	CheckpointEvery int // steps
	Keep            int // checkpoints
	PointEvery      int // steps that a point of the curve stands for
}

// Validate names every fault.
func (c Config) Validate() error {
	var errs []error
	want := func(ok bool, name string, value any, need string) {
		if !ok {
			errs = append(errs, fmt.Errorf("training: %s is %v: want %s", name, value, need))
		}
	}
	_, err := schemas.ParseTrainingID(string(c.Name))
	want(err == nil, "name", fmt.Sprintf("%q", c.Name), "1 to 63 characters of a-z, 0-9, '-' and '_'")
	want(c.Batch >= 2, "batch", c.Batch, "2 or more, since samples are contrasted with each other")
	want(c.Part >= 0, "part", c.Part, "0 or more")
	want(c.CheckpointEvery >= 1, "checkpoint every", c.CheckpointEvery, "1 or more steps")
	want(c.Keep >= 1, "checkpoints kept", c.Keep, "1 or more")
	want(c.PointEvery >= 1, "point every", c.PointEvery, "1 or more steps")
	want(c.Loss == graph.CLIP || c.Loss == graph.SigLIP, "loss", fmt.Sprintf("%q", c.Loss), "clip or siglip")
	return errors.Join(append(errs, c.Model.Validate(), c.Optimizer.Validate())...)
}

// Settings is the digest of all that decides the weights. A training goes on
// only with those it was begun with.
func (c Config) Settings() (schemas.Digest, error) {
	b, err := json.Marshal(struct {
		Model     graph.Config
		Loss      graph.Loss
		Optimizer optim.Config
		Batch     int
		Part      int
		Negatives bool
		Seed      uint64
		Data      string
	}{c.Model, c.Loss, c.Optimizer, c.Batch, c.Part, c.Negatives, c.Seed, c.Data})
	if err != nil {
		return schemas.Digest{}, err
	}
	return schemas.Sum(b), nil
}

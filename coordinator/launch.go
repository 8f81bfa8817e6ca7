package coordinator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"recaption/coordinator/source"
	"recaption/schemas"
	"recaption/shards"
)

// Spec is what a user asks for.
type Spec struct {
	Dataset schemas.DatasetID
	Source  string // as given to source.Open
	Limit   int    // first samples taken; 0: all
	Cut     schemas.CutLimits
	Recipe  schemas.Recipe
	Gate    schemas.Gate
	Pool    schemas.Pool
}

// Run is a launched run: one revision x one recipe.
type Run struct {
	ID      schemas.RunID
	Dataset schemas.Dataset
	Recipe  schemas.RecipeID
	Gate    schemas.GateID
	Pool    schemas.Pool
	Resumed bool // it was launched before

	prompts []schemas.Prompt
	gate    schemas.Gate
	ended   bool // it had come to its end before
}

// Launch writes what a run is made of: the revision's description, the recipe,
// the gate and the run's first record. All of it follows from spec and source,
// so launching again gives the same run, and writes nothing new.
func Launch(ctx context.Context, st shards.Store, src source.Source, spec Spec) (Run, error) {
	dataset := schemas.Dataset{
		Kind: "dataset", Version: 1,
		Dataset: spec.Dataset, Source: spec.Source, Format: string(src.Format()),
		Limit: spec.Limit, Cut: spec.Cut, Schema: schemas.SamplesSchema,
	}
	revision, parts, err := revise(ctx, src, dataset)
	if err != nil {
		return Run{}, fmt.Errorf("list source %s: %w", spec.Source, err)
	}
	dataset.Revision, dataset.Parts = revision, len(parts)
	recipe, recipeID, err := spec.Recipe.Encode()
	if err != nil {
		return Run{}, err
	}
	gateText, gateID, err := spec.Gate.Encode()
	if err != nil {
		return Run{}, err
	}
	run := Run{
		ID:      schemas.NewRunID(spec.Dataset, revision, recipeID, gateID),
		Dataset: dataset, Recipe: recipeID, Gate: gateID, Pool: spec.Pool,
		prompts: spec.Recipe.Prompts, gate: spec.Gate,
	}
	description, err := run.Dataset.Encode()
	if err != nil {
		return Run{}, err
	}
	launched, err := run.record(schemas.RunLaunched).Encode()
	if err != nil {
		return Run{}, err
	}
	// The parts of a run's name are digests of all that the records say beyond
	// the time of launch and how the source was spelled.
	switch _, err := shards.ReadRun(ctx, st, run.ID, 0); {
	case err == nil:
		run.Resumed = true
		_, err := shards.ReadRun(ctx, st, run.ID, 1)
		if run.ended = err == nil; errors.Is(err, shards.ErrNotFound) {
			err = nil
		}
		return run, err
	case !errors.Is(err, shards.ErrNotFound):
		return Run{}, err
	}
	for _, o := range []struct {
		key string
		b   []byte
	}{
		{shards.DatasetKey(spec.Dataset, revision), description},
		{shards.RecipeKey(recipeID), recipe},
		{shards.GateKey(gateID), gateText},
		{shards.RunKey(run.ID, 0), launched},
	} {
		if _, err := shards.Commit(ctx, st, o.key, o.b); err != nil && !errors.Is(err, shards.ErrExists) {
			return Run{}, err
		}
	}
	return run, nil
}

func (r Run) record(state schemas.RunState) schemas.RunRecord {
	return schemas.RunRecord{
		Run: r.ID, State: state, Dataset: r.Dataset.Dataset, Revision: r.Dataset.Revision,
		Recipe: r.Recipe, Gate: r.Gate, Pool: r.Pool, At: time.Now().UTC().Truncate(time.Second),
	}
}

// revise lists the source's parts and names their revision: the digest of the
// parts and the settings of the cut. An unchanged source cut in the same way is
// the same revision.
func revise(ctx context.Context, src source.Source, d schemas.Dataset) (schemas.RevisionID, []source.Part, error) {
	lines := []string{
		string(d.Dataset), d.Format, d.Schema,
		fmt.Sprint(d.Limit), fmt.Sprint(d.Cut.Rows), fmt.Sprint(d.Cut.Bytes),
	}
	var parts []source.Part
	for part, err := range src.Parts(ctx) {
		if err != nil {
			return "", nil, err
		}
		lines = append(lines, part.Line())
		parts = append(parts, part)
	}
	return schemas.NewRevisionID(lines...), parts, nil
}

package shards

import (
	"context"

	"recaption/schemas"
)

// ReadRecipe reads a recipe and checks that it is the one of that ID.
func ReadRecipe(ctx context.Context, st Store, id schemas.RecipeID) (schemas.Recipe, error) {
	return readRecord(ctx, st, RecipeKey(id), func(b []byte) (schemas.Recipe, error) { return schemas.DecodeRecipe(b, id) })
}

// ReadGate reads a gate and checks that it is the one of that ID.
func ReadGate(ctx context.Context, st Store, id schemas.GateID) (schemas.Gate, error) {
	return readRecord(ctx, st, GateKey(id), func(b []byte) (schemas.Gate, error) { return schemas.DecodeGate(b, id) })
}

// ReadDataset reads the description of a revision.
func ReadDataset(ctx context.Context, st Store, d schemas.DatasetID, r schemas.RevisionID) (schemas.Dataset, error) {
	return readRecord(ctx, st, DatasetKey(d, r), schemas.DecodeDataset)
}

// ReadRun reads the n-th record of a run.
func ReadRun(ctx context.Context, st Store, id schemas.RunID, n int) (schemas.RunRecord, error) {
	return readRecord(ctx, st, RunKey(id, n), schemas.DecodeRunRecord)
}

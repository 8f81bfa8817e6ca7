package jetstream

import (
	"errors"
	"fmt"

	"recaption/schemas"
)

// A subject is dots between tokens. Identifiers that pass their Parse hold no
// dot, no wildcard and no space, so none can leave its token.

func jobSubject(j schemas.CaptionJob) (string, error) {
	_, e1 := schemas.ParsePool(string(j.Pool))
	_, e2 := schemas.ParseRunID(string(j.Run))
	_, e3 := schemas.ParseJobID(string(j.ID))
	// Copy 0 is the job itself.
	return fmt.Sprintf("recaption.job.%s.%s.%s.0", j.Pool, j.Run, j.ID), errors.Join(e1, e2, e3)
}

func jobFilter(p schemas.Pool) string { return fmt.Sprintf("recaption.job.%s.>", p) }

func runFilter(p schemas.Pool, r schemas.RunID) string {
	return fmt.Sprintf("recaption.job.%s.%s.>", p, r)
}

func cutSubject(j schemas.CutJob) (string, error) {
	_, e1 := schemas.ParseDatasetID(string(j.Dataset))
	_, e2 := schemas.ParseRevisionID(string(j.Revision))
	_, e3 := schemas.ParsePartID(string(j.Part))
	return fmt.Sprintf("recaption.cut.%s.%s.%s", j.Dataset, j.Revision, j.Part), errors.Join(e1, e2, e3)
}

func readySubject(e schemas.ShardReady) (string, error) {
	_, e1 := schemas.ParseDatasetID(string(e.Dataset))
	_, e2 := schemas.ParseRecipeID(string(e.Recipe))
	return fmt.Sprintf("recaption.event.shard_ready.%s.%s", e.Dataset, e.Recipe), errors.Join(e1, e2)
}

// readyFilter matches the events of a dataset and a recipe, of all where one is
// empty.
func readyFilter(d schemas.DatasetID, r schemas.RecipeID) (string, error) {
	dataset, recipe := "*", "*"
	var errs []error
	if d != "" {
		_, err := schemas.ParseDatasetID(string(d))
		dataset, errs = string(d), append(errs, err)
	}
	if r != "" {
		_, err := schemas.ParseRecipeID(string(r))
		recipe, errs = string(r), append(errs, err)
	}
	return "recaption.event.shard_ready." + dataset + "." + recipe, errors.Join(errs...)
}

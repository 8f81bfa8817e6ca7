package feed

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"recaption/schemas"
	"recaption/shards"
)

// Source is a revision to train on.
type Source struct {
	Dataset  schemas.DatasetID
	Revision schemas.RevisionID
}

func (s Source) String() string { return fmt.Sprintf("%s/%s", s.Dataset, s.Revision) }

// Sources gives the revision of each dataset that a run was launched on last;
// of all datasets with runs where none are named.
func Sources(ctx context.Context, st shards.Store, datasets ...schemas.DatasetID) ([]Source, error) {
	newest := map[schemas.DatasetID]Source{}
	at := map[schemas.DatasetID]time.Time{}
	for o, err := range st.List(ctx, "runs/", "") {
		if err != nil {
			return nil, fmt.Errorf("list runs: %w", err)
		}
		id, n, err := shards.ParseRunKey(o.Key)
		if err != nil || n != 0 {
			continue
		}
		r, err := shards.ReadRun(ctx, st, id, n)
		if err != nil {
			return nil, err
		}
		if len(datasets) > 0 && !slices.Contains(datasets, r.Dataset) {
			continue
		}
		if t, ok := at[r.Dataset]; !ok || r.At.After(t) {
			at[r.Dataset], newest[r.Dataset] = r.At, Source{r.Dataset, r.Revision}
		}
	}
	for _, d := range datasets {
		if _, ok := newest[d]; !ok {
			return nil, fmt.Errorf("dataset %s: no run was launched on it", d)
		}
	}
	var all []Source
	for _, d := range slices.Sorted(maps.Keys(newest)) {
		all = append(all, newest[d])
	}
	return all, nil
}

// listRecipes gives the recipes that rest.
func listRecipes(ctx context.Context, st shards.Store) ([]schemas.RecipeID, error) {
	var ids []schemas.RecipeID
	for o, err := range st.List(ctx, "recipes/", "") {
		if err != nil {
			return nil, fmt.Errorf("list recipes: %w", err)
		}
		name := strings.TrimSuffix(strings.TrimPrefix(o.Key, "recipes/"), ".json")
		if id, err := schemas.ParseRecipeID(name); err == nil && o.Key == shards.RecipeKey(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

package shards_test

import (
	"errors"
	"testing"

	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/memstore"
)

func TestWithdrawn(t *testing.T) {
	st, ctx := memstore.New(), t.Context()
	if n, err := shards.CountWithdrawn(ctx, st, "d"); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	image := schemas.Sum([]byte("image"))
	for i, w := range []schemas.Withdrawn{{Keys: []string{"a"}}, {Images: []schemas.Digest{image}}} {
		w.Kind, w.Version, w.Dataset, w.Number = "withdrawn", 1, "d", i+1
		if _, err := shards.CommitWithdrawn(ctx, st, w); err != nil {
			t.Fatal(err)
		}
	}
	other := schemas.Withdrawn{Dataset: "d", Number: 2, Keys: []string{"b"}}
	if first, err := shards.CommitWithdrawn(ctx, st, other); !errors.Is(err, shards.ErrExists) || len(first.Images) != 1 {
		t.Errorf("a second record of one number: %+v, %v", first, err)
	}
	n, err := shards.CountWithdrawn(ctx, st, "d")
	if n != 2 || err != nil {
		t.Fatal(n, err)
	}
	for upTo, want := range [][3]bool{{}, {true, false, false}, {true, false, true}} {
		w, err := shards.ReadWithdrawn(ctx, st, "d", upTo)
		if err != nil {
			t.Fatal(err)
		}
		got := [3]bool{w.Has("a", schemas.Digest{}), w.Has("b", schemas.Digest{}), w.Has("b", image)}
		if got != want {
			t.Errorf("first %d: got %v, want %v", upTo, got, want)
		}
	}
	if _, err := shards.ReadWithdrawn(ctx, st, "d", 3); !errors.Is(err, shards.ErrNotFound) {
		t.Errorf("a record that is missing: %v", err)
	}
}

func TestEpoch(t *testing.T) {
	st, ctx := memstore.New(), t.Context()
	_, id, err := schemas.DefaultPolicy().Encode()
	if err != nil {
		t.Fatal(err)
	}
	l := schemas.EpochList{
		Training: "t", Epoch: 2, Seed: 1, PolicyID: id, Policy: schemas.DefaultPolicy(), Order: schemas.EpochOrder{Lanes: 1, Window: 1},
	}
	if _, err := shards.CommitEpoch(ctx, st, l); err != nil {
		t.Fatal(err)
	}
	l.Seed = 2
	if first, err := shards.CommitEpoch(ctx, st, l); !errors.Is(err, shards.ErrExists) || first.Seed != 1 {
		t.Errorf("frozen again: %+v, %v", first, err)
	}
	if got, err := shards.ReadEpoch(ctx, st, "t", 2); err != nil || got.Seed != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := shards.ReadEpoch(ctx, st, "t", 3); !errors.Is(err, shards.ErrNotFound) {
		t.Error(err)
	}
}

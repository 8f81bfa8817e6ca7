package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/memstore"
)

func TestChooseNewestRun(t *testing.T) {
	st := memstore.New()
	recipe := func(n byte) schemas.RecipeID { return schemas.RecipeID(schemas.Sum([]byte{n}).String()) }
	day := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	runs := []schemas.RunRecord{
		{Dataset: "birds", Revision: "00000000000000a1", Recipe: recipe(1), At: day},
		{Dataset: "birds", Revision: "00000000000000a2", Recipe: recipe(1), At: day.Add(2 * time.Hour)},
		{Dataset: "birds", Revision: "00000000000000a1", Recipe: recipe(2), At: day.Add(time.Hour)},
		{Dataset: "bird", Revision: "00000000000000b1", Recipe: recipe(1), At: day.Add(-time.Hour)},
	}
	gate := schemas.GateID(schemas.Sum(nil).String())
	for _, r := range runs {
		r.State, r.Gate, r.Pool = schemas.RunLaunched, gate, "default"
		r.Run = schemas.NewRunID(r.Dataset, r.Revision, r.Recipe, r.Gate)
		b, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := shards.Commit(t.Context(), st, shards.RunKey(r.Run, 0), b); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		asked catOptions
		want  int // of runs; -1: none fits
		said  string
	}{
		{catOptions{}, 1, "the newest of 4 runs, of 2026-03-01 14:00:00 UTC: dataset birds, revision 00000000000000a2"},
		{catOptions{dataset: "birds", revision: "00000000000000a1"}, 2, "the newest of 2 runs"},
		{catOptions{revision: "00000000000000a1", recipe: string(recipe(1))[:12]}, 0, ""},
		{catOptions{dataset: "bird"}, 3, ""}, // whole, though another begins with it
		{catOptions{dataset: "fish"}, -1, ""},
	} {
		var said bytes.Buffer
		got, err := c.asked.choose(t.Context(), st, &said)
		if c.want < 0 {
			if !errors.Is(err, errUsage) {
				t.Errorf("%+v: %v, %v; want a usage error", c.asked, got, err)
			}
			continue
		}
		r := runs[c.want]
		if want := (chosen{revision{r.Dataset, r.Revision}, r.Recipe}); err != nil || got != want {
			t.Errorf("%+v: %v, %v; want %v", c.asked, got, err, want)
		}
		if !strings.Contains(said.String(), c.said) || (c.said == "") != (said.Len() == 0) {
			t.Errorf("%+v: said %q, want %q", c.asked, said.String(), c.said)
		}
	}
}

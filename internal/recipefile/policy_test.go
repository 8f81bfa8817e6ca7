package recipefile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
)

func TestReadPolicy(t *testing.T) {
	if got, err := ReadPolicy(""); err != nil || cmp.Diff(schemas.DefaultPolicy(), got) != "" {
		t.Fatalf("no file: %+v, %v", got, err)
	}
	recipe := schemas.RecipeID(schemas.Sum(nil).String())
	got, err := ReadPolicy(write(t, t.TempDir(), "policy.yaml", `
original: context.truth.caption
original_fraction: 0.2
recipes: {`+string(recipe)+`: 2}
other_recipes: 0
captions: {plain: 0.5, "#1": 3}
sentences: {show: subset, min: 1, max: 4}
gate:
  actions: {opener: strip}
  min_words: 5
fallback: drop
exclude: {flags: [cut], min_scores: {clip: 0.2}, statuses: [refused]}
context: 32
`))
	if err != nil {
		t.Fatal(err)
	}
	want := schemas.DefaultPolicy()
	want.OriginalFraction, want.OtherRecipes, want.Fallback, want.Context = .2, 0, schemas.FallbackDrop, 32
	want.Original = "context.truth.caption"
	want.Recipes = map[schemas.RecipeID]float64{recipe: 2}
	want.Captions = map[string]float64{"plain": .5, "#1": 3}
	want.Sentences = schemas.Sentences{Show: schemas.ShowSubset, Min: 1, Max: 4}
	want.Gate.Actions[schemas.FlagOpener], want.Gate.MinWords = schemas.ActionStrip, 5
	want.Exclude = schemas.Exclusion{
		Flags: []schemas.Flag{schemas.FlagCut}, MinScores: map[string]float64{"clip": .2}, Statuses: []schemas.RowStatus{schemas.RowRefused},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestReadPolicyFaults(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"p: 0.1\n", "unknown key p; known: captions, context, exclude"},
		{"original_fraction: 2\nfallback: x\n", `original_fraction 2: want 0 to 1`},
		{"original_fraction: 2\nfallback: x\n", `fallback "x"`},
		{"original: caption\n", `original "caption": want alt_text`},
		{"sentences: {most: 2}\n", "unknown key sentences.most; known: max, min, show"},
		{"gate: {actions: {opener: mask}}\n", `actions.opener "mask"`},
		{"recipes: {abc: 1}\n", `recipe "abc"`},
	} {
		_, err := ReadPolicy(write(t, t.TempDir(), "policy.yaml", c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "policy.yaml") {
			t.Errorf("%q: got %v; want %q", c.text, err, c.want)
		}
	}
	if _, err := ReadPolicy("nowhere.yaml"); err == nil {
		t.Error("no file: no error")
	}
}

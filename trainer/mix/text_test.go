package mix

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
)

const (
	recipeA = schemas.RecipeID("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	recipeB = schemas.RecipeID("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
)

func mixer(t testing.TB, change func(*schemas.Policy)) *Mixer {
	t.Helper()
	l := list(1, 1)
	l.Policy.OriginalFraction = 0
	change(&l.Policy)
	m, err := NewMixer(l, map[schemas.RecipeID]schemas.Recipe{
		recipeA: {Prompts: []schemas.Prompt{{Name: "plain", Text: "Describe it."}}, CaptionsPerImage: 2, Seed: 1, Retry: schemas.Retry{Tries: 2}},
		recipeB: {Prompts: []schemas.Prompt{{Name: "plain", Text: "Describe it."}}, CaptionsPerImage: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// row has two captions of recipe A and one of B.
func row(key string) Row {
	alt := "alt of " + key
	a, b := schemas.CaptionRow{Key: key, Status: schemas.RowCaptioned}, schemas.CaptionRow{Key: key, Status: schemas.RowCaptioned}
	r := schemas.Recipe{Seed: 1}
	for i, text := range []string{"A red cube stands here.", "It is a cube of wood. It is red. Nobody is near. The floor is grey."} {
		a.Captions = append(a.Captions, schemas.Caption{Text: text, Prompt: "plain", Seed: r.CaptionSeed(key, i, 0), Finish: schemas.FinishStop, Scores: map[string]float32{"clip": float32(i)}})
	}
	b.Captions = []schemas.Caption{{Text: "A cube on the floor.", Prompt: "other", Finish: schemas.FinishStop}}
	return Row{Dataset: "d", Key: key, Status: schemas.SampleOK, AltText: &alt, Captions: []RecipeRow{{recipeA, a}, {recipeB, b}}}
}

// shares counts what many rows show.
func shares(m *Mixer, n int, change func(*Row)) map[string]float64 {
	out := map[string]float64{}
	for i := range n {
		made := row(fmt.Sprint("key ", i))
		if change != nil {
			change(&made)
		}
		x := m.Text(made)
		name := string(x.Kind)
		if x.Kind == Caption {
			name = fmt.Sprintf("%s%d", x.Recipe[:1], x.Caption)
		}
		out[name] += 1 / float64(n)
	}
	return out
}

// TestShares: over many rows, each choice has the share that its weight says,
// within five standard deviations.
func TestShares(t *testing.T) {
	const n = 3000
	for name, c := range map[string]struct {
		change func(*schemas.Policy)
		want   map[string]float64
		rows   func(*Row)
	}{
		"default": {func(p *schemas.Policy) { p.OriginalFraction = .1 }, map[string]float64{"original": .1, "a0": .225, "a1": .225, "b0": .45}, nil},
		"half":    {func(p *schemas.Policy) { p.OriginalFraction = .5 }, map[string]float64{"original": .5, "a0": .125, "a1": .125, "b0": .25}, nil},
		"all":     {func(p *schemas.Policy) { p.OriginalFraction = 1 }, map[string]float64{"original": 1}, nil},
		"none":    {func(p *schemas.Policy) {}, map[string]float64{"a0": .25, "a1": .25, "b0": .5}, nil},
		"recipes": {func(p *schemas.Policy) { p.Recipes = map[schemas.RecipeID]float64{recipeA: 3} }, map[string]float64{"a0": .375, "a1": .375, "b0": .25}, nil},
		"one recipe": {func(p *schemas.Policy) {
			p.Recipes, p.OtherRecipes = map[schemas.RecipeID]float64{recipeB: 1}, 0
		}, map[string]float64{"b0": 1}, nil},
		"one rejected": {func(p *schemas.Policy) {}, map[string]float64{"a1": .5, "b0": .5}, func(r *Row) {
			r.Captions[0].Captions[0].Finish = schemas.FinishLength
		}},
		"a recipe rejected": {func(p *schemas.Policy) { p.OriginalFraction = .2 }, map[string]float64{"b0": .8, "original": .2}, func(r *Row) {
			r.Captions[0].Captions[0].Finish, r.Captions[0].Captions[1].Finish = schemas.FinishLength, schemas.FinishLength
		}},
		"places":  {func(p *schemas.Policy) { p.Captions = map[string]float64{"#1": 3, "other": 0} }, map[string]float64{"a0": .25, "a1": .75}, nil},
		"prompts": {func(p *schemas.Policy) { p.Captions = map[string]float64{"plain": 0} }, map[string]float64{"b0": 1}, nil},
		"scores":  {func(p *schemas.Policy) { p.Exclude.MinScores = map[string]float64{"clip": .5} }, map[string]float64{"a1": 1}, nil},
	} {
		got := shares(mixer(t, c.change), n, c.rows)
		for key := range got {
			if _, ok := c.want[key]; !ok {
				t.Errorf("%s: shows %s: %v", name, key, got)
			}
		}
		for key, want := range c.want {
			if bound := 5*math.Sqrt(want*(1-want)/n) + 1e-9; math.Abs(got[key]-want) > bound {
				t.Errorf("%s: %s has share %.4f; want %.4f within %.4f", name, key, got[key], want, bound)
			}
		}
	}
}

// TestMoreOriginals: where the share of alt-texts grows, who showed one before
// shows one still, and who doesn't shows the same caption.
func TestMoreOriginals(t *testing.T) {
	few := mixer(t, func(p *schemas.Policy) { p.OriginalFraction = .2 })
	more := mixer(t, func(p *schemas.Policy) { p.OriginalFraction = .6 })
	for i := range 1000 {
		a, b := few.Text(row(fmt.Sprint(i))), more.Text(row(fmt.Sprint(i)))
		if b.Kind == Caption && cmp.Diff(a, b) != "" || a.Kind == Original && b.Kind != Original {
			t.Fatalf("%d: %+v, then %+v", i, a, b)
		}
	}
}

func TestText(t *testing.T) {
	caption := func(i int, change func(*schemas.Caption)) func(*Row) {
		return func(r *Row) { change(&r.Captions[0].Captions[i]) }
	}
	only := func(r *Row) { r.Captions = r.Captions[:1]; r.Captions[0].Captions = r.Captions[0].Captions[:1] }
	drop := func(p *schemas.Policy) { p.Fallback = schemas.FallbackDrop }
	cut := caption(0, func(c *schemas.Caption) { c.Finish = schemas.FinishLength })
	for name, c := range map[string]struct {
		policy func(*schemas.Policy)
		rows   []func(*Row)
		want   Text
	}{
		"caption":            {rows: []func(*Row){only}, want: Text{Text: "A red cube stands here.", Kind: Caption, Recipe: recipeA}},
		"rejected, original": {rows: []func(*Row){only, cut}, want: Text{Text: "alt of k", Kind: Original}},
		"rejected, drop":     {policy: drop, rows: []func(*Row){only, cut}, want: Text{Kind: None, Reason: NoCaption}},
		"rejected, no alt":   {rows: []func(*Row){only, cut, func(r *Row) { r.AltText = nil }}, want: Text{Kind: None, Reason: NoText}},
		"blank alt":          {rows: []func(*Row){only, cut, func(r *Row) { *r.AltText = " \n" }}, want: Text{Kind: None, Reason: NoText}},
		"original, no alt": {
			func(p *schemas.Policy) { p.OriginalFraction = .999999 },
			[]func(*Row){only, func(r *Row) { r.AltText = nil }}, Text{Text: "A red cube stands here.", Kind: Caption, Recipe: recipeA},
		},
		"only originals, no alt": {
			func(p *schemas.Policy) { p.OriginalFraction = 1 },
			[]func(*Row){func(r *Row) { r.AltText = nil }}, Text{Kind: None, Reason: NoText},
		},
		"no captions":  {rows: []func(*Row){func(r *Row) { r.Captions = nil }}, want: Text{Text: "alt of k", Kind: Original}},
		"not ok":       {rows: []func(*Row){func(r *Row) { r.Status = schemas.SampleUnusable }}, want: Text{Kind: None, Reason: "unusable"}},
		"refused":      {rows: []func(*Row){func(r *Row) { r.Captions[1].Status = schemas.RowRefused; r.Captions[1].Captions = nil; only(r) }}, want: Text{Text: "A red cube stands here.", Kind: Caption, Recipe: recipeA}},
		"refused, out": {func(p *schemas.Policy) { p.Exclude.Statuses = []schemas.RowStatus{schemas.RowRefused} }, []func(*Row){func(r *Row) { r.Captions[1].Status = schemas.RowRefused }}, Text{Kind: None, Reason: ExcludedStatus}},
		"flag out": {
			func(p *schemas.Policy) { p.Exclude.Flags = []schemas.Flag{schemas.FlagOpener} },
			[]func(*Row){only, caption(0, func(c *schemas.Caption) { c.Text = "The image shows a red cube." })}, Text{Text: "alt of k", Kind: Original},
		},
		"raw text of the context": {
			func(p *schemas.Policy) { p.Original, p.OriginalFraction = "context.truth.caption", 1 },
			[]func(*Row){func(r *Row) { r.Context = []byte(`{"truth":{"caption":"A cube."}}`) }}, Text{Text: "A cube.", Kind: Original},
		},
		"no text in the context": {
			func(p *schemas.Policy) { p.Original, p.OriginalFraction = "context.truth.caption", 1 },
			[]func(*Row){func(r *Row) { r.Context = []byte(`{"truth":{"caption":7}}`) }}, Text{Kind: None, Reason: NoText},
		},
		"no such context": {
			func(p *schemas.Policy) { p.Original, p.OriginalFraction = "context.a.b.c", 1 },
			[]func(*Row){func(r *Row) { r.Context = []byte(`{"a":{"c":"x"}}`) }}, Text{Kind: None, Reason: NoText},
		},
		"opener stripped": {
			func(p *schemas.Policy) { p.Gate.Actions[schemas.FlagOpener] = schemas.ActionStrip },
			[]func(*Row){only, caption(0, func(c *schemas.Caption) { c.Text = "The image shows a red cube." })}, Text{Text: "A red cube.", Kind: Caption, Recipe: recipeA},
		},
	} {
		change := c.policy
		if change == nil {
			change = func(*schemas.Policy) {}
		}
		r := row("k")
		for _, f := range c.rows {
			f(&r)
		}
		if d := cmp.Diff(c.want, mixer(t, change).Text(r)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// TestLatestTry: of the tries at one caption the latest that is accepted
// counts, and tries give a caption no more weight.
func TestLatestTry(t *testing.T) {
	m := mixer(t, func(p *schemas.Policy) { p.OtherRecipes, p.Recipes = 0, map[schemas.RecipeID]float64{recipeA: 1} })
	r := schemas.Recipe{Seed: 1}
	counts := map[int]int{}
	for i := range 2000 {
		x := row(fmt.Sprint(i))
		a := &x.Captions[0]
		first, other := a.Captions[0], a.Captions[1]
		again := func(try int, finish schemas.Finish) schemas.Caption {
			c := first
			c.Seed, c.Finish = r.CaptionSeed(x.Key, 0, try), finish
			return c
		}
		a.Captions = []schemas.Caption{first, again(1, schemas.FinishStop), again(2, schemas.FinishLength), other}
		counts[m.Text(x).Caption]++
	}
	if len(counts) != 2 || counts[1] < 880 || counts[1] > 1120 || counts[1]+counts[3] != 2000 {
		t.Errorf("captions shown: %v; want half 1, half 3", counts)
	}
}

// TestSentencesOf: sampled sentences are some of the caption's in their order,
// as many as asked for, and a span has no gaps.
func TestSentencesOf(t *testing.T) {
	all := Sentences(row("k").Captions[0].Captions[1].Text)
	for _, show := range []schemas.Show{schemas.ShowSubset, schemas.ShowSpan} {
		m := mixer(t, func(p *schemas.Policy) {
			p.Sentences = schemas.Sentences{Show: show, Min: 2, Max: 3}
			p.Captions = map[string]float64{"#0": 0}
			p.Captions["other"] = 0
		})
		seen := map[string]int{}
		for i := range 3000 {
			x := m.Text(row(fmt.Sprint(i)))
			var texts []string
			for j, n := range x.Sentences {
				texts = append(texts, all[n])
				if j > 0 && (n <= x.Sentences[j-1] || show == schemas.ShowSpan && n != x.Sentences[j-1]+1) {
					t.Fatalf("%s: sentences %v", show, x.Sentences)
				}
			}
			if n := len(x.Sentences); n < 2 || n > 3 || strings.Join(texts, " ") != x.Text {
				t.Fatalf("%s: %+v", show, x)
			}
			seen[fmt.Sprint(x.Sentences)]++
		}
		want := map[schemas.Show]int{schemas.ShowSubset: 10, schemas.ShowSpan: 5}[show]
		if len(seen) != want {
			t.Errorf("%s: %d choices, want %d: %v", show, len(seen), want, seen)
		}
		for choice, n := range seen {
			if least := 3000 / 2 / 6; n < least*7/10 {
				t.Errorf("%s: %s came %d times", show, choice, n)
			}
		}
	}
}

// TestTextDependsOnNothingElse: the same whichever goroutine asks, whatever was
// asked before, and however the other epochs went.
func TestTextDependsOnNothingElse(t *testing.T) {
	m := mixer(t, func(p *schemas.Policy) {
		p.OriginalFraction, p.Sentences = .3, schemas.Sentences{Show: schemas.ShowSubset, Min: 1, Max: 2}
	})
	want := make([]Text, 100)
	for i := range want {
		want[i] = m.Text(row(fmt.Sprint(i)))
	}
	for i, w := range slices.Backward(want) {
		if d := cmp.Diff(w, m.Text(row(fmt.Sprint(i)))); d != "" {
			t.Fatal(d)
		}
	}
	other := 0
	m.epoch++
	for i, w := range want {
		if m.Text(row(fmt.Sprint(i))).Text != w.Text {
			other++
		}
	}
	if other < 40 {
		t.Errorf("only %d of 100 rows show something else in another epoch", other)
	}
}

// TestFrozenTexts holds the choices to what they were when they were first
// published.
func TestFrozenTexts(t *testing.T) {
	m := mixer(t, func(p *schemas.Policy) {
		p.OriginalFraction, p.Sentences = .3, schemas.Sentences{Show: schemas.ShowSubset, Min: 1, Max: 2}
	})
	var got []string
	for i := range 12 {
		x := m.Text(row(fmt.Sprint(i)))
		got = append(got, fmt.Sprintf("%s %.1s %d %v", x.Kind, x.Recipe, x.Caption, x.Sentences))
	}
	if d := cmp.Diff(frozenTexts, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	n, ok := m.Negative("d", "k", "a red cube left of a blue ball")
	if !ok || n.Text != frozenNegative {
		t.Errorf("negative %q; want %q", n.Text, frozenNegative)
	}
}

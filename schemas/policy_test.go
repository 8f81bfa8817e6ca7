package schemas

import (
	"math"
	"strings"
	"testing"
	"time"
)

func testPolicy() Policy {
	return Policy{
		Kind: "policy", Version: 1,
		Original: "context.truth.caption", OriginalFraction: .25, Recipes: map[RecipeID]float64{testRecipe(): 2}, OtherRecipes: 1,
		Captions: map[string]float64{"plain": .5, "#1": 0}, Sentences: Sentences{ShowSpan, 1, 3},
		Gate: DefaultGate(), Fallback: FallbackDrop,
		Exclude: Exclusion{Flags: []Flag{FlagCut, FlagOpener}, MinScores: map[string]float64{"clip": .2}, Statuses: []RowStatus{RowRefused}},
		Context: 77,
	}
}

func testEpochList(t *testing.T) EpochList {
	t.Helper()
	_, id, err := testPolicy().Encode()
	if err != nil {
		t.Fatal(err)
	}
	return EpochList{
		Kind: "epoch_list", Version: 1, Training: "mine", Epoch: 3, Seed: -7, PolicyID: id, Policy: testPolicy(),
		Order: EpochOrder{Lanes: 48, Window: 2}, CutShort: 4096, Withdrawn: map[DatasetID]int{"birds": 2},
		Entries: []EpochEntry{{
			Dataset: "birds", Shard: testShard(), File: testFile(),
			Captions: []EpochCaptions{{Recipe: testRecipe(), Generation: 1, Attempt: "0123456789abcdef", File: testFile()}},
		}},
	}
}

func TestGoldenTraining(t *testing.T) {
	policy := testPolicy()
	var id PolicyID
	golden(t, "policy.json", policy,
		func() (b []byte, err error) { b, id, err = policy.Encode(); return b, err },
		func(b []byte) (Policy, error) { return DecodePolicy(b, id) })
	goldenText(t, "policy_id.txt", string(id))
	list := testEpochList(t)
	golden(t, "epoch_list.json", list, list.Encode, DecodeEpochList)
	w := Withdrawn{
		Kind: "withdrawn", Version: 1, Dataset: "birds", Number: 2, Keys: []string{"0.tar/7"}, Images: []Digest{Sum([]byte("image"))},
		Reason: "asked by its owner", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	golden(t, "withdrawn.json", w, w.Encode, DecodeWithdrawn)
}

// TestEqualPolicies have one ID.
func TestEqualPolicies(t *testing.T) {
	a, b := testPolicy(), testPolicy()
	b.Kind, b.Version, b.Gate.Kind, b.Gate.Version = "", 0, "", 0
	b.Exclude.Flags = []Flag{FlagOpener, FlagCut, FlagOpener}
	_, ida, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	_, idb, err := b.Encode()
	if err != nil || ida != idb {
		t.Errorf("got %s and %s, %v", ida, idb, err)
	}
	b.OriginalFraction = .26
	if _, idb, err = b.Encode(); err != nil || ida == idb {
		t.Errorf("another fraction: got %s, %v", idb, err)
	}
}

func TestPolicyFaults(t *testing.T) {
	p := testPolicy()
	p.Original, p.OriginalFraction, p.OtherRecipes, p.Context = "context.", math.NaN(), -1, 3
	p.Recipes = map[RecipeID]float64{"short": 1}
	p.Captions = map[string]float64{"#16": 1, "": 1}
	p.Sentences, p.Fallback = Sentences{ShowSubset, 3, 2}, "none"
	p.Exclude = Exclusion{Flags: []Flag{"odd"}, MinScores: map[string]float64{"": 1}, Statuses: []RowStatus{"lost"}}
	p.Gate.MinWords = 0
	err := p.Validate()
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, want := range []string{
		`original "context."`, "original_fraction NaN", "other_recipes -1", "context 3", `recipe "short"`, `"#16"`, `captions: ""`, "min 3, max 2",
		`fallback "none"`, `flag "odd"`, "min_scores", `status "lost"`, "min_words 0",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not named: %s\n%v", want, err)
		}
	}
	for name, change := range map[string]func(*Policy){
		"whole with counts": func(p *Policy) { p.Sentences = Sentences{ShowWhole, 1, 2} },
		"unknown way":       func(p *Policy) { p.Sentences = Sentences{"half", 1, 2} },
		"flag ignored":      func(p *Policy) { p.Gate.Actions[FlagCut] = ActionIgnore },
	} {
		p := testPolicy()
		change(&p)
		if p.Validate() == nil {
			t.Errorf("%s: no fault found", name)
		}
	}
	if err := DefaultPolicy().Validate(); err != nil {
		t.Error(err)
	}
}

func TestEpochListFaults(t *testing.T) {
	for name, change := range map[string]func(*EpochList){
		"training":      func(l *EpochList) { l.Training = "A b" },
		"policy digest": func(l *EpochList) { l.PolicyID = PolicyID(Sum(nil).String()) },
		"policy":        func(l *EpochList) { l.Policy.Context = 0 },
		"epoch":         func(l *EpochList) { l.Epoch = -1 },
		"cut short":     func(l *EpochList) { l.CutShort = -1 },
		"lanes":         func(l *EpochList) { l.Order.Lanes = 0 },
		"window":        func(l *EpochList) { l.Order.Window = 0 },
		"twice":         func(l *EpochList) { l.Entries = append(l.Entries, l.Entries[0]) },
		"rows":          func(l *EpochList) { l.Entries[0].Captions[0].File.Rows = 2 },
		"recipe twice":  func(l *EpochList) { l.Entries[0].Captions = append(l.Entries[0].Captions, l.Entries[0].Captions[0]) },
		"generation":    func(l *EpochList) { l.Entries[0].Captions[0].Generation = -1 },
		"attempt":       func(l *EpochList) { l.Entries[0].Captions[0].Attempt = "x" },
		"withdrawn":     func(l *EpochList) { l.Withdrawn["birds"] = -1 },
	} {
		l := testEpochList(t)
		change(&l)
		if _, err := l.Encode(); err == nil {
			t.Errorf("%s: no fault found", name)
		}
	}
}

func TestWeights(t *testing.T) {
	p := testPolicy()
	for _, c := range []struct {
		prompt string
		place  int
		want   float64
	}{{"plain", 1, .5}, {"other", 1, 0}, {"other", 0, 1}} {
		if got := p.CaptionWeight(c.prompt, c.place); got != c.want {
			t.Errorf("%s %d: got %v, want %v", c.prompt, c.place, got, c.want)
		}
	}
	if p.Weight(testRecipe()) != 2 || p.Weight("other") != 1 {
		t.Errorf("weights of recipes: %v, %v", p.Weight(testRecipe()), p.Weight("other"))
	}
}

func FuzzDecodeEpochList(f *testing.F) {
	f.Add([]byte(`{"kind":"epoch_list","version":1,"entries":[{}]}`))
	f.Add([]byte(`{"kind":"epoch_list","version":1,"training":"a","order":{"lanes":1,"window":1},"entries":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := DecodeEpochList(b)
		if err != nil {
			return
		}
		if _, err := l.Encode(); err != nil {
			t.Errorf("read, and not written again: %v", err)
		}
	})
}

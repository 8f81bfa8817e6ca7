package vlm

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
)

func readGen(t *testing.T, text string) (generation, error) {
	t.Helper()
	f := &folder{dir: t.TempDir()}
	write(t, f.dir, "generation_config.json", text)
	return readGeneration(f, modelConfig{EOS: idList{9}})
}

func TestGenerationConfig(t *testing.T) {
	for _, c := range []struct {
		text string
		want map[string]any
		stop []int32
	}{
		{`{}`, map[string]any{"max_new_tokens": 256, "min_new_tokens": 0, "do_sample": false}, []int32{9}},
		{`{"eos_token_id": [7, 5, 7], "max_new_tokens": 12, "min_new_tokens": 2, "temperature": 0.2, "top_p": null}`,
			map[string]any{"max_new_tokens": 12, "min_new_tokens": 2, "do_sample": false}, []int32{5, 7}},
		{`{"eos_token_id": 3, "do_sample": true, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.0, "num_beams": 1, "_from_model_config": true}`,
			map[string]any{"max_new_tokens": 256, "min_new_tokens": 0, "do_sample": true, "temperature": 0.7, "top_k": 20, "top_p": 0.8}, []int32{3}},
		{`{"max_length": 77}`, map[string]any{"max_new_tokens": 77, "min_new_tokens": 0, "do_sample": false}, []int32{9}},
	} {
		g, err := readGen(t, c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if d := cmp.Diff(c.want, g.Map()); d != "" {
			t.Errorf("%s: %s", c.text, d)
		}
		if !slices.Equal(g.stop, c.stop) {
			t.Errorf("%s: stop %v, want %v", c.text, g.stop, c.stop)
		}
	}
}

func TestGenerationConfigRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"num_beams": 3}`:                           "num_beams: found 3",
		`{"repetition_penalty": 1.05}`:               "repetition_penalty: found 1.05",
		`{"no_repeat_ngram_size": 3}`:                "no_repeat_ngram_size: found 3",
		`{"forced_eos_token_id": 2}`:                 "forced_eos_token_id: found 2",
		`{"suppress_tokens": [1]}`:                   "suppress_tokens: found [1]",
		`{"new_thing": 1}`:                           "new_thing: found 1",
		`{"max_new_tokens": 0.5}`:                    "max_new_tokens is 0.5",
		`{"max_new_tokens": 4, "min_new_tokens": 5}`: "min_new_tokens is 5",
		`{"do_sample": true, "top_k": 0}`:            "top_k is 0",
		`{"do_sample": true, "temperature": 0}`:      "temperature is 0",
		`{"do_sample": 1}`:                           "do_sample is 1",
		`{"eos_token_id": "x"}`:                      "eos_token_id",
		`[]`:                                         "generation_config.json",
	} {
		_, err := readGen(t, text)
		if !errors.Is(err, ErrModel) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzGenerationConfig(f *testing.F) {
	f.Add(`{"eos_token_id": [7, 5], "max_new_tokens": 12}`)
	f.Add(`{"do_sample": true, "top_k": 1e300, "max_length": -1}`)
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			t.Skip()
		}
		g, err := readGen(t, text)
		if err == nil && (g.MaxTokens < 1 || len(g.stop) == 0) {
			t.Fatalf("accepted %+v", g)
		}
	})
}

func TestOverrides(t *testing.T) {
	e := open(t, tiny, config())
	s, err := e.Settings(map[string]any{"do_sample": true, "temperature": json.Number("0.5"), "max_new_tokens": 9.0})
	if err != nil || s != (Settings{MaxTokens: 9, Sample: true, Temperature: 0.5, TopK: 50, TopP: 1}) {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []map[string]any{{"num_beams": 1}, {"max_new_tokens": "9"}, {"max_new_tokens": 0}} {
		if _, err := e.Settings(bad); !errors.Is(err, ErrSettings) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestMinimumAndMaximum(t *testing.T) {
	e := start(t, tiny, config())
	gs := goldens(t)
	i := slices.IndexFunc(gs, func(g golden) bool { return len(g.IDs) < 10 && g.IDs[len(g.IDs)-1] == 1 })
	for _, c := range []struct{ min, max int }{{0, 2}, {12, 48}, {20, 20}} {
		s, err := e.Settings(map[string]any{"min_new_tokens": c.min, "max_new_tokens": c.max})
		if err != nil {
			t.Fatal(err)
		}
		p, err := e.Prepare(Request{Image: gs[i].image, Prompt: gs[i].Prompt, Settings: &s})
		if err != nil {
			t.Fatal(err)
		}
		got := generate(t, e, append(prepare(t, e, gs), p))[len(gs)]
		if n := len(got.TokenIDs); n < min(c.min, n) || n > c.max || slices.Contains(got.TokenIDs[:min(c.min, n)], 1) {
			t.Errorf("%d to %d: %v", c.min, c.max, got.TokenIDs)
		}
		if n := len(got.TokenIDs); n < c.min || (got.Finish == schemas.FinishLength) != (n == c.max && got.TokenIDs[n-1] != 1) {
			t.Errorf("%d to %d: %d tokens, finish %s", c.min, c.max, n, got.Finish)
		}
	}
}

// The same seed gives the same draw in any company, another seed another.
func TestDraws(t *testing.T) {
	e := start(t, tiny, config(func(c *Config) { c.Lanes = 1 }))
	gs := goldens(t)
	s, err := e.Settings(map[string]any{"do_sample": true, "temperature": 1.5, "top_k": 20, "top_p": 0.95})
	if err != nil {
		t.Fatal(err)
	}
	draw := func(seed int64) *Prepared {
		p, err := e.Prepare(Request{Image: gs[0].image, Prompt: gs[0].Prompt, Seed: seed, Settings: &s})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	alone := generate(t, e, []*Prepared{draw(1)})[0]
	greedy := prepare(t, e, gs)
	mixed := generate(t, e, append(greedy, draw(1), draw(2)))
	n := len(greedy)
	if d := cmp.Diff(alone, mixed[n]); d != "" {
		t.Errorf("same seed: %s", d)
	}
	if cmp.Equal(alone.TokenIDs, mixed[n+1].TokenIDs) {
		t.Error("two seeds gave one text")
	}
	for i, g := range gs {
		if !slices.Equal(g.IDs, mixed[i].TokenIDs) {
			t.Errorf("greedy sample %d beside draws: %v", i, mixed[i].TokenIDs)
		}
	}
}

// pick follows the distribution it is told to.
func TestPick(t *testing.T) {
	tokens, scores := []int64{4, 2, 9, 1}, []float32{2, 1, 0, -1}
	for _, c := range []struct {
		s    Settings
		kept int
	}{
		{Settings{Sample: true, Temperature: 1, TopK: 4, TopP: 1}, 4},
		{Settings{Sample: true, Temperature: 0.5, TopK: 2, TopP: 1}, 2},
		{Settings{Sample: true, Temperature: 1, TopK: 4, TopP: 0.7}, 2},
		{Settings{Sample: true, Temperature: 1, TopK: 4, TopP: 0.1}, 1},
		{Settings{}, 1},
	} {
		r := &row{p: &Prepared{settings: c.s}, random: rand.New(rand.NewPCG(1, 2))}
		var n [4]int
		const draws = 20000
		for range draws {
			n[r.pick(tokens, scores)]++
		}
		temperature := c.s.Temperature
		if temperature == 0 {
			temperature = 1
		}
		total := 0.0
		for i := range c.kept {
			total += math.Exp(float64(scores[i]) / temperature)
		}
		for i := range n {
			want := 0.0
			if i < c.kept {
				want = math.Exp(float64(scores[i])/temperature) / total
			}
			if got := float64(n[i]) / draws; math.Abs(got-want) > 0.015 {
				t.Errorf("%+v: token %d drawn %.3f, want %.3f", c.s, i, got, want)
			}
		}
	}
}

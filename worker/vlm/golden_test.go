package vlm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
)

// A golden is what PyTorch says of one sample of testdata/tiny, alone.
type golden struct {
	Prompt      string    `json:"prompt"`
	PromptIDs   []int32   `json:"prompt_ids"`
	IDs         []int32   `json:"ids"`
	FP16IDs     []int32   `json:"fp16_ids"` // with a cache of half precision
	LogProb     float64   `json:"logprob"`
	Text        string    `json:"text"`
	FirstLogits []float32 `json:"first_logits"`

	image []byte
}

func goldens(t testing.TB) []golden {
	t.Helper()
	b, err := os.ReadFile("testdata/tiny/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g []golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	for i := range g {
		if g[i].image, err = os.ReadFile(fmt.Sprintf("testdata/tiny/images/%02d.png", i)); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func config(change ...func(*Config)) Config {
	c := DefaultConfig()
	for _, f := range change {
		f(&c)
	}
	return c
}

// start runs an engine until the test ends.
func start(t testing.TB, dir string, cfg Config) *Engine {
	t.Helper()
	e := open(t, dir, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := e.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return e
}

func open(t testing.TB, dir string, cfg Config) *Engine {
	t.Helper()
	e, err := Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func prepare(t testing.TB, e *Engine, gs []golden) []*Prepared {
	t.Helper()
	out := make([]*Prepared, len(gs))
	for i, g := range gs {
		p, err := e.Prepare(Request{Image: g.image, Prompt: g.Prompt})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(g.PromptIDs, p.ids); d != "" {
			t.Fatalf("prompt %d: %s", i, d)
		}
		out[i] = p
	}
	return out
}

// generate captions all at once.
func generate(t testing.TB, e *Engine, ps []*Prepared) []Caption {
	t.Helper()
	out := make([]Caption, len(ps))
	var wg sync.WaitGroup
	for i, p := range ps {
		wg.Go(func() {
			var err error
			if out[i], err = e.Generate(context.Background(), p); err != nil {
				t.Errorf("sample %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	return out
}

const tiny = "testdata/tiny"

func precision(graph, p string) func(*Config) {
	return func(c *Config) { c.Precision = map[string]string{graph: p} }
}

func TestCaptionsAreThoseOfPyTorch(t *testing.T) {
	gs := goldens(t)
	for name, c := range map[string]struct {
		cfg Config
		ids func(golden) []int32
	}{
		"alone":        {config(func(c *Config) { c.BatchSize = 1 }), func(g golden) []int32 { return g.IDs }},
		"together":     {config(), func(g golden) []int32 { return g.IDs }},
		"two threads":  {config(func(c *Config) { c.Lanes, c.Threads = 1, 2 }), func(g golden) []int32 { return g.IDs }},
		"last logits":  {config(precision(decoderGraph, "keep")), func(g golden) []int32 { return g.IDs }},
		"one picture":  {config(precision(visionGraph, "one")), func(g golden) []int32 { return g.IDs }},
		"half a cache": {config(precision(decoderGraph, "fp16")), func(g golden) []int32 { return g.FP16IDs }},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, tiny, c.cfg)
			for i, got := range generate(t, e, prepare(t, e, gs)) {
				want := c.ids(gs[i])
				if d := cmp.Diff(want, got.TokenIDs); d != "" {
					t.Errorf("sample %d: %s", i, d)
				}
				finish := schemas.FinishLength
				if want[len(want)-1] == 1 {
					finish = schemas.FinishStop
				}
				if got.Finish != finish {
					t.Errorf("sample %d: finish %s, want %s", i, got.Finish, finish)
				}
				if name != "half a cache" && math.Abs(float64(got.LogProb)-gs[i].LogProb) > 1e-3 {
					t.Errorf("sample %d: log-probability %g, want %g", i, got.LogProb, gs[i].LogProb)
				}
			}
		})
	}
}

// In float32 on a CPU a caption and its log-probability are the same bits in
// any company.
func TestCompanyChangesNothing(t *testing.T) {
	companyChangesNothing(t, tiny, func(e *Engine) []*Prepared { return prepare(t, e, goldens(t)) })
}

func companyChangesNothing(t *testing.T, dir string, samples func(e *Engine) []*Prepared) {
	alone := start(t, dir, config(func(c *Config) { c.BatchSize, c.Lanes = 1, 1 }))
	ps := samples(alone)
	want := generate(t, alone, ps)
	for _, c := range []struct{ size, threads int }{{2, 1}, {3, 1}, {7, 2}, {8, 1}, {16, 2}, {20, 1}, {64, 1}} {
		e := start(t, dir, config(func(f *Config) { f.BatchSize, f.Lanes, f.Threads = c.size, 1, c.threads }))
		if d := cmp.Diff(want, generate(t, e, ps)); d != "" {
			t.Errorf("batches of %d on %d threads: %s", c.size, c.threads, d)
		}
	}
}

// The first logits are PyTorch's, padded or not.
func TestFirstLogits(t *testing.T) {
	gs := goldens(t)
	e := open(t, tiny, config())
	l, err := newLane(e)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	var rows []*row
	for _, p := range prepare(t, e, gs) {
		rows = append(rows, newRow(context.Background(), p))
	}
	for _, n := range []int{1, len(rows)} {
		b := newBatch(rows[:n])
		logits, err := l.prefill(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := logits.Floats()
		logits.Close()
		b.close()
		if err != nil {
			t.Fatal(err)
		}
		vocab := int(e.graphs.vocab)
		for i, g := range gs[:n] {
			if g.FirstLogits == nil {
				continue
			}
			last := ((i+1)*b.length - 1) * vocab
			for j, want := range g.FirstLogits {
				if d := math.Abs(float64(got[last+j] - want)); d > 1e-4 {
					t.Fatalf("batch of %d, sample %d: logit %d differs by %g", n, i, j, d)
				}
			}
		}
	}
}

// TestModelOfEnvironment runs the company test on any model folder, with
// pictures and a prompt that the variables name.
func TestModelOfEnvironment(t *testing.T) {
	dir := os.Getenv("RECAPTION_TEST_MODEL")
	if dir == "" {
		t.Skip("RECAPTION_TEST_MODEL names no model")
	}
	files, err := filepath.Glob(os.Getenv("RECAPTION_TEST_IMAGES"))
	if err != nil || len(files) == 0 {
		t.Fatalf("RECAPTION_TEST_IMAGES names no pictures: %v", err)
	}
	companyChangesNothing(t, dir, func(e *Engine) []*Prepared {
		var ps []*Prepared
		for i, f := range files[:min(len(files), 64)] {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			p, err := e.Prepare(Request{Image: b, Prompt: os.Getenv("RECAPTION_TEST_PROMPT") + fmt.Sprint(i)})
			if err != nil {
				t.Fatal(err)
			}
			ps = append(ps, p)
		}
		return ps
	})
}

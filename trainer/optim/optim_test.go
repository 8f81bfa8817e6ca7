package optim_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/trainer/graph"
	"recaption/trainer/optim"
)

// golden is what testdata/make.py writes.
type golden struct {
	Shapes      map[string][]int
	First       map[string][]float32
	Gradients   []map[string][]float32
	AdamW, Muon struct {
		Rates, Lengths []float64
		Values         []map[string][]float32
	}
}

// order is that of the tensors in the tests.
var order = []string{"wide", "tall", "square", "second", "bias"}

func read(t *testing.T) golden {
	t.Helper()
	b, err := os.ReadFile("testdata/steps.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g golden) tensors() []graph.Tensor {
	var ts []graph.Tensor
	for _, name := range order {
		matrix := name != "bias"
		p := graph.Param{Name: name, Shape: g.Shapes[name], Decay: matrix, Hidden: matrix}
		ts = append(ts, graph.Tensor{Param: p, Data: slices.Clone(g.First[name]), Gradient: make([]float32, p.Size())})
	}
	return ts
}

func config(m optim.Method) optim.Config {
	c := optim.DefaultConfig()
	c.Method, c.Rate, c.Clip, c.Warmup, c.Steps, c.Floor = m, 1e-2, 1.5, 2, 6, 0.1
	return c
}

func open(t *testing.T, ts []graph.Tensor, c optim.Config, threads int) *optim.Optimizer {
	t.Helper()
	p, err := optim.New(ts, c, optim.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestStepAgainstPyTorch(t *testing.T) {
	g := read(t)
	for _, method := range []optim.Method{optim.AdamW, optim.Muon} {
		t.Run(string(method), func(t *testing.T) {
			want := g.AdamW
			if method == optim.Muon {
				want = g.Muon
			}
			ts := g.tensors()
			p := open(t, ts, config(method), 2)
			for step := range g.Gradients {
				for _, x := range ts {
					copy(x.Gradient, g.Gradients[step][x.Name])
				}
				did, err := p.Step(step)
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(did.Rate-want.Rates[step]) > 1e-12 || math.Abs(did.Length-want.Lengths[step]) > 1e-6 {
					t.Errorf("step %d: %+v, want rate %v and length %v", step, did, want.Rates[step], want.Lengths[step])
				}
				for _, x := range ts {
					for i, v := range want.Values[step][x.Name] {
						if d := math.Abs(float64(x.Data[i] - v)); d > 2e-6 {
							t.Fatalf("step %d: %s[%d] is %v, want %v", step, x.Name, i, x.Data[i], v)
						}
					}
				}
			}
		})
	}
}

// random makes tensors that are more than one piece of work.
func random(seed uint64) []graph.Tensor {
	r := rand.New(rand.NewPCG(seed, 1))
	var ts []graph.Tensor
	for _, p := range []graph.Param{
		{Name: "table", Shape: []int{500, 70}, Decay: true},
		{Name: "hidden", Shape: []int{96, 200}, Decay: true, Hidden: true},
		{Name: "other", Shape: []int{200, 96}, Decay: true, Hidden: true},
		{Name: "bias", Shape: []int{33}},
	} {
		x := graph.Tensor{Param: p, Data: make([]float32, p.Size()), Gradient: make([]float32, p.Size())}
		for i := range x.Data {
			x.Data[i] = float32(r.NormFloat64())
		}
		ts = append(ts, x)
	}
	return ts
}

// steps trains by gradients that are a function of the step.
func steps(t *testing.T, p *optim.Optimizer, ts []graph.Tensor, from, to int) {
	t.Helper()
	for step := from; step < to; step++ {
		r := rand.New(rand.NewPCG(uint64(step), 2))
		for _, x := range ts {
			for i := range x.Gradient {
				x.Gradient[i] = float32(r.NormFloat64())
			}
		}
		if _, err := p.Step(step); err != nil {
			t.Fatal(err)
		}
	}
}

// TestResume holds training that was stopped and goes on from its saved state to
// the bits of training that was not stopped, with another number of goroutines.
func TestResume(t *testing.T) {
	for _, method := range []optim.Method{optim.AdamW, optim.Muon} {
		t.Run(string(method), func(t *testing.T) {
			whole := random(5)
			steps(t, open(t, whole, config(method), 2), whole, 0, 5)

			parted := random(5)
			before := open(t, parted, config(method), 2)
			steps(t, before, parted, 0, 2)
			after := open(t, parted, config(method), 2)
			saved, into := before.State(), after.State()
			for i, s := range saved {
				if s.Name != into[i].Name || !slices.Equal(s.Shape, into[i].Shape) {
					t.Fatalf("state %d is %s %v, then %s %v", i, s.Name, s.Shape, into[i].Name, into[i].Shape)
				}
				copy(into[i].Data, s.Data)
			}
			steps(t, after, parted, 2, 5)
			for i := range whole {
				if !slices.Equal(whole[i].Data, parted[i].Data) {
					t.Errorf("%s differs", whole[i].Name)
				}
			}
		})
	}
}

// TestGoroutines holds AdamW to the same bits whoever does the work.
func TestGoroutines(t *testing.T) {
	one, many := random(6), random(6)
	steps(t, open(t, one, config(optim.AdamW), 1), one, 0, 3)
	steps(t, open(t, many, config(optim.AdamW), 7), many, 0, 3)
	for i := range one {
		if !slices.Equal(one[i].Data, many[i].Data) {
			t.Errorf("%s differs", one[i].Name)
		}
	}
}

func TestNotFinite(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		ts := random(7)
		p := open(t, ts, config(optim.Muon), 2)
		steps(t, p, ts, 0, 1)
		before := slices.Clone(ts[1].Data)
		ts[1].Gradient[77], ts[1].Gradient[80] = float32(bad), float32(bad)
		_, err := p.Step(1)
		if !errors.Is(err, optim.ErrNotFinite) || !strings.Contains(err.Error(), "gradient of hidden: element 77") || !strings.Contains(err.Error(), "2 of its 19200") {
			t.Errorf("%v: %v", bad, err)
		}
		if !slices.Equal(before, ts[1].Data) {
			t.Errorf("%v: the parameters have changed", bad)
		}
		if err := optim.CheckLoss(float32(bad)); !errors.Is(err, optim.ErrNotFinite) {
			t.Errorf("loss %v: %v", bad, err)
		}
	}
	if err := optim.CheckLoss(3); err != nil {
		t.Error(err)
	}
}

func TestSchedule(t *testing.T) {
	c := config(optim.AdamW)
	var got []float64
	for step := range 8 {
		got = append(got, math.Round(c.Schedule(step)*1e4)/1e4)
	}
	if d := cmp.Diff([]float64{0.5, 1, 1, 0.8682, 0.55, 0.2318, 0.1, 0.1}, got); d != "" {
		t.Error(d)
	}
}

func TestValidate(t *testing.T) {
	c := optim.DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Method, c.Rate, c.Beta2, c.Warmup = "sgd", 0, 1, c.Steps+1
	err := c.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"method is sgd", "rate is 0", "beta2 is 1", "warmup is 1001"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q is not named in: %v", name, err)
		}
	}
}

func TestClampLogitScale(t *testing.T) {
	ts := []graph.Tensor{{Param: graph.Param{Name: "logit_scale"}, Data: []float32{5}}, {Param: graph.Param{Name: "other"}, Data: []float32{5}}}
	optim.ClampLogitScale(ts)
	if ts[0].Data[0] != optim.LargestLogitScale || ts[1].Data[0] != 5 {
		t.Errorf("%v", ts)
	}
}

func BenchmarkAdamW(b *testing.B) { bench(b, optim.AdamW) }
func BenchmarkMuon(b *testing.B)  { bench(b, optim.Muon) }

// bench is a step of the tiny model's parameters.
func bench(b *testing.B, m optim.Method) {
	c, err := graph.Preset("tiny")
	if err != nil {
		b.Fatal(err)
	}
	var ts []graph.Tensor
	r := rand.New(rand.NewPCG(1, 1))
	for _, p := range c.WithTokens(1024, 0, 1).Params(graph.CLIP) {
		x := graph.Tensor{Param: p, Data: make([]float32, p.Size()), Gradient: make([]float32, p.Size())}
		p.Init(1, x.Data)
		for i := range x.Gradient {
			x.Gradient[i] = float32(r.NormFloat64())
		}
		ts = append(ts, x)
	}
	o := optim.DefaultConfig()
	o.Method = m
	p, err := optim.New(ts, o, optim.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	for step := 0; b.Loop(); step++ {
		if _, err := p.Step(step); err != nil {
			b.Fatal(err)
		}
	}
}

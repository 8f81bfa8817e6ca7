package optim

import (
	"fmt"
	"math"
	"runtime"

	"recaption/internal/ort"
	"recaption/trainer/graph"
)

// An Optimizer trains the tensors it was made with. It belongs to one goroutine.
type Optimizer struct {
	cfg     Config
	tensors []graph.Tensor
	state   []Moment
	adam    []adamTensor
	muon    *muon // nil where Muon has nothing to train
	chunks  []chunk
	squares []float64 // of each chunk's gradients
	workers int
}

// A Moment is a piece of an optimizer's state: the memory itself, to save, or to
// write a saved state into.
type Moment struct {
	Name  string
	Shape []int
	Data  []float32
}

// Options say what an optimizer runs on. The zero value is all cores of the host.
type Options struct {
	Threads int        // 0: all cores
	Device  ort.Device // of Muon's matrix products
}

// New makes an optimizer with an empty state. Close frees it; the tensors must
// stay until then.
func New(tensors []graph.Tensor, c Config, o Options) (*Optimizer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p := &Optimizer{cfg: c, tensors: tensors, workers: o.Threads}
	if p.workers <= 0 {
		p.workers = runtime.GOMAXPROCS(0)
	}
	moment := func(kind string, t graph.Tensor) []float32 {
		data := make([]float32, len(t.Data))
		p.state = append(p.state, Moment{kind + "." + t.Name, t.Shape, data})
		return data
	}
	var hidden []muonTensor
	for i, t := range tensors {
		if len(t.Gradient) != len(t.Data) {
			return nil, fmt.Errorf("optimizer: %s has %d numbers and %d of its gradient", t.Name, len(t.Data), len(t.Gradient))
		}
		p.chunks = cut(p.chunks, i, len(t.Data))
		if c.Method == Muon && t.Hidden {
			hidden = append(hidden, muonTensor{Tensor: t, momentum: moment("momentum", t)})
			continue
		}
		p.adam = append(p.adam, adamTensor{t, moment("first", t), moment("second", t)})
	}
	p.squares = make([]float64, len(p.chunks))
	if len(hidden) > 0 {
		var err error
		if p.muon, err = newMuon(hidden, p.workers, o); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Close frees what Muon's products need. Closing again does nothing.
func (p *Optimizer) Close() {
	if p.muon != nil {
		p.muon.close()
	}
}

// State is all that an optimizer remembers between steps but for the number of the
// next step, in a fixed order.
func (p *Optimizer) State() []Moment { return p.state }

// Did is what a step did.
type Did struct {
	Rate   float64 // AdamW's learning rate
	Length float64 // of all gradients together, before clipping
}

// Step changes the parameters by their gradients; the first step's number is 0.
// Gradients that are not finite are an error that wraps ErrNotFinite, and then
// nothing has changed.
func (p *Optimizer) Step(step int) (Did, error) {
	length := p.length()
	did := Did{Rate: p.cfg.Rate * p.cfg.Schedule(step), Length: length}
	if math.IsNaN(length) || math.IsInf(length, 0) {
		return did, checkGradients(p.tensors)
	}
	shrink := float32(1)
	if p.cfg.Clip > 0 && length > p.cfg.Clip {
		shrink = float32(p.cfg.Clip / (length + 1e-6))
	}
	if p.muon != nil { // first: it alone can go wrong
		rate := p.cfg.MuonRate
		if rate == 0 {
			rate = p.cfg.Rate
		}
		if err := p.muon.step(rate*p.cfg.Schedule(step), p.cfg, shrink); err != nil {
			return did, err
		}
	}
	p.adamStep(step, did.Rate, shrink)
	return did, nil
}

// length is that of all gradients as one vector.
func (p *Optimizer) length() float64 {
	each(p.workers, len(p.chunks), func(i int) {
		c := p.chunks[i]
		var sum float64
		for _, g := range p.tensors[c.tensor].Gradient[c.from:c.to] {
			sum += float64(g) * float64(g)
		}
		p.squares[i] = sum
	})
	var sum float64
	for _, s := range p.squares {
		sum += s
	}
	return math.Sqrt(sum)
}

// LargestLogitScale is CLIP's bound of the logits' scale, 100.
var LargestLogitScale = float32(math.Log(100))

// ClampLogitScale holds the logit scale at its bound, as CLIP does after each step.
func ClampLogitScale(tensors []graph.Tensor) {
	for _, t := range tensors {
		if t.Name == "logit_scale" {
			t.Data[0] = min(t.Data[0], LargestLogitScale)
		}
	}
}

package optim

import (
	"fmt"
	"math"

	"recaption/internal/ort"
	"recaption/trainer/graph"
)

// muonTensor is a matrix that Muon trains.
type muonTensor struct {
	graph.Tensor
	momentum []float32
}

// muon trains matrices. Those of one shape are made orthogonal together.
type muon struct {
	tensors []muonTensor
	groups  []muonGroup
	workers int
	ns      newtonSchulz
}

// A muonGroup is matrices of one shape, by their places, few enough for one run.
type muonGroup struct {
	rows, columns int
	members       []int
	in, out       *ort.Value // [members, rows, columns]
}

// mostTogether bounds the numbers of a run, and so what the runs need of memory.
const mostTogether = 1 << 24

func newMuon(tensors []muonTensor, workers int, o Options) (_ *muon, err error) {
	m := &muon{tensors: tensors, workers: workers}
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	open := map[[2]int]int{} // the group of a shape that has room
	for i, t := range tensors {
		if len(t.Shape) != 2 {
			return nil, fmt.Errorf("muon: %s has the shape %v: want a matrix", t.Name, t.Shape)
		}
		shape := [2]int{t.Shape[0], t.Shape[1]}
		g, ok := open[shape]
		if !ok || (len(m.groups[g].members)+1)*t.Size() > mostTogether {
			g = len(m.groups)
			open[shape] = g
			m.groups = append(m.groups, muonGroup{rows: shape[0], columns: shape[1]})
		}
		m.groups[g].members = append(m.groups[g].members, i)
	}
	for i := range m.groups {
		g := &m.groups[i]
		dims := []int64{int64(len(g.members)), int64(g.rows), int64(g.columns)}
		if g.in, err = ort.Make(ort.F32, dims); err != nil {
			return nil, err
		}
		if g.out, err = ort.Make(ort.F32, dims); err != nil {
			return nil, err
		}
	}
	m.ns, err = newNewtonSchulz(o)
	return m, err
}

func (m *muon) close() {
	m.ns.close()
	for _, g := range m.groups {
		g.in.Close()
		g.out.Close()
	}
}

// step updates momenta, then the matrices: with the momentum looked ahead
// (Nesterov), as torch.optim.Muon does by default.
func (m *muon) step(rate float64, c Config, shrink float32) error {
	for _, g := range m.groups {
		in, err := ort.Data[float32](g.in)
		if err != nil {
			return err
		}
		size := g.rows * g.columns
		each(m.workers, len(g.members), func(i int) {
			t := m.tensors[g.members[i]]
			lookAhead(in[i*size:][:size], t.momentum, t.Gradient, float32(c.Momentum), shrink)
		})
		if err := m.ns.run(g); err != nil {
			return err
		}
		out, err := ort.Data[float32](g.out)
		if err != nil {
			return err
		}
		// 0.2·√max(rows, columns) gives an update the size that AdamW's have.
		scale := float32(rate * 0.2 * math.Sqrt(float64(max(g.rows, g.columns))))
		each(m.workers, len(g.members), func(i int) {
			t := m.tensors[g.members[i]]
			keep := float32(1)
			if t.Decay {
				keep = float32(1 - rate*c.Decay)
			}
			update := out[i*size:][:len(t.Data)]
			for j, u := range update {
				t.Data[j] = keep*t.Data[j] - scale*u
			}
		})
	}
	return nil
}

// lookAhead updates a momentum by a gradient, and writes the update of length 1.
func lookAhead(update, momentum, gradient []float32, beta, shrink float32) {
	momentum, gradient = momentum[:len(update)], gradient[:len(update)]
	var squares float64
	for i, g := range gradient {
		g *= shrink
		b := momentum[i] + (1-beta)*(g-momentum[i])
		momentum[i] = b
		u := g + beta*(b-g)
		update[i] = u
		squares += float64(u) * float64(u)
	}
	const least = 1e-7
	by := float32(1 / max(math.Sqrt(squares), least))
	for i := range update {
		update[i] *= by
	}
}

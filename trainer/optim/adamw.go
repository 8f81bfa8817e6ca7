package optim

import (
	"math"

	"recaption/trainer/graph"
)

type adamTensor struct {
	graph.Tensor
	first, second []float32
}

// adamStep is AdamW as PyTorch computes it.
func (p *Optimizer) adamStep(step int, rate float64, shrink float32) {
	c := p.cfg
	t := float64(step + 1)
	k := adamStep{
		b1: float32(c.Beta1), a1: float32(1 - c.Beta1), b2: float32(c.Beta2), a2: float32(1 - c.Beta2),
		rate:   float32(rate / (1 - math.Pow(c.Beta1, t))),
		root:   float32(1 / math.Sqrt(1-math.Pow(c.Beta2, t))),
		eps:    float32(c.Epsilon),
		shrink: shrink,
	}
	var chunks []chunk
	for i, a := range p.adam {
		chunks = cut(chunks, i, len(a.Data))
	}
	each(p.workers, len(chunks), func(i int) {
		at := chunks[i]
		a, k := p.adam[at.tensor], k
		k.keep = 1
		if a.Decay {
			k.keep = float32(1 - rate*c.Decay)
		}
		k.apply(a.Data[at.from:at.to], a.Gradient[at.from:at.to], a.first[at.from:at.to], a.second[at.from:at.to])
	})
}

// adamStep is what one step's arithmetic needs.
type adamStep struct{ b1, a1, b2, a2, rate, root, eps, shrink, keep float32 }

func (k adamStep) apply(p, g, m, v []float32) {
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	for i, x := range g {
		x *= k.shrink
		mm, vv := k.b1*m[i]+k.a1*x, k.b2*v[i]+k.a2*x*x
		m[i], v[i] = mm, vv
		p[i] = k.keep*p[i] - k.rate*mm/(float32(math.Sqrt(float64(vv)))*k.root+k.eps)
	}
}

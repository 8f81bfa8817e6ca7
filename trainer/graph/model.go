package graph

import (
	"errors"
	"fmt"
	"math"

	"recaption/internal/ort"
)

// Options say how a model runs.
type Options struct {
	Device    ort.Device
	Threads   int  // of one operator; 0: all cores
	Part      int  // samples of a batch that the towers hold at once; 0: all
	Negatives bool // batches bring hard negatives
}

// Tensor is a parameter with its values and its gradient, both in memory of the
// model: who trains writes to Data and reads Gradient.
type Tensor struct {
	Param
	Data, Gradient []float32
}

// Batch is what one step sees. Text i belongs to image i; negatives are texts
// that belong to none.
type Batch struct {
	Pixels    []float32 // [images, 3, size, size], normalised
	Texts     []int64   // [images, Length]
	Negatives []int64   // [any, Length]
	Length    int
}

// Model is a CLIP model in training. It belongs to one goroutine. Parameters
// and gradients live on the host, also where a GPU computes.
type Model struct {
	Tensors []Tensor

	cfg   Config
	loss  Loss
	opt   Options
	data  *ort.Value // all parameters
	slope *ort.Value // all gradients
	bound []bound    // views by parameter
	runs  map[string]*program
	token int // place of the token embedding

	scratch []float32 // gradients of one part of a batch
}

// bound is one parameter's views.
type bound struct{ data, slope *ort.Value }

// program is a graph that is loaded.
type program struct {
	session *ort.Session
	runner  *ort.Runner
	reads   []int // parameters, by their place
	writes  []int // gradients
}

// New makes a model with its first values, a function of seed. Close frees it.
func New(c Config, l Loss, seed uint64, o Options) (_ *Model, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if l != CLIP && l != SigLIP {
		return nil, fmt.Errorf("loss %q: want %s or %s", l, CLIP, SigLIP)
	}
	m := &Model{cfg: c, loss: l, opt: o, runs: map[string]*program{}}
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	ps := c.Params(l)
	total := 0
	for _, p := range ps {
		total += padded(p.Size())
	}
	if m.data, err = ort.Make(ort.F32, []int64{int64(total)}); err != nil {
		return nil, err
	}
	if m.slope, err = ort.Make(ort.F32, []int64{int64(total)}); err != nil {
		return nil, err
	}
	data, err := ort.Data[float32](m.data)
	if err != nil {
		return nil, err
	}
	slope, err := ort.Data[float32](m.slope)
	if err != nil {
		return nil, err
	}
	at := 0
	for i, p := range ps {
		n := p.Size()
		var b bound
		shape := int64s(p.Shape)
		if b.data, err = m.data.Part(at, shape); err != nil {
			return nil, err
		}
		m.bound = append(m.bound, b)
		if m.bound[i].slope, err = m.slope.Part(at, shape); err != nil {
			return nil, err
		}
		m.Tensors = append(m.Tensors, Tensor{p, data[at : at+n : at+n], slope[at : at+n : at+n]})
		p.Init(seed, m.Tensors[i].Data)
		if p.Name == tokenEmbedding {
			m.token = i
		}
		at += padded(n)
	}
	return m, nil
}

// padded keeps every parameter at the beginning of a cache line.
func padded(n int) int { return (n + 15) &^ 15 }

func int64s(s []int) []int64 {
	out := make([]int64, len(s))
	for i, v := range s {
		out[i] = int64(v)
	}
	return out
}

// Config is the model's shape.
func (m *Model) Config() Config { return m.cfg }

// Close frees everything. Closing again does nothing.
func (m *Model) Close() {
	for _, p := range m.runs {
		p.runner.Close()
		p.session.Close()
	}
	for _, b := range m.bound {
		b.data.Close()
		if b.slope != nil {
			b.slope.Close()
		}
	}
	for _, v := range []*ort.Value{m.data, m.slope} {
		if v != nil {
			v.Close()
		}
	}
	m.runs, m.bound, m.data, m.slope = map[string]*program{}, nil, nil, nil
}

// load gives a graph's program, made at its first use.
func (m *Model) load(name string, write func() []byte) (*program, error) {
	if m.data == nil {
		return nil, fmt.Errorf("model: %w", ort.ErrClosed)
	}
	if p := m.runs[name]; p != nil {
		return p, nil
	}
	s, err := ort.LoadBytes(name, write(), ort.Options{Device: m.opt.Device, IntraThreads: m.opt.Threads, Spin: true})
	if err != nil {
		return nil, err
	}
	p := &program{session: s}
	if p.runner, err = s.NewRunner(); err != nil {
		s.Close()
		return nil, err
	}
	for i, t := range m.Tensors {
		if _, ok := s.Input(t.Name); ok {
			p.reads = append(p.reads, i)
		}
		if _, ok := s.Output(GradientPrefix + t.Name); ok {
			p.writes = append(p.writes, i)
		}
	}
	m.runs[name] = p
	return p, nil
}

// run runs a program. Gradients are written over those of before; the token
// embedding's comes as one row a token and is added up by ids, texts of length
// tokens.
func (m *Model) run(p *program, feeds []ort.Feed, names []string, ids []int64, length int) ([]*ort.Value, error) {
	for _, i := range p.reads {
		feeds = append(feeds, ort.Feed{Name: m.Tensors[i].Name, Value: m.bound[i].data})
	}
	fetches := make([]ort.Fetch, 0, len(names)+len(p.writes))
	for _, n := range names {
		fetches = append(fetches, ort.Fetch{Name: n})
	}
	byToken := -1
	for _, i := range p.writes {
		f := ort.Fetch{Name: GradientPrefix + m.Tensors[i].Name}
		if i == m.token {
			byToken = len(fetches)
		} else {
			f.Into = m.bound[i].slope
		}
		fetches = append(fetches, f)
	}
	out, err := p.runner.Run(feeds, fetches)
	if err != nil {
		return nil, err
	}
	if byToken >= 0 {
		defer out[byToken].Close()
		rows, err := ort.Data[float32](out[byToken])
		if err != nil {
			return nil, err
		}
		t := m.Tensors[m.token]
		clear(t.Gradient)
		width := t.Shape[1]
		texts := len(ids) / length
		for k := range ids { // positions first, as the graph has them
			id := ids[k%texts*length+k/texts]
			to, row := t.Gradient[int(id)*width:][:width], rows[k*width:][:width]
			for j, v := range row {
				to[j] += v
			}
		}
	}
	return out[:len(names)], nil
}

// check makes sure that a batch fits the model.
func (m *Model) check(b Batch) (images int, err error) {
	side := m.cfg.Vision.Channels * m.cfg.Vision.Image * m.cfg.Vision.Image
	images = len(b.Pixels) / side
	switch {
	case images == 0 || len(b.Pixels)%side != 0:
		return 0, fmt.Errorf("batch: %d pixel values are no images of %d", len(b.Pixels), side)
	case b.Length < 1 || b.Length > m.cfg.Text.Context:
		return 0, fmt.Errorf("batch: texts of %d tokens; want 1 to %d", b.Length, m.cfg.Text.Context)
	case len(b.Texts) != images*b.Length:
		return 0, fmt.Errorf("batch: %d tokens for %d images and texts of %d", len(b.Texts), images, b.Length)
	case len(b.Negatives)%b.Length != 0 || len(b.Negatives) > 0 && !m.opt.Negatives:
		return 0, fmt.Errorf("batch: %d tokens of negatives, which are not expected or not whole", len(b.Negatives))
	}
	return images, errors.Join(m.checkIDs("text", b.Texts, b.Length), m.checkIDs("negative", b.Negatives, b.Length))
}

// checkIDs makes sure that tokens are of the vocabulary and that every text has the
// end-of-text token, at which it is read.
func (m *Model) checkIDs(what string, ids []int64, length int) error {
	for from := 0; from < len(ids); from += length {
		ends := false
		for _, id := range ids[from : from+length] {
			if id < 0 || id >= int64(m.cfg.Text.Vocab) {
				return fmt.Errorf("batch: %s %d has token %d; the vocabulary has %d", what, from/length, id, m.cfg.Text.Vocab)
			}
			ends = ends || id == int64(m.cfg.Text.EOS)
		}
		if !ends {
			return fmt.Errorf("batch: %s %d has no end-of-text token %d in its %d tokens; cut texts before it", what, from/length, m.cfg.Text.EOS, length)
		}
	}
	return nil
}

// Step computes the loss of a batch and all gradients, which replace those of before.
func (m *Model) Step(b Batch) (float32, error) {
	images, err := m.check(b)
	if err != nil {
		return 0, err
	}
	if m.opt.Part > 0 && images > m.opt.Part {
		return m.inParts(b, images)
	}
	negatives := len(b.Negatives) > 0
	name := "step"
	if negatives {
		name = "step with negatives"
	}
	p, err := m.load(name, func() []byte { return Step(m.cfg, m.loss, negatives) })
	if err != nil {
		return 0, err
	}
	var in values
	defer in.close()
	feeds := []ort.Feed{{Name: InPixels, Value: in.pixels(m.cfg, b.Pixels)}, {Name: InTexts, Value: in.ids(b.Texts, b.Length)}}
	ids := b.Texts
	if negatives {
		feeds = append(feeds, ort.Feed{Name: InNegatives, Value: in.ids(b.Negatives, b.Length)})
		ids = append(append([]int64{}, ids...), b.Negatives...)
	}
	if in.err != nil {
		return 0, in.err
	}
	out, err := m.run(p, feeds, []string{OutLoss}, ids, b.Length)
	if err != nil {
		return 0, err
	}
	return scalar(out[0])
}

// scalar reads and closes a value of one number.
func scalar(v *ort.Value) (float32, error) {
	defer v.Close()
	d, err := ort.Data[float32](v)
	if err != nil {
		return float32(math.NaN()), err
	}
	if len(d) != 1 {
		return float32(math.NaN()), errors.New("a loss of several numbers")
	}
	return d[0], nil
}

// values are inputs that are made for one run, and its first error.
type values struct {
	all []*ort.Value
	err error
}

func (v *values) keep(x *ort.Value, err error) *ort.Value {
	if err != nil {
		v.err = errors.Join(v.err, err)
		return nil
	}
	v.all = append(v.all, x)
	return x
}

func (v *values) pixels(c Config, data []float32) *ort.Value {
	side := int64(c.Vision.Image)
	ch := int64(c.Vision.Channels)
	return v.keep(ort.New([]int64{int64(len(data)) / (ch * side * side), ch, side, side}, data))
}

func (v *values) ids(data []int64, length int) *ort.Value {
	return v.keep(ort.New([]int64{int64(len(data) / length), int64(length)}, data))
}

func (v *values) rows(data []float32, width int) *ort.Value {
	return v.keep(ort.New([]int64{int64(len(data) / width), int64(width)}, data))
}

func (v *values) close() {
	for _, x := range v.all {
		x.Close()
	}
}

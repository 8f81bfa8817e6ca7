package feed

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"

	"recaption/internal/imaging"
	"recaption/trainer/mix"
)

// Undecodable counts pictures that can't be decoded, Untokenizable texts that
// the tokenizer refuses. Their rows are passed over.
const (
	Undecodable   = "undecodable"
	Untokenizable = "untokenizable"
)

// CutTexts counts texts of which ids were cut away to keep the context. They
// are shown all the same.
const CutTexts = "cut_to_context"

// BatchConfig says what batches are made of.
type BatchConfig struct {
	Rows      int // of a batch
	Pixels    Pixels
	Tokens    Tokens
	Negatives bool // make a hard negative of each text of which one can be made
	Partial   bool // give what is left at the epoch's end as a smaller batch, where it is else left out
	Workers   int  // that decode; 0: the cores
	Ahead     int  // batches made before they are asked for
}

// Validate names every fault.
func (c BatchConfig) Validate() error {
	errs := []error{c.Pixels.Validate(), c.Tokens.Validate()}
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("batches: "+format, args...)) }
	if c.Rows < 1 || c.Rows > 1<<16 {
		bad("rows %d: want 1 to 65536", c.Rows)
	}
	if c.Workers < 0 || c.Workers > 1024 {
		bad("workers %d: want 0 to 1024", c.Workers)
	}
	if c.Ahead < 0 || c.Ahead > 64 {
		bad("ahead %d: want 0 to 64", c.Ahead)
	}
	return errors.Join(errs...)
}

// Batch is what one step sees.
type Batch struct {
	Rows      int
	Pixels    []float32 // [Rows, 3, size, size], normalised
	IDs       []int64   // [Rows, Length]
	Negatives []int64   // [any, Length]: of those rows of which one could be made
	Length    int       // a multiple of 8, or the context
	Keys      []string
	Texts     []mix.Text
	Next      int64 // position from which the batch behind it is read: what a checkpoint keeps
}

// Batches gives the reader's batches from a position on. A batch is valid
// until the next one is asked for. The same list, reader and configuration
// (but for Workers and Ahead) give the same batches. The first error ends the
// iteration.
func (r *Reader) Batches(ctx context.Context, c BatchConfig, from int64) iter.Seq2[*Batch, error] {
	return r.batches(ctx, c, func(ctx context.Context) iter.Seq2[Sample, error] { return r.Samples(ctx, from) })
}

// batches makes batches of samples.
func (r *Reader) batches(ctx context.Context, c BatchConfig, samples func(context.Context) iter.Seq2[Sample, error]) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if err := c.Validate(); err != nil {
			yield(nil, err)
			return
		}
		if c.Workers == 0 {
			c.Workers = runtime.GOMAXPROCS(0)
		}
		ctx, cancel := context.WithCancel(ctx)
		m := newMaker(r, c)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		wg.Go(func() { m.read(ctx, samples(ctx)) })
		wg.Go(func() { m.assemble(ctx) })
		for range c.Workers {
			wg.Go(m.work)
		}
		for f := range m.out {
			f.writes.Wait()
			if f.err != nil || !yield(&f.Batch, nil) {
				if f.err != nil {
					yield(nil, f.err)
				}
				return
			}
			m.free <- f
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// maker is the line that batches are made on: samples are read in order,
// decoded on all cores, put into batches in order, and written there on all
// cores.
type maker struct {
	r      *Reader
	c      BatchConfig
	norm   *imaging.Normalizer
	decode chan *decoding
	order  chan *decoding // the same ones, in order
	write  chan writing
	out    chan *filling // as large as there are batches, and an error
	free   chan *filling
}

// decoding is a sample on its way.
type decoding struct {
	s        Sample
	err      error // of the reading; the last one
	img      *imaging.Image
	ids      []int32
	negative []int32
	failed   string // why it is passed over
	done     chan struct{}
}

// writing puts a picture into its batch.
type writing struct {
	img *imaging.Image
	dst []float32
	of  *sync.WaitGroup
}

// filling is a batch being made.
type filling struct {
	Batch
	writes    sync.WaitGroup
	ids       [][]int32
	negatives [][]int32
	err       error
}

func newMaker(r *Reader, c BatchConfig) *maker {
	batches := c.Ahead + 2 // one in use, one being filled
	m := &maker{
		r: r, c: c, norm: imaging.NewNormalizer(1./255, c.Pixels.Mean, c.Pixels.Std),
		decode: make(chan *decoding, 2*c.Workers), order: make(chan *decoding, 4*c.Workers),
		write: make(chan writing, 2*c.Workers), out: make(chan *filling, batches+1), free: make(chan *filling, batches),
	}
	for range batches {
		m.free <- &filling{}
	}
	return m
}

// read hands samples on in order.
func (m *maker) read(ctx context.Context, samples iter.Seq2[Sample, error]) {
	defer close(m.decode)
	defer close(m.order)
	for s, err := range samples {
		d := &decoding{s: s, err: err, done: make(chan struct{})}
		if err != nil {
			close(d.done)
		} else {
			select {
			case m.decode <- d:
			case <-ctx.Done():
				return
			}
		}
		select {
		case m.order <- d:
		case <-ctx.Done():
			return
		}
	}
}

// work decodes and writes until nothing is left of both. What is to be written
// comes first: a batch waits for it.
func (m *maker) work() {
	decode := m.decode
	for {
		select {
		case w, ok := <-m.write:
			if !ok {
				return
			}
			m.put(w)
			continue
		default:
		}
		select {
		case w, ok := <-m.write:
			if !ok {
				return
			}
			m.put(w)
		case d, ok := <-decode:
			if !ok {
				decode = nil
				continue
			}
			m.open(d)
		}
	}
}

func (m *maker) put(w writing) {
	defer w.of.Done()
	m.norm.CHW(w.dst, w.img)
}

// open makes picture and ids of a sample.
func (m *maker) open(d *decoding) {
	defer close(d.done)
	l := m.r.list
	var err error
	if d.img, err = m.c.Pixels.square(d.s.Image, mix.NewRandom("crop", l.Seed, l.Epoch, d.s.Dataset, d.s.Key)); err != nil {
		d.failed = Undecodable
	} else if d.ids, err = m.ids(d.s.Text.Text); err != nil {
		d.failed = Untokenizable
	} else if m.c.Negatives {
		if n, ok := m.r.mixer.Negative(d.s.Dataset, d.s.Key, d.s.Text.Text); ok {
			d.negative = m.negative(n.Text, d.ids)
		}
	}
	d.s.Image = nil
	if d.failed != "" {
		m.r.log.Debug("sample passed over", "dataset", d.s.Dataset, "position", d.s.Position, "reason", d.failed, "err", err)
	}
}

func (m *maker) ids(text string) ([]int32, error) {
	ids, cut, err := m.c.Tokens.ids(text)
	if cut {
		m.r.countSkipped(CutTexts, 1)
	}
	return ids, err
}

// negative gives the ids of a wrong text, unless what makes it wrong was cut
// away.
func (m *maker) negative(text string, right []int32) []int32 {
	ids, _, err := m.c.Tokens.ids(text)
	if err != nil || equal(ids, right) {
		return nil
	}
	return ids
}

func equal(a, b []int32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// assemble puts samples into batches, in order.
func (m *maker) assemble(ctx context.Context) {
	defer close(m.out)
	defer close(m.write)
	var f *filling
	for d := range m.order {
		select {
		case <-d.done:
		case <-ctx.Done():
			return
		}
		if d.err != nil {
			m.out <- &filling{err: d.err}
			return
		}
		if d.failed != "" {
			m.r.countSkipped(d.failed, 1)
			continue
		}
		if f == nil {
			select {
			case f = <-m.free:
				f.reset(m.c)
			case <-ctx.Done():
				return
			}
		}
		if !m.add(ctx, f, d) {
			return
		}
		if f.Rows == m.c.Rows {
			m.finish(f)
			f = nil
		}
	}
	if f != nil && m.c.Partial && ctx.Err() == nil {
		m.finish(f)
	}
}

func (f *filling) reset(c BatchConfig) {
	if f.Pixels == nil {
		f.Pixels = make([]float32, c.Rows*c.Pixels.values())
	}
	f.Pixels = f.Pixels[:cap(f.Pixels)]
	f.Rows, f.Length = 0, 0
	f.Keys, f.Texts = make([]string, 0, c.Rows), make([]mix.Text, 0, c.Rows) // may be kept
	f.ids, f.negatives = f.ids[:0], f.negatives[:0]
}

// add gives a sample the next row. It reports false when ctx has ended.
func (m *maker) add(ctx context.Context, f *filling, d *decoding) bool {
	n := m.c.Pixels.values()
	f.writes.Add(1)
	select {
	case m.write <- writing{d.img, f.Pixels[f.Rows*n:][:n], &f.writes}:
	case <-ctx.Done():
		f.writes.Done()
		return false
	}
	f.Rows++
	f.Keys, f.Texts = append(f.Keys, d.s.Key), append(f.Texts, d.s.Text)
	f.ids = append(f.ids, d.ids)
	f.Length = max(f.Length, len(d.ids))
	if d.negative != nil {
		f.negatives = append(f.negatives, d.negative)
		f.Length = max(f.Length, len(d.negative))
	}
	f.Next = d.s.Position + int64(m.r.cfg.Of)
	return true
}

// finish hands a batch out; its pictures may still be being written.
func (m *maker) finish(f *filling) {
	t := m.c.Tokens
	f.Length = t.length(f.Length)
	f.Pixels = f.Pixels[:f.Rows*m.c.Pixels.values()]
	f.IDs = t.pack(f.IDs[:0], f.ids, f.Length)
	f.Negatives = t.pack(f.Negatives[:0], f.negatives, f.Length)
	m.out <- f
}

package vlm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"recaption/internal/ort"
)

// A lane runs batches, one at a time.
type lane struct {
	e                               *Engine
	vision, embed, decoder          *ort.Runner
	merge, greedy, hold, draw, keep *ort.Runner
	feeds                           []ort.Feed // reused between runs
	presents, kept                  []ort.Fetch
}

func newLane(e *Engine) (*lane, error) {
	l := &lane{e: e}
	for _, r := range []struct {
		into *(*ort.Runner)
		s    *ort.Session
	}{
		{&l.vision, e.graphs.vision}, {&l.embed, e.graphs.embed}, {&l.decoder, e.graphs.decoder},
		{&l.merge, e.kernels.merge}, {&l.greedy, e.kernels.greedy}, {&l.hold, e.kernels.hold}, {&l.draw, e.kernels.draw}, {&l.keep, e.kernels.keep},
	} {
		var err error
		if *r.into, err = r.s.NewRunner(); err != nil {
			l.close()
			return nil, err
		}
	}
	device := e.graphs.decoder.Device()
	l.presents = append(l.presents, ort.Fetch{Name: "logits", On: device})
	for _, c := range e.graphs.cache {
		l.presents = append(l.presents, ort.Fetch{Name: c.present, On: device})
		l.kept = append(l.kept, ort.Fetch{Name: c.present, On: device})
	}
	return l, nil
}

func (l *lane) runners() []*ort.Runner {
	return []*ort.Runner{l.vision, l.embed, l.decoder, l.merge, l.greedy, l.hold, l.draw, l.keep}
}

func (l *lane) close() {
	for _, r := range l.runners() {
		r.Close()
	}
}

// terminate ends what runs. It may be called from any goroutine.
func (l *lane) terminate() {
	for _, r := range l.runners() {
		_ = r.Terminate() // fails only when the runner is closed, and then nothing runs
	}
}

// run captions rows together. Rows are answered as they finish; those that were
// not are the caller's, each with its failure where there is no error.
func (l *lane) run(ctx context.Context, rows []*row) error {
	for _, r := range rows {
		r.reset()
	}
	b := newBatch(rows)
	defer b.close()
	logits, err := l.prefill(b)
	if err != nil {
		return err
	}
	for {
		if err := l.choose(b, logits); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if b.live() == 0 {
			return nil
		}
		if b.wasteful() {
			if err := l.shrink(b); err != nil {
				return err
			}
		}
		if logits, err = l.step(b); err != nil {
			return err
		}
	}
}

// prefill runs the whole prompts and returns the logits.
func (l *lane) prefill(b *batch) (*ort.Value, error) {
	embeds, err := l.embedPrompts(b)
	if err != nil {
		return nil, err
	}
	defer embeds.Close()
	g := l.e.graphs
	for _, c := range g.cache {
		v, err := ort.Make(c.typ, []int64{int64(len(b.rows)), c.heads, 0, c.size})
		if err != nil {
			return nil, err
		}
		b.cache = append(b.cache, v)
	}
	var positions *ort.Value
	if g.positions > 0 {
		if positions, err = b.firstPositions(g.positions); err != nil {
			return nil, err
		}
		defer positions.Close()
	}
	return l.decode(b, embeds, positions, b.length)
}

// embedPrompts embeds the prompts with the pictures' features in them.
func (l *lane) embedPrompts(b *batch) (*ort.Value, error) {
	image := l.e.family.imageToken()
	ids, err := b.prompts(l.e.pad, image)
	if err != nil {
		return nil, err
	}
	embeds, err := l.one(l.embed, l.e.embedOut, ort.Feed{Name: "input_ids", Value: ids})
	ids.Close()
	if err != nil {
		return nil, err
	}
	for from := 0; from < len(b.rows); {
		to := l.e.alike(b.rows, from)
		merged, err := l.see(b, from, to, embeds)
		embeds.Close()
		if err != nil {
			return nil, err
		}
		embeds, from = merged, to
	}
	return embeds, nil
}

// see runs the vision graph for rows from..to and puts the features in place.
func (l *lane) see(b *batch, from, to int, embeds *ort.Value) (*ort.Value, error) {
	var feeds []ort.Feed
	defer func() {
		for _, f := range feeds {
			f.Value.Close()
		}
	}()
	pictures := make([]picture, 0, to-from)
	for _, r := range b.rows[from:to] {
		pictures = append(pictures, r.p.picture)
	}
	for i, p := range l.e.family.vision() {
		v, err := join(pictures, i)
		if err != nil {
			return nil, err
		}
		feeds = append(feeds, ort.Feed{Name: p.Name, Value: v})
	}
	features, err := l.one(l.vision, l.e.features, feeds...)
	if err != nil {
		return nil, err
	}
	defer features.Close()
	index, err := b.places(from, to, l.e.family.imageToken())
	if err != nil {
		return nil, err
	}
	defer index.Close()
	shape := features.Shape()
	rows := int64(1)
	for _, d := range shape[:len(shape)-1] {
		rows *= d
	}
	if rows != index.Shape()[0] {
		return nil, fmt.Errorf("%s gave %d feature rows for %d image tokens", l.e.graphs.vision.Name(), rows, index.Shape()[0])
	}
	return l.one(l.merge, l.e.merged, ort.Feed{Name: "embeds", Value: embeds}, ort.Feed{Name: "features", Value: features}, ort.Feed{Name: "index", Value: index})
}

// one runs a graph for one output.
func (l *lane) one(r *ort.Runner, out ort.Fetch, feeds ...ort.Feed) (*ort.Value, error) {
	got, err := r.Run(feeds, []ort.Fetch{out})
	if err != nil {
		return nil, err
	}
	return got[0], nil
}

// step runs the newest tokens.
func (l *lane) step(b *batch) (*ort.Value, error) {
	ids, err := b.newest(l.e.pad)
	if err != nil {
		return nil, err
	}
	embeds, err := l.one(l.embed, l.e.embedOut, ort.Feed{Name: "input_ids", Value: ids})
	ids.Close()
	if err != nil {
		return nil, err
	}
	defer embeds.Close()
	var positions *ort.Value
	if n := l.e.graphs.positions; n > 0 {
		if positions, err = b.nextPositions(n); err != nil {
			return nil, err
		}
		defer positions.Close()
	}
	b.length++
	return l.decode(b, embeds, positions, b.length)
}

// decode runs the decoder and puts its new cache in the old one's place, without
// a copy. The mask is over total columns.
func (l *lane) decode(b *batch, embeds, positions *ort.Value, total int) (*ort.Value, error) {
	mask, err := b.mask(total)
	if err != nil {
		return nil, err
	}
	defer mask.Close()
	g := l.e.graphs
	l.feeds = append(l.feeds[:0], ort.Feed{Name: "inputs_embeds", Value: embeds}, ort.Feed{Name: "attention_mask", Value: mask})
	if positions != nil {
		l.feeds = append(l.feeds, ort.Feed{Name: "position_ids", Value: positions})
	}
	if g.keepLogits {
		one, err := ort.New([]int64{1}[:g.keepRank], []int64{1})
		if err != nil {
			return nil, err
		}
		defer one.Close()
		l.feeds = append(l.feeds, ort.Feed{Name: "num_logits_to_keep", Value: one})
	}
	for i, c := range g.cache {
		l.feeds = append(l.feeds, ort.Feed{Name: c.past, Value: b.cache[i]})
	}
	got, err := l.decoder.Run(l.feeds, l.presents)
	if err != nil {
		return nil, err
	}
	b.close()
	b.cache = got[1:]
	return got[0], nil
}

// choose takes the next token of each row from the logits, which it closes, and
// answers the rows that end.
func (l *lane) choose(b *batch, logits *ort.Value) error {
	defer logits.Close()
	held, drawn := false, false
	for _, r := range b.rows {
		if r != nil {
			held = held || r.held()
			drawn = drawn || r.p.settings.Sample
		}
	}
	runner, feeds := l.greedy, []ort.Feed{{Name: "logits", Value: logits}}
	if held || drawn {
		runner = l.hold
		if drawn {
			runner = l.draw
		}
		mask := make([]bool, len(b.rows))
		for i, r := range b.rows {
			mask[i] = r != nil && r.held()
		}
		v, err := ort.New([]int64{int64(len(mask)), 1}, mask)
		if err != nil {
			return err
		}
		defer v.Close()
		feeds = append(feeds, ort.Feed{Name: "held", Value: v})
	}
	got, err := runner.Run(feeds, choiceOutputs)
	if err != nil {
		return err
	}
	defer func() {
		for _, v := range got {
			v.Close()
		}
	}()
	tokens, err := ort.Data[int64](got[0])
	if err != nil {
		return err
	}
	scores, err1 := ort.Data[float32](got[1])
	lse, err2 := ort.Data[float32](got[2])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	n := len(tokens) / len(b.rows)
	for i, r := range b.rows {
		if r == nil {
			continue
		}
		if l.advance(r, tokens[i*n:(i+1)*n], scores[i*n:(i+1)*n], lse[i]) {
			b.rows[i] = nil
		}
	}
	return nil
}

// choiceOutputs are small and read on the host.
var choiceOutputs = []ort.Fetch{{Name: "tokens", On: ort.CPU}, {Name: "scores", On: ort.CPU}, {Name: "lse", On: ort.CPU}}

// advance gives a row its next token, answers it if it ends, and says whether it
// leaves the batch: without an answer where there is no next token to be had.
func (l *lane) advance(r *row, tokens []int64, scores []float32, lse float32) bool {
	if err := r.ctx.Err(); err != nil {
		r.answer(Caption{}, err)
		return true
	}
	if f := float64(scores[0]) + float64(lse); math.IsNaN(f) || math.IsInf(f, 0) {
		r.failure = errNotFinite // the caller's to judge: the device may be at fault
		return true
	}
	k := r.pick(tokens, scores)
	finish, ends := r.take(int32(tokens[k]), scores[k]-lse, l.e.stop)
	if ends {
		l.e.captioned(r, finish)
	}
	return ends
}

// shrink takes the places of rows that have left out of the cache.
func (l *lane) shrink(b *batch) error {
	index, start := b.shrink()
	rows, err := ort.New([]int64{int64(len(index))}, index)
	if err != nil {
		return err
	}
	defer rows.Close()
	from, err := ort.New([]int64{1}, []int64{int64(start)})
	if err != nil {
		return err
	}
	defer from.Close()
	l.feeds = append(l.feeds[:0], ort.Feed{Name: "index", Value: rows}, ort.Feed{Name: "start", Value: from})
	for i, c := range l.e.graphs.cache {
		l.feeds = append(l.feeds, ort.Feed{Name: c.past, Value: b.cache[i]})
	}
	got, err := l.keep.Run(l.feeds, l.kept)
	if err != nil {
		return err
	}
	b.close()
	b.cache = got
	return nil
}

// serve captions rows, and finds those that the runtime fails on by halving. It
// returns them, each with its failure, and the latest of those; the others have
// their captions.
func (l *lane) serve(ctx context.Context, rows []*row) ([]*row, error) {
	err := l.run(ctx, rows)
	rest := slices.DeleteFunc(slices.Clone(rows), (*row).answered)
	if err == nil {
		if len(rest) > 0 {
			err = rest[len(rest)-1].failure
		}
		return rest, err
	}
	if ctx.Err() != nil || len(rest) <= 1 {
		for _, r := range rest {
			r.failure = err
		}
		return rest, err
	}
	if errors.Is(err, ort.ErrOutOfMemory) {
		l.e.lowerLimit(len(rows) / 2)
	}
	a, errA := l.serve(ctx, rest[:len(rest)/2])
	b, errB := l.serve(ctx, rest[len(rest)/2:])
	if errB == nil {
		errB = errA
	}
	return append(a, b...), errB
}

// join puts input i of several pictures behind one another along the first dimension.
func join(pictures []picture, i int) (*ort.Value, error) {
	shape := slices.Clone(pictures[0].tensors[i].shape)
	shape[0] = 0
	for _, p := range pictures {
		shape[0] += p.tensors[i].shape[0]
	}
	t := pictures[0].tensors[i]
	switch {
	case t.ints != nil:
		return joined(ort.I64, shape, pictures, func(p picture) []int64 { return p.tensors[i].ints })
	case t.bools != nil:
		return joined(ort.Bool, shape, pictures, func(p picture) []bool { return p.tensors[i].bools })
	}
	return joined(ort.F32, shape, pictures, func(p picture) []float32 { return p.tensors[i].floats })
}

func joined[T ort.Elem](t ort.Type, shape []int64, pictures []picture, of func(picture) []T) (*ort.Value, error) {
	v, err := ort.Make(t, shape)
	if err != nil {
		return nil, err
	}
	data, err := ort.Data[T](v)
	if err != nil {
		v.Close()
		return nil, err
	}
	for _, p := range pictures {
		data = data[copy(data, of(p)):]
	}
	return v, nil
}

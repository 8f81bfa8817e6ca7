package probe

import (
	"context"
	"fmt"
	"slices"

	"recaption/internal/ort"
)

// tower is one half of an export: a graph, what is fed to it and which output
// is the row.
type tower struct {
	s      *ort.Session
	input  ort.Port
	output string
	other  func(rows int) ([]ort.Feed, error) // what the other half of a graph of both is fed
}

const (
	pixelsInput = "pixel_values"
	idsInput    = "input_ids"
	maskInput   = "attention_mask"
)

func newVisionTower(s *ort.Session, e *Export) (*tower, error) {
	t := &tower{s: s}
	var err error
	if t.input, err = port(s, pixelsInput, 4, ort.F32, ort.F16); err != nil {
		return nil, err
	}
	h, w := e.pixels.Size()
	for i, want := range []int{3, h, w} {
		if d := t.input.Dims[i+1]; d.Size >= 0 && d.Size != int64(want) {
			return nil, refuse(fmt.Sprintf("input %s of %s", t.input, s.Name()), d, fmt.Sprintf("%d, as preprocessor_config.json makes it", want))
		}
	}
	if t.output, err = output(s, "image_embeds", e.fam); err != nil {
		return nil, err
	}
	return t, t.alone(idsInput, e)
}

func newTextTower(s *ort.Session, e *Export) (*tower, error) {
	t := &tower{s: s}
	var err error
	if t.input, err = port(s, idsInput, 2, ort.I64, ort.I32); err != nil {
		return nil, err
	}
	if hasInput(s, maskInput) {
		if _, err := port(s, maskInput, 2, ort.I64, ort.I32); err != nil {
			return nil, err
		}
	}
	if d := t.input.Dims[1]; d.Size >= 0 && d.Size < int64(e.text.context) {
		e.text.context = int(d.Size) // the graph was exported for shorter texts
	}
	if t.output, err = output(s, "text_embeds", e.fam); err != nil {
		return nil, err
	}
	return t, t.alone(pixelsInput, e)
}

// alone checks that the graph wants nothing else. In a graph of both towers the
// other one is fed something that is of no account.
func (t *tower) alone(other string, e *Export) error {
	known := []string{t.input.Name, other}
	if other == pixelsInput || hasInput(t.s, idsInput) {
		known = append(known, maskInput)
	}
	for _, p := range t.s.Inputs() {
		if !slices.Contains(known, p.Name) {
			return refuse("inputs of "+t.s.Name(), p, fmt.Sprintf("only %q", known))
		}
	}
	if !hasInput(t.s, other) {
		return nil
	}
	if other == pixelsInput {
		h, w := e.pixels.Size()
		p, err := port(t.s, pixelsInput, 4, ort.F32, ort.F16)
		if err != nil {
			return err
		}
		t.other = func(rows int) ([]ort.Feed, error) {
			n := otherRows(p, t.input, rows)
			v, err := ort.Make(p.Type, []int64{n, 3, int64(h), int64(w)})
			return []ort.Feed{{Name: p.Name, Value: v}}, err
		}
		return nil
	}
	p, err := port(t.s, idsInput, 2, ort.I64, ort.I32)
	if err != nil {
		return err
	}
	ids, _, err := e.text.ids("a")
	if err != nil {
		return err
	}
	length := len(ids)
	if d := p.Dims[1]; d.Size >= 0 {
		length = int(d.Size)
	}
	t.other = func(rows int) ([]ort.Feed, error) {
		n := otherRows(p, t.input, rows)
		flat, mask := make([]int32, int(n)*length), make([]int32, int(n)*length)
		for i := range flat {
			flat[i] = e.text.pad
			if j := i % length; j < len(ids) {
				flat[i], mask[i] = ids[j], 1
			}
		}
		return feedIDs(t.s, p, []int64{n, int64(length)}, flat, mask)
	}
	return nil
}

// otherRows is how many rows the half of no account gets: one, unless the graph
// has fixed it or ties it to the other half's by a symbol.
func otherRows(other, mine ort.Port, rows int) int64 {
	d := other.Dims[0]
	switch {
	case d.Size > 0:
		return d.Size
	case d.Symbol != "" && d.Symbol == mine.Dims[0].Symbol:
		return int64(rows)
	}
	return 1
}

func hasInput(s *ort.Session, name string) bool {
	_, ok := s.Input(name)
	return ok
}

func port(s *ort.Session, name string, rank int, types ...ort.Type) (ort.Port, error) {
	p, ok := s.Input(name)
	if !ok {
		return p, refuse("inputs of "+s.Name(), s.Inputs(), name)
	}
	if len(p.Dims) != rank || !slices.Contains(types, p.Type) {
		return p, refuse("input of "+s.Name(), p, fmt.Sprintf("%d dimensions of one of %v", rank, types))
	}
	return p, nil
}

// output finds the row: the projected one, or the pooled one where the family has
// no projection.
func output(s *ort.Session, name string, fam family) (string, error) {
	names := []string{name}
	if fam.pooled {
		names = append(names, "pooler_output")
	}
	for _, n := range names {
		p, ok := s.Output(n)
		if !ok {
			continue
		}
		if len(p.Dims) != 2 || p.Type != ort.F32 && p.Type != ort.F16 {
			return "", refuse("output of "+s.Name(), p, "2 dimensions of float32 or float16")
		}
		return n, nil
	}
	return "", refuse("outputs of "+s.Name(), s.Outputs(), fmt.Sprintf("one of %q", names))
}

// batchSize is how many rows one run takes.
func (t *tower) batchSize(want int) int {
	if d := t.input.Dims[0]; d.Size > 0 {
		return int(d.Size)
	}
	return want
}

// length is how many ids each text of a batch gets.
func (t *tower) length(longest, context int, padAll bool) int {
	if d := t.input.Dims[1]; d.Size > 0 {
		return int(d.Size)
	}
	if padAll {
		return context
	}
	return longest
}

// run embeds n pictures, given by float32 numbers, or texts, given by int32 ids
// and a mask, and returns rows of norm 1. shape is that of one.
func (t *tower) run(ctx context.Context, n int, shape []int64, input any, mask []int32) ([][]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows := n
	if d := t.input.Dims[0]; d.Size > 0 {
		rows = int(d.Size) // the rest stays zero, and is of no account
	}
	feeds, err := t.feeds(rows, shape, input, mask)
	defer func() {
		for _, f := range feeds {
			f.Value.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	r, err := t.s.NewRunner()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	stop := context.AfterFunc(ctx, func() { _ = r.Terminate() }) // a closed runner has nothing to end
	got, err := r.Run(feeds, []ort.Fetch{{Name: t.output}})
	stop()
	if ctx.Err() != nil {
		for _, v := range got {
			v.Close()
		}
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	defer got[0].Close()
	flat, err := got[0].Floats()
	if err != nil {
		return nil, err
	}
	if s := got[0].Shape(); len(s) != 2 || s[0] != int64(rows) || s[1] == 0 {
		return nil, refuse(fmt.Sprintf("output %s of %s", t.output, t.s.Name()), s, fmt.Sprintf("[%d, width]", rows))
	}
	width := len(flat) / rows
	out := make([][]float32, n)
	for i := range out {
		out[i] = flat[i*width : (i+1)*width : (i+1)*width]
		normalize(out[i])
	}
	return out, nil
}

func (t *tower) feeds(rows int, shape []int64, input any, mask []int32) (feeds []ort.Feed, err error) {
	shape = append([]int64{int64(rows)}, shape...)
	switch v := input.(type) {
	case []float32:
		var x *ort.Value
		if x, err = ort.Make(t.input.Type, shape); err != nil {
			return nil, err
		}
		feeds = []ort.Feed{{Name: t.input.Name, Value: x}}
		err = fill(x, v)
	case []int32:
		feeds, err = feedIDs(t.s, t.input, shape, v, mask)
	}
	if err != nil || t.other == nil {
		return feeds, err
	}
	more, err := t.other(rows)
	return append(feeds, more...), err
}

// feedIDs feeds ids, and the mask where the graph wants one.
func feedIDs(s *ort.Session, p ort.Port, shape []int64, ids, mask []int32) (feeds []ort.Feed, err error) {
	ports := []ort.Port{p}
	if m, ok := s.Input(maskInput); ok {
		ports = append(ports, m)
	}
	for i, p := range ports {
		v, err := ort.Make(p.Type, shape)
		if err != nil {
			return feeds, err
		}
		feeds = append(feeds, ort.Feed{Name: p.Name, Value: v})
		from := ids
		if i == 1 {
			from = mask
		}
		if err := fillIDs(v, from); err != nil {
			return feeds, err
		}
	}
	return feeds, nil
}

// fill writes the beginning of a tensor; the rest stays as it is.
func fill(v *ort.Value, from []float32) error {
	if v.Type() == ort.F16 {
		to, err := ort.Data[ort.Float16](v)
		if err != nil {
			return err
		}
		for i, x := range from {
			to[i] = ort.ToFloat16(x)
		}
		return nil
	}
	to, err := ort.Data[float32](v)
	if err != nil {
		return err
	}
	copy(to, from)
	return nil
}

func fillIDs(v *ort.Value, from []int32) error {
	if v.Type() == ort.I32 {
		to, err := ort.Data[int32](v)
		if err != nil {
			return err
		}
		copy(to, from)
		return nil
	}
	to, err := ort.Data[int64](v)
	if err != nil {
		return err
	}
	for i, x := range from {
		to[i] = int64(x)
	}
	return nil
}

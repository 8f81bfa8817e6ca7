package vlm

import (
	"math"
	"slices"

	"recaption/internal/ort"
)

// alignment is what lengths are padded to a multiple of. It is a multiple of
// the float lanes of every CPU in use, so that padding shifts a row's numbers
// by whole registers and every sum is taken in the same order with it as without.
const alignment = 16

func padded(n int) int { return (n + alignment - 1) / alignment * alignment }

// A batch is rows that are decoded together, on one lane. Column j of the cache
// is position j of every row; row i begins at column pads[i].
type batch struct {
	rows   []*row // nil where a row has left and its place was not yet taken away
	pads   []int
	length int          // of the cache
	cache  []*ort.Value // in the order of graphs.cache
}

func (b *batch) close() {
	for _, v := range b.cache {
		v.Close()
	}
	b.cache = nil
}

// live is the number of rows that are not done.
func (b *batch) live() int {
	n := 0
	for _, r := range b.rows {
		if r != nil {
			n++
		}
	}
	return n
}

// newBatch lays out rows for the first run.
func newBatch(rows []*row) *batch {
	b := &batch{rows: slices.Clone(rows)}
	longest := 0
	for _, r := range rows {
		longest = max(longest, len(r.p.ids))
	}
	b.length = padded(longest)
	for _, r := range rows {
		b.pads = append(b.pads, b.length-len(r.p.ids))
	}
	return b
}

// prompts is the token ids of the first run [rows, length]. Image tokens are
// given as padding: their embedding is replaced, and not every embedding table
// has a row for them.
func (b *batch) prompts(pad int64, image int32) (*ort.Value, error) {
	v, err := ort.Make(ort.I64, []int64{int64(len(b.rows)), int64(b.length)})
	if err != nil {
		return nil, err
	}
	ids, err := ort.Data[int64](v)
	if err != nil {
		v.Close()
		return nil, err
	}
	for i, r := range b.rows {
		line := ids[i*b.length : (i+1)*b.length]
		for j := range b.pads[i] {
			line[j] = pad
		}
		for j, id := range r.p.ids {
			if id == image {
				line[b.pads[i]+j] = pad
			} else {
				line[b.pads[i]+j] = int64(id)
			}
		}
	}
	return v, nil
}

// places lists where the feature rows of rows from..to go: pairs of row and column.
func (b *batch) places(from, to int, image int32) (*ort.Value, error) {
	var index []int64
	for i := from; i < to; i++ {
		for j, id := range b.rows[i].p.ids {
			if id == image {
				index = append(index, int64(i), int64(b.pads[i]+j))
			}
		}
	}
	return ort.New([]int64{int64(len(index) / 2), 2}, index)
}

// mask is the attention mask over n columns.
func (b *batch) mask(n int) (*ort.Value, error) {
	v, err := ort.Make(ort.I64, []int64{int64(len(b.rows)), int64(n)})
	if err != nil {
		return nil, err
	}
	m, err := ort.Data[int64](v)
	if err != nil {
		v.Close()
		return nil, err
	}
	for i, pad := range b.pads {
		line := m[i*n : (i+1)*n]
		for j := pad; j < n; j++ {
			line[j] = 1
		}
	}
	return v, nil
}

// firstPositions numbers the prompts' tokens; padding has 1, as the reference has.
func (b *batch) firstPositions(planes int) (*ort.Value, error) {
	v, data, err := b.makePositions(planes, b.length)
	if err != nil {
		return nil, err
	}
	n := len(b.rows) * b.length
	for plane := range planes {
		for i, r := range b.rows {
			line := data[plane*n+i*b.length : plane*n+(i+1)*b.length]
			for j := range b.pads[i] {
				line[j] = 1
			}
			copy(line[b.pads[i]:], r.p.positions[plane])
		}
	}
	return v, nil
}

// nextPositions numbers the newest token of each row.
func (b *batch) nextPositions(planes int) (*ort.Value, error) {
	v, data, err := b.makePositions(planes, 1)
	if err != nil {
		return nil, err
	}
	for plane := range planes {
		for i, r := range b.rows {
			at := int64(1)
			if r != nil {
				at = r.p.next + int64(len(r.tokens)) - 1
			}
			data[plane*len(b.rows)+i] = at
		}
	}
	return v, nil
}

func (b *batch) makePositions(planes, n int) (*ort.Value, []int64, error) {
	shape := []int64{int64(len(b.rows)), int64(n)}
	if planes > 1 {
		shape = append([]int64{int64(planes)}, shape...)
	}
	v, err := ort.Make(ort.I64, shape)
	if err != nil {
		return nil, nil, err
	}
	data, err := ort.Data[int64](v)
	if err != nil {
		v.Close()
		return nil, nil, err
	}
	return v, data, nil
}

// newest is the last token of each row [rows, 1]; a row that has left has padding.
func (b *batch) newest(pad int64) (*ort.Value, error) {
	ids := make([]int64, len(b.rows))
	for i, r := range b.rows {
		ids[i] = pad
		if r != nil {
			ids[i] = int64(r.tokens[len(r.tokens)-1])
		}
	}
	return ort.New([]int64{int64(len(ids)), 1}, ids)
}

// shrink forgets the rows that have left, and columns that are padding in all
// that stay. It returns which rows and from which column on the cache keeps.
func (b *batch) shrink() (index []int64, start int) {
	start = math.MaxInt
	rows, pads := b.rows[:0], b.pads[:0]
	for i, r := range b.rows {
		if r == nil {
			continue
		}
		index = append(index, int64(i))
		start = min(start, b.pads[i])
		rows, pads = append(rows, r), append(pads, b.pads[i])
	}
	start = start / alignment * alignment
	for i := range pads {
		pads[i] -= start
	}
	b.rows, b.pads = rows, pads
	b.length -= start
	return index, start
}

// wasteful says whether so many places of rows that have left are carried along
// that taking them away is worth it. It copies the cache once, which costs about
// a twentieth of a step (measured: 0.14 ms against 3 to 4 ms).
func (b *batch) wasteful() bool {
	gone := len(b.rows) - b.live()
	return gone*16 >= len(b.rows) && gone > 0
}

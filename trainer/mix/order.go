package mix

import (
	"container/heap"
	"iter"
	"slices"
	"sort"

	"recaption/schemas"
)

// Batch is a record batch of a list's sample shard.
type Batch struct {
	Entry int // of the list
	Index int // of the batch in its shard
	First int // row of the shard with which it begins
	Rows  int
}

// Place is where a position of an epoch lies.
type Place struct {
	Position int64
	Entry    int // of the list
	Row      int // of the entry's shard
	Window   WindowID
}

// WindowID names a window: a lane and its n-th.
type WindowID struct{ Lane, Number int }

// Window is the record batches of a shard whose rows a lane permutes together,
// one behind the other. A reader
// holds it from its first position to its last.
type Window struct {
	ID          WindowID
	Batches     []Batch
	First, Last int64 // positions
}

// Order is the order of one epoch. It is immutable: any number of goroutines
// may use it.
type Order struct {
	seed  int64
	epoch int
	lanes []lane
	total int64
}

// lane is a sequence of windows.
type lane struct {
	windows [][]Batch
	starts  []int64 // rows of the lane before each window
	rows    int64
}

// NewOrder orders the rows of a list. A window is consecutive record batches
// of one shard, so that a reader asks for them at once; there are never more
// lanes than windows.
func NewOrder(l schemas.EpochList) *Order {
	var all [][]Batch
	for e, entry := range l.Entries {
		var batches []Batch
		first := 0
		for i, b := range entry.File.Batches {
			if b.Rows > 0 {
				batches = append(batches, Batch{e, i, first, b.Rows})
			}
			first += b.Rows
		}
		all = slices.AppendSeq(all, slices.Chunk(batches, l.Order.Window))
	}
	o := &Order{seed: l.Seed, epoch: l.Epoch}
	NewRandom("windows", l.Seed, l.Epoch).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	o.lanes = make([]lane, min(l.Order.Lanes, len(all)))
	for i, w := range all {
		n := &o.lanes[i%len(o.lanes)]
		n.windows, n.starts = append(n.windows, w), append(n.starts, n.rows)
		for _, b := range w {
			n.rows += int64(b.Rows)
			o.total += int64(b.Rows)
		}
	}
	return o
}

// Len is the number of positions: every row has one.
func (o *Order) Len() int64 { return o.total }

// Lanes is the number of lanes. Readers whose number divides it read different
// record batches, until the first lane ends.
func (o *Order) Lanes() int { return len(o.lanes) }

// From gives every step-th place from position on.
func (o *Order) From(position, step int64) iter.Seq[Place] {
	return func(yield func(Place) bool) {
		if position >= o.total {
			return
		}
		round := o.round(position)
		alive := o.alive(round)
		k := position - o.before(round)
		shuffled := make([]*window, len(o.lanes)) // the one that each lane is in
		for ; position < o.total; position += step {
			for ; k >= int64(len(alive)); round++ {
				k -= int64(len(alive))
				alive = o.aliveOf(alive, round+1)
			}
			n := alive[k]
			if w := shuffled[n]; w == nil || round >= w.end {
				shuffled[n] = o.shuffle(n, round)
			}
			w := shuffled[n]
			p := Place{Position: position, Window: w.id}
			p.Entry, p.Row = w.at(int(round - w.start))
			if !yield(p) {
				return
			}
			k += step
		}
	}
}

// At gives the place of one position.
func (o *Order) At(position int64) Place {
	for p := range o.From(position, o.total) {
		return p
	}
	return Place{}
}

// Windows gives the windows in the order of their first positions, from the
// first on that ends at position or behind.
func (o *Order) Windows(position int64) iter.Seq[Window] {
	return func(yield func(Window) bool) {
		var next byFirst
		for n := range o.lanes {
			for i := range o.lanes[n].starts {
				if w := o.window(n, i); w.Last >= position {
					next = append(next, w)
					break
				}
			}
		}
		heap.Init(&next)
		for len(next) > 0 {
			w := next[0]
			if !yield(w) {
				return
			}
			if w.ID.Number+1 < len(o.lanes[w.ID.Lane].starts) {
				next[0] = o.window(w.ID.Lane, w.ID.Number+1)
				heap.Fix(&next, 0)
			} else {
				heap.Pop(&next)
			}
		}
	}
}

// Window gives the window that a [Place] names.
func (o *Order) Window(id WindowID) Window { return o.window(id.Lane, id.Number) }

// byFirst is a heap of windows, one of each lane.
type byFirst []Window

func (b byFirst) Len() int           { return len(b) }
func (b byFirst) Less(i, j int) bool { return b[i].First < b[j].First }
func (b byFirst) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }
func (b *byFirst) Push(x any)        { *b = append(*b, x.(Window)) }
func (b *byFirst) Pop() any {
	last := len(*b) - 1
	w := (*b)[last]
	*b = (*b)[:last]
	return w
}

func (o *Order) window(n, i int) Window {
	l := o.lanes[n]
	end := l.rows
	if i+1 < len(l.starts) {
		end = l.starts[i+1]
	}
	return Window{
		ID: WindowID{n, i}, Batches: l.windows[i],
		First: o.position(n, l.starts[i]), Last: o.position(n, end-1),
	}
}

// position is that of a lane's row.
func (o *Order) position(n int, row int64) int64 {
	p := o.before(row)
	for _, l := range o.lanes[:n] {
		if l.rows > row {
			p++
		}
	}
	return p
}

// before is the number of positions before a round, in which each lane that
// has not ended gives a row.
func (o *Order) before(round int64) int64 {
	var p int64
	for _, l := range o.lanes {
		p += min(l.rows, round)
	}
	return p
}

// round is the one in which position lies.
func (o *Order) round(position int64) int64 {
	n := sort.Search(int(o.total), func(r int) bool { return o.before(int64(r)+1) > position })
	return int64(n)
}

func (o *Order) alive(round int64) []int {
	all := make([]int, len(o.lanes))
	for i := range all {
		all[i] = i
	}
	return o.aliveOf(all, round)
}

// aliveOf keeps the lanes that give a row in the round.
func (o *Order) aliveOf(of []int, round int64) []int {
	alive := of[:0]
	for _, n := range of {
		if o.lanes[n].rows > round {
			alive = append(alive, n)
		}
	}
	return alive
}

// window is one whose rows are permuted.
type window struct {
	id         WindowID
	start, end int64 // rows of the lane
	batches    []Batch
	rows       []int32 // of the window, permuted
}

func (o *Order) shuffle(n int, row int64) *window {
	l := o.lanes[n]
	i := sort.Search(len(l.starts), func(i int) bool { return l.starts[i] > row }) - 1
	w := &window{id: WindowID{n, i}, start: l.starts[i], end: l.rows, batches: l.windows[i]}
	if i+1 < len(l.starts) {
		w.end = l.starts[i+1]
	}
	w.rows = make([]int32, w.end-w.start)
	for r := range w.rows {
		w.rows[r] = int32(r)
	}
	NewRandom("window", o.seed, o.epoch, n, i).Shuffle(len(w.rows), func(a, b int) { w.rows[a], w.rows[b] = w.rows[b], w.rows[a] })
	return w
}

// at gives entry and row of the i-th row.
func (w *window) at(i int) (entry, row int) {
	r := int(w.rows[i])
	for _, b := range w.batches {
		if r < b.Rows {
			return b.Entry, b.First + r
		}
		r -= b.Rows
	}
	return 0, 0 // not reached: the rows are those of the batches
}

// Places gives the places of a window that reader takes among so many, in the
// order of their positions.
func (o *Order) Places(w Window, reader, of int64) []Place {
	row := o.lanes[w.ID.Lane].starts[w.ID.Number]
	s := o.shuffle(w.ID.Lane, row)
	var places []Place
	for i := range s.rows {
		p := o.position(w.ID.Lane, row+int64(i))
		if p%of != reader {
			continue
		}
		place := Place{Position: p, Window: w.ID}
		place.Entry, place.Row = s.at(i)
		places = append(places, place)
	}
	return places
}

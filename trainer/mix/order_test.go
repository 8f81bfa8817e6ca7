package mix

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"recaption/schemas"
)

// list makes one whose shards have record batches of the given rows.
func list(lanes, window int, shards ...[]int) schemas.EpochList {
	l := schemas.EpochList{Seed: 5, Epoch: 2, Order: schemas.EpochOrder{Lanes: lanes, Window: window}, Policy: schemas.DefaultPolicy()}
	for i, rows := range shards {
		e := schemas.EpochEntry{Dataset: "d", Shard: schemas.ShardID(fmt.Sprintf("%064x", i))}
		for _, n := range rows {
			e.File.Batches = append(e.File.Batches, schemas.Batch{Rows: n})
			e.File.Rows += n
		}
		l.Entries = append(l.Entries, e)
	}
	return l
}

func randomList(r *rand.Rand) schemas.EpochList {
	var shards [][]int
	for range r.IntN(12) {
		var rows []int
		for range r.IntN(9) {
			rows = append(rows, r.IntN(20))
		}
		shards = append(shards, rows)
	}
	l := list(1+r.IntN(9), 1+r.IntN(4), shards...)
	l.Seed, l.Epoch = r.Int64(), r.IntN(5)
	return l
}

// TestOrderIsAPermutation: whatever the list, the readers of any world take
// each row once, each position is where it says, and every place lies in its
// window's positions.
func TestOrderIsAPermutation(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		l := randomList(r)
		o := NewOrder(l)
		if o.Len() != l.Rows() {
			t.Fatalf("%d positions for %d rows", o.Len(), l.Rows())
		}
		var all []Place
		for p := range o.From(0, 1) {
			if p.Position != int64(len(all)) {
				t.Fatalf("position %d at %d", p.Position, len(all))
			}
			all = append(all, p)
		}
		seen := map[[2]int]bool{}
		for _, p := range all {
			if at := [2]int{p.Entry, p.Row}; seen[at] || p.Row < 0 || p.Row >= l.Entries[p.Entry].File.Rows {
				t.Fatalf("row %v twice, or not there", at)
			} else {
				seen[at] = true
			}
		}
		if int64(len(seen)) != o.Len() {
			t.Fatalf("%d rows of %d", len(seen), o.Len())
		}
		checkStarts(t, r, o, all)
		checkWindows(t, r, o, all)
	}
}

func checkStarts(t *testing.T, r *rand.Rand, o *Order, all []Place) {
	t.Helper()
	for _, world := range []int{1, 2, 3, 7} {
		start := r.IntN(len(all) + 2)
		var want, got []Place
		for i := start; i < len(all); i += world {
			want = append(want, all[i])
		}
		for p := range o.From(int64(start), int64(world)) {
			got = append(got, p)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("from %d by %d:\n got %v\nwant %v", start, world, got, want)
		}
		if start < len(all) && o.At(int64(start)) != all[start] {
			t.Fatalf("at %d: %v, want %v", start, o.At(int64(start)), all[start])
		}
	}
}

func checkWindows(t *testing.T, r *rand.Rand, o *Order, all []Place) {
	t.Helper()
	from := int64(r.IntN(len(all) + 1))
	windows := map[WindowID]Window{}
	before := int64(-1)
	for w := range o.Windows(from) {
		if w.First <= before || w.Last < from {
			t.Fatalf("window %v from %d, behind %d", w, from, before)
		}
		before = w.First
		windows[w.ID] = w
		for _, of := range []int64{1, 2, 5} {
			for _, p := range o.Places(w, 1%of, of) {
				if p.Position%of != 1%of || all[p.Position] != p {
					t.Fatalf("window %v has place %v; its position has %v", w, p, all[p.Position])
				}
			}
		}
		if n := len(o.Places(w, 0, 1)); n != rowsOf(w) {
			t.Fatalf("window %v has %d places", w, n)
		}
	}
	for _, p := range all[from:] {
		w, ok := windows[p.Window]
		if !ok || p.Position < w.First || p.Position > w.Last {
			t.Fatalf("place %v is outside its window %v", p, w)
		}
		if !slices.ContainsFunc(w.Batches, func(b Batch) bool {
			return b.Entry == p.Entry && b.First <= p.Row && p.Row < b.First+b.Rows
		}) {
			t.Fatalf("place %v is in none of its window's batches %v", p, w)
		}
	}
}

func rowsOf(w Window) int {
	n := 0
	for _, b := range w.Batches {
		n += b.Rows
	}
	return n
}

// TestReadersReadTheirOwn: readers whose number divides the lanes' share no
// record batch.
func TestReadersReadTheirOwn(t *testing.T) {
	var shards [][]int
	for range 12 {
		shards = append(shards, []int{8, 8, 8, 8})
	}
	o := NewOrder(list(6, 2, shards...)) // 48 batches, 8 a lane
	for _, world := range []int64{2, 3, 6} {
		readers := map[[2]int]int64{}
		for r := range world {
			for p := range o.From(r, world) {
				at := [2]int{p.Entry, p.Row / 8}
				if other, ok := readers[at]; ok && other != r {
					t.Fatalf("%d readers: %v is read by %d and %d", world, at, other, r)
				}
				readers[at] = r
			}
		}
	}
}

// TestOrderShuffles: rows that lay side by side lie apart, and another epoch or
// seed gives another order.
func TestOrderShuffles(t *testing.T) {
	var shards [][]int
	for range 20 {
		shards = append(shards, slices.Repeat([]int{64}, 16))
	}
	l := list(48, 2, shards...)
	first := sum(l)
	var together int
	last := Place{Entry: -1}
	for p := range NewOrder(l).From(0, 1) {
		if p.Entry == last.Entry && p.Row/64 == last.Row/64 {
			together++
		}
		last = p
	}
	if together != 0 {
		t.Errorf("%d neighbours are of one record batch", together)
	}
	l.Epoch++
	second := sum(l)
	l.Seed++
	if third := sum(l); first == second || second == third || sum(l) != third {
		t.Errorf("orders of two epochs and two seeds: %s, %s, %s", first, second, third)
	}
}

// sum digests an order.
func sum(l schemas.EpochList) string {
	h := sha256.New()
	for p := range NewOrder(l).From(0, 1) {
		fmt.Fprintln(h, p.Entry, p.Row)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// TestFrozenOrder holds the order to what it was when it was first published:
// a training that was begun by another version of the program goes on with it.
func TestFrozenOrder(t *testing.T) {
	for _, c := range []struct {
		l    schemas.EpochList
		want string
	}{
		{list(3, 2, []int{4, 4, 1}, []int{5}, []int{3, 3}), frozenSmall},
		{list(48, 2, slices.Repeat([]int{64}, 32), slices.Repeat([]int{40, 7}, 50)), frozenLarge},
	} {
		if got := sum(c.l); got != c.want {
			t.Errorf("order has digest %s; want %s", got, c.want)
		}
	}
	r := NewRandom("text", 1, 2, "d", "k")
	if got := [3]uint64{r.Uint64(), r.Uint64(), r.Uint64()}; got != frozenNumbers {
		t.Errorf("numbers %#v; want %#v", got, frozenNumbers)
	}
}

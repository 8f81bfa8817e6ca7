package tokenizer

// merger merges neighbouring symbols, the lowest rank first and from left to
// right among equals, in n log n steps. It is used again and again.
type merger struct {
	symbols []symbol
	heap    []candidate
	chars   []byte
}

type symbol struct {
	id         int32
	prev, next int32 // -1: none
	merged     bool  // into one to the left
}

// candidate is a pair that may be merged, unless one of the two has changed
// since. Its key orders by rank, then by position.
type candidate struct {
	key uint64
	id  int32 // of the merged symbol
}

func (w *merger) add(id int32) {
	n := int32(len(w.symbols))
	if n > 0 {
		w.symbols[n-1].next = n
	}
	w.symbols = append(w.symbols, symbol{id: id, prev: n - 1, next: -1})
}

// append appends the ids of the symbols that are left.
func (w *merger) append(ids []int32) []int32 {
	for _, s := range w.symbols {
		if !s.merged {
			ids = append(ids, s.id)
		}
	}
	return ids
}

func (w *merger) run(merges map[pair]merge) {
	w.heap = w.heap[:0]
	for i := range len(w.symbols) - 1 {
		w.consider(merges, int32(i))
	}
	for len(w.heap) > 0 {
		top := w.pop()
		at := int32(uint32(top.key))
		left := &w.symbols[at]
		if left.merged || left.next < 0 {
			continue
		}
		right := &w.symbols[left.next]
		// As in the reference a candidate stays good if the pair changed but
		// merges into the same symbol ("ab"+"c" where it was "a"+"bc").
		if m, ok := merges[pair{left.id, right.id}]; !ok || m.id != top.id {
			continue
		}
		left.id = top.id
		right.merged = true
		left.next = right.next
		if left.next >= 0 {
			w.symbols[left.next].prev = at
		}
		if left.prev >= 0 {
			w.consider(merges, left.prev)
		}
		if left.next >= 0 {
			w.consider(merges, at)
		}
	}
}

// consider pushes the pair that begins at a symbol, if it can be merged.
func (w *merger) consider(merges map[pair]merge, at int32) {
	s := w.symbols[at]
	if m, ok := merges[pair{s.id, w.symbols[s.next].id}]; ok {
		w.push(candidate{uint64(m.rank)<<32 | uint64(at), m.id})
	}
}

func (w *merger) push(c candidate) {
	w.heap = append(w.heap, c)
	i := len(w.heap) - 1
	for i > 0 {
		up := (i - 1) / 2
		if w.heap[up].key <= c.key {
			break
		}
		w.heap[i] = w.heap[up]
		i = up
	}
	w.heap[i] = c
}

func (w *merger) pop() candidate {
	top := w.heap[0]
	n := len(w.heap) - 1
	c := w.heap[n]
	w.heap = w.heap[:n]
	i := 0
	for {
		down := 2*i + 1
		if down >= n {
			break
		}
		if down+1 < n && w.heap[down+1].key < w.heap[down].key {
			down++
		}
		if c.key <= w.heap[down].key {
			break
		}
		w.heap[i] = w.heap[down]
		i = down
	}
	if n > 0 {
		w.heap[i] = c
	}
	return top
}

package optim

import (
	"sync"
	"sync/atomic"
)

// A chunk is a piece of a tensor, which one goroutine works on.
type chunk struct{ tensor, from, to int }

// chunkSize is small enough for a cache and large enough to be worth a turn.
const chunkSize = 1 << 14

func cut(chunks []chunk, tensor, n int) []chunk {
	for from := 0; from < n; from += chunkSize {
		chunks = append(chunks, chunk{tensor, from, min(from+chunkSize, n)})
	}
	return chunks
}

// each calls f for 0 to n-1, in any order, from several goroutines.
func each(workers, n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(i)
		}
	}
	for range min(workers, n) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}

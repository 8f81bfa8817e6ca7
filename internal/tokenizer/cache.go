package tokenizer

import (
	"slices"
	"strings"
	"sync"
)

// Bounds of the cache: 2 x 8,192 pieces of at most 64 bytes, about 7 MB when
// every piece is as long as it may be.
const (
	maxCached  = 64   // bytes in a piece; longer ones are rare
	generation = 8192 // pieces
)

// cache remembers the ids of pieces. It holds two generations; when the young
// one is full, the old one goes. A piece found in the old one moves up.
type cache struct {
	mu         sync.RWMutex // guards young and old
	young, old map[string][]int32
}

func newCache() *cache { return &cache{young: map[string][]int32{}} }

func (c *cache) get(piece string) ([]int32, bool) {
	ids, young, ok := c.find(piece)
	if ok && !young {
		c.put(piece, ids)
	}
	return ids, ok
}

func (c *cache) find(piece string) (ids []int32, young, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if ids, ok = c.young[piece]; ok {
		return ids, true, true
	}
	ids, ok = c.old[piece]
	return ids, false, ok
}

func (c *cache) put(piece string, ids []int32) {
	piece, ids = strings.Clone(piece), slices.Clone(ids)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= generation {
		c.young, c.old = map[string][]int32{}, c.young
	}
	c.young[piece] = ids
}

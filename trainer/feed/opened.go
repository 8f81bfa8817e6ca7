package feed

import (
	"container/list"
	"context"
	"sync"

	"recaption/schemas"
	"recaption/shards"
)

// maxOpened bounds the files that are kept open: a few KiB each.
const maxOpened = 1024

// opened keeps files that were opened lately. Record batches are read in a
// random order, so those of one file come far apart.
type opened struct {
	st shards.Store

	mu    sync.Mutex // guards what follows
	byKey map[string]*list.Element
	order *list.List // the latest used first
}

type openedFile struct {
	key string
	r   *shards.Reader
}

func newOpened(st shards.Store) *opened {
	return &opened{st: st, byKey: map[string]*list.Element{}, order: list.New()}
}

// get opens a file, unless it is open. Two that want one file at once may both
// open it.
func (o *opened) get(ctx context.Context, key string, f schemas.File) (*shards.Reader, error) {
	if r := o.find(key); r != nil {
		return r, nil
	}
	r, err := shards.OpenLean(ctx, o.st, key, f)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.byKey[key] == nil {
		o.byKey[key] = o.order.PushFront(openedFile{key, r})
	}
	for o.order.Len() > maxOpened {
		last := o.order.Back()
		delete(o.byKey, last.Value.(openedFile).key)
		o.order.Remove(last)
	}
	return r, nil
}

func (o *opened) find(key string) *shards.Reader {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.byKey[key]
	if e == nil {
		return nil
	}
	o.order.MoveToFront(e)
	return e.Value.(openedFile).r
}

package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"

	"recaption/shards"
)

// Op is a method of a store.
type Op string

// The methods of a store.
const (
	Put       Op = "put"
	Create    Op = "create"
	Get       Op = "get"
	ReadTail  Op = "read tail"
	ReadRange Op = "read range"
	List      Op = "list"
	Delete    Op = "delete"
)

// Ops lists them all.
func Ops() []Op { return []Op{Put, Create, Get, ReadTail, ReadRange, List, Delete} }

// Moment says when in a call a fault strikes.
type Moment int

// The moments of a fault.
const (
	Before Moment = iota // the store is not asked
	After                // the store has done it, and the reply is lost; a reading breaks off half way
)

// ErrFault is what a fault returns unless it says otherwise: transient, as a
// lost connection is.
var ErrFault = fmt.Errorf("%w: fault of the test", shards.ErrTransient)

// Fault makes one call fail.
type Fault struct {
	Op   Op
	Key  string // the key, or for a listing the prefix, must contain it; empty: any
	N    int    // strikes the n-th such call, 1 being the next; 0: all
	When Moment
	Err  error  // nil: ErrFault
	Do   func() // called when it strikes: to kill, to cancel, to signal; may be nil
}

// Faults is a store that fails as it was told, and counts calls.
type Faults struct {
	store shards.Store

	mu     sync.Mutex // guards what follows
	calls  map[Op]int
	faults []*Fault
}

var _ shards.Store = (*Faults)(nil)

// NewFaults makes a store that does what st does, until it is told otherwise.
func NewFaults(st shards.Store) *Faults { return &Faults{store: st, calls: map[Op]int{}} }

// Fail adds a fault.
func (f *Faults) Fail(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, &fault)
}

// Calls is the number of calls of one method so far, failed ones too.
func (f *Faults) Calls(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

// Requests is the number of calls of all methods so far.
func (f *Faults) Requests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		n += c
	}
	return n
}

// strike counts a call and gives the fault that is due in it.
func (f *Faults) strike(op Op, key string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[op]++
	var due *Fault
	for i := 0; i < len(f.faults); i++ {
		t := f.faults[i]
		if t.Op != op || !strings.Contains(key, t.Key) {
			continue
		}
		switch t.N {
		case 0:
			due = t
		case 1:
			due = t
			f.faults = append(f.faults[:i], f.faults[i+1:]...)
			i--
		default:
			t.N--
		}
	}
	return due
}

func (t *Fault) error(key string) error {
	if t.Do != nil {
		t.Do()
	}
	err := t.Err
	if err == nil {
		err = ErrFault
	}
	return fmt.Errorf("%s %s: %w", t.Op, key, err)
}

// do runs a call that changes something.
func (f *Faults) do(op Op, key string, call func() error) error {
	t := f.strike(op, key)
	if t == nil {
		return call()
	}
	if t.When == Before {
		return t.error(key)
	}
	return errors.Join(call(), t.error(key))
}

// Put implements [shards.Store].
func (f *Faults) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	return f.do(Put, key, func() error { return f.store.Put(ctx, key, body, size) })
}

// Create implements [shards.Store].
func (f *Faults) Create(ctx context.Context, key string, b []byte) error {
	return f.do(Create, key, func() error { return f.store.Create(ctx, key, b) })
}

// Delete implements [shards.Store].
func (f *Faults) Delete(ctx context.Context, key string) error {
	return f.do(Delete, key, func() error { return f.store.Delete(ctx, key) })
}

// Get implements [shards.Store].
func (f *Faults) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	if t := f.strike(Get, key); t != nil {
		return nil, t.error(key)
	}
	return f.store.Get(ctx, key, limit)
}

// ReadTail implements [shards.Store].
func (f *Faults) ReadTail(ctx context.Context, key string, n int64) (shards.Tail, error) {
	if t := f.strike(ReadTail, key); t != nil {
		return shards.Tail{}, t.error(key)
	}
	return f.store.ReadTail(ctx, key, n)
}

// ReadRange implements [shards.Store].
func (f *Faults) ReadRange(ctx context.Context, key string, off, n int64, etag string) (io.ReadCloser, error) {
	t := f.strike(ReadRange, key)
	if t != nil && t.When == Before {
		return nil, t.error(key)
	}
	r, err := f.store.ReadRange(ctx, key, off, n, etag)
	if err != nil || t == nil {
		return r, err
	}
	return breaking{io.MultiReader(io.LimitReader(r, n/2), &failing{t, key}), r}, nil
}

// List implements [shards.Store].
func (f *Faults) List(ctx context.Context, prefix, after string) iter.Seq2[shards.Object, error] {
	t := f.strike(List, prefix)
	return func(yield func(shards.Object, error) bool) {
		if t != nil && t.When == Before {
			yield(shards.Object{}, t.error(prefix))
			return
		}
		for o, err := range f.store.List(ctx, prefix, after) {
			if !yield(o, err) {
				return
			}
			if t != nil { // after the first object
				yield(shards.Object{}, t.error(prefix))
				return
			}
		}
	}
}

type breaking struct {
	io.Reader
	io.Closer
}

type failing struct {
	fault *Fault
	key   string
}

func (f *failing) Read([]byte) (int, error) { return 0, f.fault.error(f.key) }

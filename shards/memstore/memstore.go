// Package memstore keeps objects in memory, for tests and trials.
package memstore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"recaption/shards"
)

// Store is a store in memory. Its objects end with it.
type Store struct {
	mu      sync.RWMutex // guards what follows
	objects map[string]object
	writes  uint64
}

type object struct {
	bytes []byte // never written to again
	etag  string
}

var _ shards.Store = (*Store)(nil)

// New makes an empty store.
func New() *Store { return &Store{objects: map[string]object{}} }

// Put implements [shards.Store].
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	if err := check(ctx, "put", key); err != nil {
		return err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(body, b); err != nil {
		return fmt.Errorf("put %s: body of %d bytes: %w", key, size, err)
	}
	if n, _ := io.ReadFull(body, make([]byte, 1)); n != 0 {
		return fmt.Errorf("put %s: body is longer than %d bytes", key, size)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(key, b)
	return nil
}

// Create implements [shards.Store].
func (s *Store) Create(ctx context.Context, key string, b []byte) error {
	if err := check(ctx, "create", key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[key]; ok {
		return fmt.Errorf("create %s: %w", key, shards.ErrExists)
	}
	s.set(key, bytes.Clone(b))
	return nil
}

func (s *Store) set(key string, b []byte) {
	s.writes++
	s.objects[key] = object{b, strconv.FormatUint(s.writes, 10)}
}

// Get implements [shards.Store].
func (s *Store) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	o, err := s.find(ctx, "get", key)
	if err != nil {
		return nil, err
	}
	if int64(len(o.bytes)) > limit {
		return nil, fmt.Errorf("get %s: %d bytes; want at most %d", key, len(o.bytes), limit)
	}
	return append([]byte{}, o.bytes...), nil
}

// ReadTail implements [shards.Store].
func (s *Store) ReadTail(ctx context.Context, key string, n int64) (shards.Tail, error) {
	o, err := s.find(ctx, "read end of", key)
	if err != nil {
		return shards.Tail{}, err
	}
	size := int64(len(o.bytes))
	return shards.Tail{Bytes: append([]byte{}, o.bytes[size-min(n, size):]...), Size: size, ETag: o.etag}, nil
}

// ReadRange implements [shards.Store].
func (s *Store) ReadRange(ctx context.Context, key string, off, n int64, etag string) (io.ReadCloser, error) {
	o, err := s.find(ctx, "read", key)
	if err != nil {
		return nil, err
	}
	if etag != "" && etag != o.etag {
		return nil, fmt.Errorf("read %s: %w", key, shards.ErrChanged)
	}
	if size := int64(len(o.bytes)); off < 0 || n <= 0 || n > size-off {
		return nil, fmt.Errorf("read %s: %d bytes from %d: outside its %d bytes", key, n, off, size)
	}
	return io.NopCloser(bytes.NewReader(o.bytes[off : off+n])), nil
}

// List implements [shards.Store].
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[shards.Object, error] {
	return func(yield func(shards.Object, error) bool) {
		if err := shards.CheckPrefix(prefix); err != nil {
			yield(shards.Object{}, fmt.Errorf("list: %w", err))
			return
		}
		s.mu.RLock()
		keys := slices.Sorted(maps.Keys(s.objects))
		s.mu.RUnlock()
		for _, key := range keys {
			if err := ctx.Err(); err != nil {
				yield(shards.Object{}, fmt.Errorf("list %s: %w", prefix, err))
				return
			}
			if key <= after || !strings.HasPrefix(key, prefix) {
				continue
			}
			s.mu.RLock()
			o, ok := s.objects[key]
			s.mu.RUnlock()
			if ok && !yield(shards.Object{Key: key, Size: int64(len(o.bytes))}, nil) {
				return
			}
		}
	}
}

// Delete implements [shards.Store].
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := check(ctx, "delete", key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
	return nil
}

func (s *Store) find(ctx context.Context, verb, key string) (object, error) {
	if err := check(ctx, verb, key); err != nil {
		return object{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	o, ok := s.objects[key]
	if !ok {
		return object{}, fmt.Errorf("%s %s: %w", verb, key, shards.ErrNotFound)
	}
	return o, nil
}

func check(ctx context.Context, verb, key string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", verb, key, err)
	}
	if err := shards.CheckKey(key); err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

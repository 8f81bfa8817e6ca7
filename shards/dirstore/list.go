package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"recaption/shards"
)

// List implements [shards.Store]. It holds the entries of one folder and of
// those above it.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[shards.Object, error] {
	return func(yield func(shards.Object, error) bool) {
		if err := shards.CheckPrefix(prefix); err != nil {
			yield(shards.Object{}, fmt.Errorf("list: %w", err))
			return
		}
		dir := path.Dir(prefix + "x") // the deepest folder that holds all of them
		w := walk{s.root.FS(), prefix, after, yield}
		if err := w.dir(ctx, dir); err != nil && !errors.Is(err, errStopped) {
			yield(shards.Object{}, fmt.Errorf("list %s: %w", prefix, foreign(err)))
		}
	}
}

var errStopped = errors.New("stopped")

type walk struct {
	fs            fs.FS
	prefix, after string
	yield         func(shards.Object, error) bool
}

func (w walk) dir(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(w.fs, dir)
	if ignoreMissing(err) == nil && err != nil {
		return nil
	}
	if err != nil {
		return err
	}
	// Keys sort by their bytes, '/' among them: "a-b" before "a/b".
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(ordered(a), ordered(b)) })
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue // half-written, or not ours
		}
		key := path.Join(dir, ordered(e))
		if e.IsDir() {
			below := key + "/"
			// All keys of the folder sort before after, or miss the prefix.
			if below < w.after && !strings.HasPrefix(w.after, below) || !meet(below, w.prefix) {
				continue
			}
			if err := w.dir(ctx, key); err != nil {
				return err
			}
			continue
		}
		if key <= w.after || !strings.HasPrefix(key, w.prefix) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return err
		}
		if !w.yield(shards.Object{Key: key, Size: info.Size()}, nil) {
			return errStopped
		}
	}
	return nil
}

// ordered is the name as it stands in keys.
func ordered(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

// meet tells whether one is the beginning of the other.
func meet(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }

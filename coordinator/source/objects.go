package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strings"

	"recaption/shards"
)

// objectTars are the archives under a prefix of a bucket.
type objectTars struct {
	objects shards.Foreign
	prefix  string // what is listed; locations are relative to its last slash
	match   func(key string) bool
	named   bool     // by a pattern or a key: what lies beside the tars is of no concern
	must    []string // keys that a pattern spells out: each must be there
}

// openObjects gives the tars that rest in a bucket.
func openObjects(ctx context.Context, where, rest string, cfg Config) (Source, error) {
	if cfg.Objects == nil {
		return nil, fmt.Errorf("%w: %s: no access to object storage is set up", ErrNoSource, where)
	}
	bucket, key, _ := strings.Cut(rest, "/")
	if bucket == "" {
		return nil, fmt.Errorf("%w: %s names no bucket; want s3://bucket/prefix", ErrNoSource, where)
	}
	objects, err := cfg.Objects(ctx, bucket)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", where, err)
	}
	t := objectTars{objects: objects, match: isTar}
	switch {
	case isPattern(key):
		if t.match, t.must, err = matcher(key); err != nil {
			return nil, err
		}
		t.prefix, t.named = key[:strings.IndexAny(key, "*?[{")], true
	case isTar(key):
		t.prefix, t.named = key, true
		t.match = func(k string) bool { return k == key }
	case key != "":
		t.prefix = strings.TrimSuffix(key, "/") + "/"
	}
	if err := t.look(ctx, where); err != nil {
		return nil, err
	}
	return webDataset{t}, nil
}

// matcher tells the tars that a pattern names, and those that it spells out,
// sorted.
func matcher(pattern string) (match func(key string) bool, must []string, err error) {
	names, err := braces(pattern)
	if err != nil {
		return nil, nil, err
	}
	var globs []string
	for _, n := range names {
		if !strings.ContainsAny(n, "*?[") {
			must = append(must, n)
			continue
		}
		if _, err := path.Match(n, ""); err != nil {
			return nil, nil, fmt.Errorf("%w: pattern %s: %w", ErrNoSource, pattern, err)
		}
		globs = append(globs, n)
	}
	slices.Sort(must)
	must = slices.Compact(must)
	return func(key string) bool {
		if !isTar(key) {
			return false
		}
		if _, ok := slices.BinarySearch(must, key); ok {
			return true
		}
		return slices.ContainsFunc(globs, func(g string) bool {
			ok, _ := path.Match(g, key) // a pattern that is well formed
			return ok
		})
	}, must, nil
}

// look makes sure that there is a tar, and says what there is instead.
func (t objectTars) look(ctx context.Context, where string) error {
	const most = 100_000 // objects looked at
	var seen, images int
	for o, err := range t.objects.ListFound(ctx, t.prefix) {
		if err != nil {
			return fmt.Errorf("list %s: %w", where, err)
		}
		if t.match(o.Key) {
			return nil
		}
		if isImage(o.Key) {
			images++
		}
		if seen++; seen == most {
			break
		}
	}
	switch {
	case images > 0:
		return fmt.Errorf("%w: %s holds images and no tars; images are read from a local folder, or packed into tars (WebDataset)", ErrNoSource, where)
	case seen > 0:
		return fmt.Errorf("%w: %s holds no tar (%s) among %d objects", ErrNoSource, where, strings.Join(tarSuffixes, ", "), seen)
	}
	return fmt.Errorf("%w: nothing is under %s", ErrNoSource, where)
}

func (t objectTars) list(ctx context.Context) iter.Seq2[Part, error] {
	return func(yield func(Part, error) bool) {
		n, missing := 0, map[string]bool{}
		for _, key := range t.must {
			missing[key] = true
		}
		for o, err := range t.objects.ListFound(ctx, t.prefix) {
			if err != nil {
				yield(Part{}, fmt.Errorf("list source: %w", err))
				return
			}
			delete(missing, o.Key)
			if !t.match(o.Key) {
				if !t.named && isImage(o.Key) {
					yield(Part{}, fmt.Errorf("%w: the prefix %q holds tars and images (%s); name the tars by a glob, such as *.tar", ErrNoSource, t.prefix, o.Key))
					return
				}
				continue
			}
			location := o.Key[len(t.base()):]
			if printable(location) != location {
				yield(Part{}, fmt.Errorf("%w: the key %q is not printable UTF-8, and the keys of samples begin with it; rename the object", ErrNoSource, o.Key))
				return
			}
			if !yield(Part{ID: partID(n, location), Location: location, Fingerprint: o.ETag, Bytes: o.Size}, nil) {
				return
			}
			n++
		}
		for _, key := range t.must {
			if missing[key] {
				yield(Part{}, fmt.Errorf("%w: %s is not there", ErrNoSource, key))
				return
			}
		}
	}
}

// base is the part of every key that locations leave out.
func (t objectTars) base() string { return t.prefix[:strings.LastIndexByte(t.prefix, '/')+1] }

func (t objectTars) open(ctx context.Context, part Part) (io.ReadCloser, error) {
	r, err := t.objects.ReadFound(ctx, shards.Found{Key: t.base() + part.Location, Size: part.Bytes, ETag: part.Fingerprint})
	if err != nil {
		return nil, changed(err)
	}
	return objectReader{r}, nil
}

// objectReader says in this package's words that an object is another.
type objectReader struct{ io.ReadCloser }

func (r objectReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	return n, changed(err)
}

func changed(err error) error {
	if errors.Is(err, shards.ErrChanged) || errors.Is(err, shards.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrChanged, err)
	}
	return err
}

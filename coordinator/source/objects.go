package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"
	"time"
)

// Objects is what reading a source from a bucket needs.
type Objects interface {
	// List gives the objects whose keys begin with prefix, in the order of
	// their keys.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Open reads the object from byte offset to its end. It fails with
	// ErrChanged when the object's ETag is another.
	Open(ctx context.Context, o Object, offset int64) (io.ReadCloser, error)
}

// Object is an object at rest.
type Object struct {
	Key  string
	Size int64
	ETag string
}

// resumes is how often a broken connection is replaced without a byte in
// between, and pause how long the first wait is; each further one is twice as
// long.
const (
	resumes = 6
	pause   = 200 * time.Millisecond
)

// objectTars are the archives under a prefix of a bucket.
type objectTars struct {
	objects Objects
	prefix  string // what is listed; locations are relative to its last slash
	match   func(key string) bool
	named   bool // by a glob or a key: what lies beside the tars is of no concern
	pause   time.Duration
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
	t := objectTars{objects: objects, pause: pause, match: isTar}
	switch {
	case hasGlob(key):
		if _, err := path.Match(key, ""); err != nil {
			return nil, fmt.Errorf("%w: pattern %s: %w", ErrNoSource, where, err)
		}
		t.prefix, t.named = key[:strings.IndexAny(key, "*?[")], true
		t.match = func(k string) bool {
			ok, _ := path.Match(key, k)
			return ok && isTar(k)
		}
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

// look makes sure that there is a tar, and says what there is instead.
func (t objectTars) look(ctx context.Context, where string) error {
	const most = 100_000 // objects looked at
	var seen, images int
	for o, err := range t.objects.List(ctx, t.prefix) {
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
		n := 0
		for o, err := range t.objects.List(ctx, t.prefix) {
			if err != nil {
				yield(Part{}, fmt.Errorf("list source: %w", err))
				return
			}
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
	}
}

// base is the part of every key that locations leave out.
func (t objectTars) base() string { return t.prefix[:strings.LastIndexByte(t.prefix, '/')+1] }

func (t objectTars) open(ctx context.Context, part Part) (io.ReadCloser, error) {
	o := Object{Key: t.base() + part.Location, Size: part.Bytes, ETag: part.Fingerprint}
	r := &resumingReader{ctx: ctx, objects: t.objects, object: o, pause: t.pause}
	return r, nil
}

// resumingReader reads an object from start to end, and goes on where it was
// when the connection breaks.
type resumingReader struct {
	ctx     context.Context
	objects Objects
	object  Object
	pause   time.Duration

	off   int64
	body  io.ReadCloser // nil when none is open
	fails int           // since the last byte
}

func (r *resumingReader) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if r.off == r.object.Size {
			return 0, io.EOF
		}
		n, err := r.read(p)
		r.off += int64(n)
		if n > 0 {
			r.fails = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		r.drop()
		if errors.Is(err, ErrChanged) || r.ctx.Err() != nil {
			return 0, err
		}
		if r.fails++; r.fails > resumes {
			return 0, fmt.Errorf("at byte %d of %d, after %d tries: %w", r.off, r.object.Size, r.fails, err)
		}
		select {
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		case <-time.After(r.pause << (r.fails - 1)):
		}
	}
	return 0, nil
}

func (r *resumingReader) read(p []byte) (int, error) {
	if r.body == nil {
		body, err := r.objects.Open(r.ctx, r.object, r.off)
		if err != nil {
			return 0, err
		}
		r.body = body
	}
	if left := r.object.Size - r.off; int64(len(p)) > left {
		p = p[:left]
	}
	n, err := r.body.Read(p)
	if n > 0 {
		// Keep the bytes; where the connection broke, the next read finds out.
		if err != nil {
			r.drop()
		}
		return n, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the object is longer
	}
	return 0, err
}

func (r *resumingReader) drop() {
	if r.body != nil {
		r.body.Close()
		r.body = nil
	}
}

func (r *resumingReader) Close() error {
	r.drop()
	return nil
}

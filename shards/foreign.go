package shards

import (
	"context"
	"io"
	"iter"
)

// Found is an object that someone else put into a bucket.
type Found struct {
	Key  string // of any form
	Size int64
	ETag string
}

// Foreign reads objects that someone else keeps, under keys that obey no rule
// of ours: the sources of data sets. Its methods may be called from any
// goroutine, and their errors are those of a [Store].
type Foreign interface {
	// ListFound gives the objects whose keys begin with prefix, in the order
	// of their bytes. It ends with the first error.
	ListFound(ctx context.Context, prefix string) iter.Seq2[Found, error]

	// ReadFound reads an object from start to end, in one request unless the
	// connection breaks; it is then taken up where it broke. It returns
	// [ErrChanged] when the object is no longer the one that was found. The
	// reader gives o.Size bytes and io.EOF or fails; the caller closes it.
	ReadFound(ctx context.Context, o Found) (io.ReadCloser, error)
}

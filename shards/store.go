package shards

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// The errors of a store, matched with [errors.Is].
var (
	// ErrNotFound: no object has that key.
	ErrNotFound = errors.New("no such object")
	// ErrExists: an object has that key already.
	ErrExists = errors.New("object exists")
	// ErrNoBucket: the store has no bucket of that name, so it has no objects
	// and takes none.
	ErrNoBucket = errors.New("no such bucket")
	// ErrDenied: the store refuses who asks, for all objects or this one.
	ErrDenied = errors.New("the store refuses these credentials")
	// ErrChanged: the object is not the one whose ETag was given.
	ErrChanged = errors.New("object changed")
	// ErrTransient: the store may do better later. It has tried again by its
	// own rules. A write that ends so may have happened.
	ErrTransient = errors.New("store unavailable")
	// ErrKey: the text is not a key, or not one of the kind asked for.
	ErrKey = errors.New("malformed key")
)

// Store is a place where objects rest. Keys obey [CheckKey], and no key is a
// folder of another. All methods may be called from any goroutine.
//
// An error that matches none of the errors above is permanent: the same call
// would end the same way. A cancelled call returns an error that matches
// ctx.Err().
type Store interface {
	// Put writes an object of size bytes, replacing one of that name: for
	// objects whose name is unique or follows from their content. The object
	// is seen whole or not at all, and is durable when Put returns. Put reads
	// body from its start and may do so repeatedly.
	Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error

	// Create writes an object unless there is one of that name, which is
	// [ErrExists]. Of all callers at most one succeeds. After a lost reply
	// ErrExists may speak of this very call's object: [Commit] tells.
	Create(ctx context.Context, key string, b []byte) error

	// Get reads an object of at most limit bytes whole.
	Get(ctx context.Context, key string, limit int64) ([]byte, error)

	// ReadTail reads the last n bytes of an object, all of one that is
	// smaller, and learns its size and ETag, in one request.
	ReadTail(ctx context.Context, key string, n int64) (Tail, error)

	// ReadRange reads n bytes from off, in one request unless the connection
	// breaks. It returns [ErrChanged] when the object's ETag is not etag,
	// unless that is empty. The reader gives n bytes and io.EOF or fails; the
	// caller closes it.
	ReadRange(ctx context.Context, key string, off, n int64, etag string) (io.ReadCloser, error)

	// List gives the objects whose keys begin with prefix and sort behind
	// after, in the order of their bytes. It reads page by page; objects that
	// come or go meanwhile may be seen or not. It ends with the first error.
	List(ctx context.Context, prefix, after string) iter.Seq2[Object, error]

	// Delete removes an object. It is no error if there is none.
	Delete(ctx context.Context, key string) error
}

// Object is what a listing says of an object.
type Object struct {
	Key  string
	Size int64
}

// Tail is the end of an object.
type Tail struct {
	Bytes []byte
	Size  int64  // of the whole object
	ETag  string // of this state of it
}

// CheckKey tells whether key may name an object: 1 to 512 characters of A-Z,
// a-z, 0-9, '.', '_' and '-' in segments parted by '/', none of them empty or
// beginning with '.'. Such keys are safe in S3, in URLs and as paths.
func CheckKey(key string) error {
	if key == "" || len(key) > 512 {
		return fmt.Errorf("%w: %q: want 1 to 512 characters", ErrKey, key)
	}
	for seg := range strings.SplitSeq(key, "/") {
		if seg == "" || seg[0] == '.' {
			return fmt.Errorf("%w: %q: a segment is empty or begins with '.'", ErrKey, key)
		}
		if len(seg) > 255 {
			return fmt.Errorf("%w: %q: a segment is longer than 255 characters", ErrKey, key)
		}
		for i := range len(seg) {
			c := seg[i]
			plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
			if !plain {
				return fmt.Errorf("%w: %q: character %q", ErrKey, key, c)
			}
		}
	}
	return nil
}

// CheckPrefix tells whether prefix can begin a key: it is empty, a key, or a
// key with a '/' behind it.
func CheckPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	return CheckKey(strings.TrimSuffix(prefix, "/"))
}

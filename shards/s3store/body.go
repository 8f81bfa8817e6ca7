package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"recaption/shards"
)

// errBroken befalls a body on its way, which the SDK's own retries don't cover.
var errBroken = errors.New("connection broke off")

func broken(err error) bool { return errors.Is(err, errBroken) }

// pause lets a broken store recover before the next try: up to 0.1 seconds
// after the first one, twice that after each further one, 5 seconds at most. It
// tells whether ctx still runs.
func pause(ctx context.Context, tries int) bool {
	longest := min(100*time.Millisecond<<min(tries-1, 10), 5*time.Second)
	t := time.NewTimer(rand.N(longest))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ReadRange implements [shards.Store]. A connection that breaks is taken up
// again where it broke, for the same state of the object.
func (s *Store) ReadRange(ctx context.Context, key string, off, n int64, etag string) (io.ReadCloser, error) {
	if err := shards.CheckKey(key); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if off < 0 || n <= 0 {
		return nil, fmt.Errorf("read %s: %d bytes from %d: not a range", key, n, off)
	}
	b := &body{store: s, ctx: ctx, key: key, off: off, left: n, etag: etag}
	if err := b.open(); err != nil {
		return nil, b.failed(err)
	}
	return b, nil
}

// body reads a range of an object.
type body struct {
	store *Store
	ctx   context.Context // of the call that asked for the range: it bounds the reading too
	key   string
	off   int64 // of the next byte
	left  int64 // bytes to come
	etag  string
	tries int // since the last byte came

	stream io.ReadCloser // nil when there is no connection
}

func (b *body) open() error {
	in := &s3.GetObjectInput{
		Bucket: &b.store.cfg.Bucket, Key: b.store.name(b.key),
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", b.off, b.off+b.left-1)),
	}
	if b.etag != "" {
		in.IfMatch = &b.etag
	}
	out, err := b.store.s3.GetObject(b.ctx, in)
	if err != nil {
		return err
	}
	if n := aws.ToInt64(out.ContentLength); n != b.left {
		out.Body.Close()
		return fmt.Errorf("got %d bytes for the %d from %d", n, b.left, b.off)
	}
	b.stream, b.etag = out.Body, aws.ToString(out.ETag)
	return nil
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if b.stream == nil {
			if err := b.open(); err != nil {
				return 0, b.failed(err)
			}
		}
		n, err := b.stream.Read(p[:min(int64(len(p)), b.left)])
		b.off, b.left = b.off+int64(n), b.left-int64(n)
		if n > 0 {
			b.tries = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		b.disconnect()
		if b.tries++; b.tries >= b.store.cfg.Attempts || !pause(b.ctx, b.tries) {
			return 0, b.failed(fmt.Errorf("%w, %d bytes missing: %w", errBroken, b.left, err))
		}
	}
}

// Close implements [io.Closer].
func (b *body) Close() error {
	b.disconnect()
	b.left = 0
	return nil
}

func (b *body) disconnect() {
	if b.stream != nil {
		b.stream.Close()
		b.stream = nil
	}
}

func (b *body) failed(err error) error {
	return failed(b.ctx, err, "read "+b.key, shards.ErrChanged)
}

// readBody reads a body of n bytes whole.
func readBody(r io.Reader, n int64) ([]byte, error) {
	b := make([]byte, n)
	for at := 0; at < len(b); {
		m, err := r.Read(b[at:])
		if at += m; err != nil && at < len(b) {
			return nil, fmt.Errorf("%w: %w", errBroken, err)
		}
	}
	// The SDK verifies the object's checksum when it reaches the end.
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: at the end of %d bytes: %w", errBroken, n, err)
	}
	return b, nil
}

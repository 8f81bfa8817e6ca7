package shards

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"recaption/schemas"
	"recaption/shards/internal/arrowfile"
)

// ErrCorrupt says that a file is not what its record says, or not an Arrow
// file that this program could have written. Reading it again would not help:
// what failed its digest was fetched a second time.
var ErrCorrupt = errors.New("corrupt file")

const (
	// tailBytes is fetched to open a file: the footer of 1,024 rows in batches
	// of 64 has 3 KiB, that of 1,024 batches 28 KiB.
	tailBytes = 64 << 10
	// maxFooter bounds a footer.
	maxFooter = 64 << 20
	// maxBatch bounds the bytes of a record batch. The writer stays below it.
	maxBatch = 1<<30 + 512<<20 + 1<<20
	// readAhead is how much of a file is fetched before it is asked for.
	readAhead = 16 << 20
)

// Reader reads an Arrow shard by record batches. It holds its end in memory
// (64 KiB, more where the footer is larger) and no connection. It may be used
// from any goroutine and needs no closing.
type Reader struct {
	st     Store
	key    string
	size   int64
	etag   string
	name   string // of the schema
	footer *arrowfile.Footer
	file   schemas.File
	ahead  int64 // bytes of record batches fetched before they are asked for, and at least one batch

	end   []byte // of the file
	endAt int64
}

// Open opens the file under key, which f describes, in one request. Whatever
// of the file does not agree with f is [ErrCorrupt]; a schema of a later
// version is [schemas.ErrVersion].
func Open(ctx context.Context, st Store, key string, f schemas.File) (*Reader, error) {
	r := &Reader{st: st, key: key, file: f, ahead: readAhead}
	if err := r.open(ctx); err != nil {
		return nil, fmt.Errorf("open %s: %w", key, err)
	}
	return r, nil
}

// Schema is the file's schema, with the metadata that explains the file.
func (r *Reader) Schema() *arrow.Schema { return r.footer.Schema }

// SchemaName is the schema's name and version, as "samples/1".
func (r *Reader) SchemaName() string { return r.name }

func (r *Reader) open(ctx context.Context) error {
	footer, at, err := r.fetchFooter(ctx, 1)
	if err != nil {
		return err
	}
	if r.footer, err = arrowfile.ParseFooter(footer, at); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err := r.checkSchema(); err != nil {
		return err
	}
	return r.checkBlocks()
}

// checkBlocks holds the record batches that the footer names against those of
// the record.
func (r *Reader) checkBlocks() error {
	for i, b := range r.footer.Blocks {
		if b.Bytes() > maxBatch {
			return fmt.Errorf("%w: record batch %d has %d bytes; want at most %d", ErrCorrupt, i, b.Bytes(), int64(maxBatch))
		}
	}
	if got, want := len(r.footer.Blocks), len(r.file.Batches); got != want {
		return fmt.Errorf("%w: %d record batches, not %d", ErrCorrupt, got, want)
	}
	for i, b := range r.footer.Blocks {
		if want := r.file.Batches[i]; b.Offset != want.Offset || b.Bytes() != want.Bytes {
			return fmt.Errorf("%w: record batch %d is at %d, %d bytes; not at %d, %d bytes",
				ErrCorrupt, i, b.Offset, b.Bytes(), want.Offset, want.Bytes)
		}
	}
	return nil
}

// fetchFooter reads the end of the file and gives the footer with what follows
// it, verified, and its offset. One that comes damaged is fetched again.
func (r *Reader) fetchFooter(ctx context.Context, again int) ([]byte, int64, error) {
	want := r.file.Footer
	if want.Bytes > maxFooter || want.Bytes <= 0 || want.Offset < 0 || want.Offset+want.Bytes != r.file.Bytes {
		return nil, 0, fmt.Errorf("%w: its record has a footer of %d bytes at %d of %d", ErrCorrupt, want.Bytes, want.Offset, r.file.Bytes)
	}
	if err := r.fetchEnd(ctx, max(tailBytes, want.Bytes)); err != nil {
		return nil, 0, err
	}
	if r.size != r.file.Bytes {
		return nil, 0, fmt.Errorf("%w: %d bytes, not %d", ErrCorrupt, r.size, r.file.Bytes)
	}
	footer := r.end[int64(len(r.end))-want.Bytes:]
	if schemas.Sum(footer) != want.SHA256 {
		if again > 0 {
			return r.fetchFooter(ctx, again-1)
		}
		return nil, 0, fmt.Errorf("%w: its footer is not the one committed", ErrCorrupt)
	}
	at, err := arrowfile.FooterAt(footer, r.size)
	if err != nil || at < want.Offset {
		return nil, 0, fmt.Errorf("%w: its footer is at %d, not at %d or behind", ErrCorrupt, at, want.Offset)
	}
	return footer[at-want.Offset:], at, nil
}

func (r *Reader) fetchEnd(ctx context.Context, n int64) error {
	t, err := r.st.ReadTail(ctx, r.key, n)
	if err != nil {
		return err
	}
	r.end, r.size, r.etag = t.Bytes, t.Size, t.ETag
	r.endAt = t.Size - int64(len(t.Bytes))
	return nil
}

// checkSchema finds out which of our schemas the file has.
func (r *Reader) checkSchema() error {
	meta := r.footer.Schema.Metadata()
	r.name, _ = meta.GetValue(schemas.MetaSchema)
	err := schemas.CheckSchema(r.footer.Schema, r.name)
	if errors.Is(err, schemas.ErrVersion) && r.name != "" {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

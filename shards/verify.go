package shards

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"recaption/schemas"
	"recaption/shards/internal/arrowfile"
)

// Verify reads the file under key whole and holds every byte against f: the
// digests of the whole, the footer and each record batch, and the structure of
// what they hold. What does not agree is [ErrCorrupt].
func Verify(ctx context.Context, st Store, key string, f schemas.File) error {
	r, err := Open(ctx, st, key, f)
	if err != nil {
		return err
	}
	got, err := r.scan(ctx)
	if err != nil {
		return err
	}
	if got != f.SHA256 {
		return fmt.Errorf("verify %s: %w: its digest is %s, not %s", key, ErrCorrupt, got, f.SHA256)
	}
	return nil
}

// scan reads the whole file in one request and holds it against what describes
// it, but for the digest of the whole, which it gives. It holds one batch.
func (r *Reader) scan(ctx context.Context) (schemas.Digest, error) {
	var sum schemas.Digest
	body, err := r.st.ReadRange(ctx, r.key, 0, r.size, r.etag)
	if err != nil {
		return sum, err
	}
	defer body.Close()
	whole := sha256.New()
	all := io.TeeReader(body, whole)
	head := make([]byte, 8)
	if _, err := io.ReadFull(all, head); err != nil {
		return sum, fmt.Errorf("read %s: %w", r.key, err)
	}
	if err := arrowfile.CheckHead(head); err != nil {
		return sum, fmt.Errorf("read %s: %w: %w", r.key, ErrCorrupt, err)
	}
	at := int64(len(head))
	for i, blk := range r.footer.Blocks {
		if _, err := io.CopyN(io.Discard, all, blk.Offset-at); err != nil {
			return sum, fmt.Errorf("read %s: skip to batch %d: %w", r.key, i, err)
		}
		b := make([]byte, blk.Bytes())
		if _, err := io.ReadFull(all, b); err != nil {
			return sum, fmt.Errorf("read %s: batch %d: %w", r.key, i, err)
		}
		at = r.endOf(i)
		if schemas.Sum(b) != r.file.Batches[i].SHA256 {
			return sum, fmt.Errorf("read %s: batch %d: %w: it is not the one committed", r.key, i, ErrCorrupt)
		}
		if _, err := r.decode(fetched{index: i, bytes: b}); err != nil {
			return sum, err
		}
	}
	if _, err := io.Copy(io.Discard, all); err != nil {
		return sum, fmt.Errorf("read %s: %w", r.key, err)
	}
	whole.Sum(sum[:0])
	return sum, nil
}

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
	if got.SHA256 != f.SHA256 {
		return fmt.Errorf("verify %s: %w: its digest is %s, not %s", key, ErrCorrupt, got.SHA256, f.SHA256)
	}
	for i, b := range got.Batches {
		if b != f.Batches[i] {
			return fmt.Errorf("verify %s: batch %d: %w: it is not the one committed", key, i, ErrCorrupt)
		}
	}
	return nil
}

// Describe reads the file under key whole, unverified, and describes it as it
// is, so that it can be read as others are.
func Describe(ctx context.Context, st Store, key string) (schemas.File, error) {
	r, err := OpenUnverified(ctx, st, key)
	if err != nil {
		return schemas.File{}, err
	}
	return r.scan(ctx)
}

// scan reads the whole file in one request and describes it. It holds one
// batch.
func (r *Reader) scan(ctx context.Context) (schemas.File, error) {
	f := schemas.File{Bytes: r.size, Footer: r.footerBlock()}
	body, err := r.st.ReadRange(ctx, r.key, 0, r.size, r.etag)
	if err != nil {
		return f, err
	}
	defer body.Close()
	whole := sha256.New()
	all := io.TeeReader(body, whole)
	head := make([]byte, 8)
	if _, err := io.ReadFull(all, head); err != nil {
		return f, fmt.Errorf("read %s: %w", r.key, err)
	}
	if err := arrowfile.CheckHead(head); err != nil {
		return f, fmt.Errorf("read %s: %w: %w", r.key, ErrCorrupt, err)
	}
	at := int64(len(head))
	for i, blk := range r.footer.Blocks {
		if _, err := io.CopyN(io.Discard, all, blk.Offset-at); err != nil {
			return f, fmt.Errorf("read %s: skip to batch %d: %w", r.key, i, err)
		}
		b := make([]byte, blk.Bytes())
		if _, err := io.ReadFull(all, b); err != nil {
			return f, fmt.Errorf("read %s: batch %d: %w", r.key, i, err)
		}
		at = r.endOf(i)
		sum := schemas.Sum(b)
		if r.file != nil && sum != r.file.Batches[i].SHA256 {
			return f, fmt.Errorf("read %s: batch %d: %w: it is not the one committed", r.key, i, ErrCorrupt)
		}
		batch, err := r.decode(fetched{index: i, bytes: b}, f.Rows)
		if err != nil {
			return f, err
		}
		rows := int(batch.Record.NumRows())
		f.Rows += rows
		f.Batches = append(f.Batches, schemas.Batch{Block: schemas.Block{Offset: blk.Offset, Bytes: blk.Bytes(), SHA256: sum}, Rows: rows})
	}
	if _, err := io.Copy(io.Discard, all); err != nil {
		return f, fmt.Errorf("read %s: %w", r.key, err)
	}
	whole.Sum(f.SHA256[:0])
	return f, nil
}

// footerBlock is the footer with its length and magic.
func (r *Reader) footerBlock() schemas.Block {
	if r.file != nil {
		return r.file.Footer
	}
	at, err := arrowfile.FooterAt(r.end, r.size)
	if err != nil {
		return schemas.Block{} // opening would have ended with it
	}
	b := r.end[at-r.endAt:]
	return schemas.Block{Offset: at, Bytes: int64(len(b)), SHA256: schemas.Sum(b)}
}

package shards

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"golang.org/x/sync/semaphore"

	"recaption/schemas"
)

// maxAhead bounds the number of batches fetched ahead, whatever their size.
const maxAhead = 64

// Batch is a record batch of a file.
type Batch struct {
	Record arrow.Record // needs no release; the garbage collector has its memory
	Index  int          // of the batch in the file
	First  int          // row of the file with which it begins
}

// span is a run of record batches that one request brings.
type span struct{ first, last int }

// Batches gives the record batches that hold any of rows, or all of them where
// none are named, whole and in order. Rows need not be sorted. All batches are
// fetched in requests of about the read-ahead's size; named ones in at most
// two requests, in which what lies between them is skipped. Fetching goes on
// while a batch is in use, up to 16 MiB ahead, and at least one batch.
//
// Every batch is verified before it is read. The first error ends the
// iteration.
func (r *Reader) Batches(ctx context.Context, rows ...schemas.RowRange) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		need := r.needed(rows)
		spans := r.spans(need, len(rows) > 0)
		ctx, cancel := context.WithCancel(ctx)
		f := fetcher{r: r, need: need, budget: semaphore.NewWeighted(r.ahead), out: make(chan fetched, maxAhead)}
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		wg.Go(func() { f.run(ctx, spans) })

		for got := range f.out {
			f.budget.Release(got.weight)
			b, err := r.decode(got)
			if err != nil {
				yield(Batch{}, err)
				return
			}
			if !yield(b, nil) {
				return
			}
		}
		if f.err != nil {
			yield(Batch{}, f.err)
		}
	}
}

// decode reads a batch that was verified.
func (r *Reader) decode(got fetched) (Batch, error) {
	rec, err := r.footer.Record(got.bytes, r.footer.Blocks[got.index])
	if err != nil {
		return Batch{}, fmt.Errorf("read %s: batch %d: %w: %w", r.key, got.index, ErrCorrupt, err)
	}
	if want := r.file.Batches[got.index].Rows; rec.NumRows() != int64(want) {
		return Batch{}, fmt.Errorf("read %s: batch %d: %w: %d rows, not %d", r.key, got.index, ErrCorrupt, rec.NumRows(), want)
	}
	return Batch{rec, got.index, r.firstRow(got.index)}, nil
}

// firstRow is the row with which a batch begins.
func (r *Reader) firstRow(batch int) int {
	n := 0
	for _, b := range r.file.Batches[:batch] {
		n += b.Rows
	}
	return n
}

// needed tells for each batch whether it holds any of rows.
func (r *Reader) needed(rows []schemas.RowRange) []bool {
	need := make([]bool, len(r.footer.Blocks))
	first := 0
	for i := range need {
		if len(rows) == 0 {
			need[i] = true
			continue
		}
		next := first + r.file.Batches[i].Rows
		for _, s := range rows {
			need[i] = need[i] || s.From < next && s.To > first && s.Len() > 0
		}
		first = next
	}
	return need
}

// spans plans the requests for the needed batches: each of at most the
// read-ahead's size or one batch, or, to have few, at most two.
func (r *Reader) spans(need []bool, few bool) []span {
	var spans []span
	size := func(s span) int64 { return r.endOf(s.last) - r.footer.Blocks[s.first].Offset }
	for i := range need {
		if !need[i] {
			continue
		}
		if n := len(spans); n > 0 && spans[n-1].last == i-1 && (few || size(span{spans[n-1].first, i}) <= r.ahead) {
			spans[n-1].last = i
			continue
		}
		spans = append(spans, span{i, i})
	}
	for few && len(spans) > 2 {
		at, least := 0, int64(-1)
		for i := range spans[1:] {
			if gap := r.footer.Blocks[spans[i+1].first].Offset - r.endOf(spans[i].last); least < 0 || gap < least {
				at, least = i, gap
			}
		}
		spans[at].last = spans[at+1].last
		spans = append(spans[:at+1], spans[at+2:]...)
	}
	return spans
}

// endOf is where a batch ends in the file.
func (r *Reader) endOf(batch int) int64 {
	b := r.footer.Blocks[batch]
	return b.Offset + b.Bytes()
}

// fetched is a record batch that was verified.
type fetched struct {
	index  int
	bytes  []byte
	weight int64 // held of the budget
}

// fetcher brings the needed batches into out, ahead of who reads it.
type fetcher struct {
	r      *Reader
	need   []bool
	budget *semaphore.Weighted // of bytes in out
	out    chan fetched
	err    error // why it ended early; to be read when out is closed
}

func (f *fetcher) run(ctx context.Context, spans []span) {
	defer close(f.out)
	for _, s := range spans {
		if f.err = f.span(ctx, s); f.err != nil {
			return
		}
	}
}

func (f *fetcher) span(ctx context.Context, s span) error {
	r := f.r
	at := r.footer.Blocks[s.first].Offset
	body, err := r.section(ctx, at, r.endOf(s.last)-at)
	if err != nil {
		return err
	}
	defer body.Close()
	for i := s.first; i <= s.last; i++ {
		if !f.need[i] {
			continue
		}
		blk := r.footer.Blocks[i]
		if _, err := io.CopyN(io.Discard, body, blk.Offset-at); err != nil {
			return fmt.Errorf("read %s: skip to batch %d: %w", r.key, i, err)
		}
		weight := min(blk.Bytes(), r.ahead)
		if err := f.budget.Acquire(ctx, weight); err != nil {
			return fmt.Errorf("read %s: %w", r.key, err)
		}
		b := make([]byte, blk.Bytes())
		if _, err := io.ReadFull(body, b); err != nil {
			return fmt.Errorf("read %s: batch %d: %w", r.key, i, err)
		}
		at = r.endOf(i)
		if err := r.verify(ctx, i, b); err != nil {
			return err
		}
		select {
		case f.out <- fetched{i, b, weight}:
		case <-ctx.Done():
			return fmt.Errorf("read %s: %w", r.key, ctx.Err())
		}
	}
	return nil
}

// verify holds a batch against its digest. One that came damaged is fetched
// into b again: ranges have no checksum on their way.
func (r *Reader) verify(ctx context.Context, batch int, b []byte) error {
	want := r.file.Batches[batch].SHA256
	if schemas.Sum(b) == want {
		return nil
	}
	body, err := r.section(ctx, r.footer.Blocks[batch].Offset, int64(len(b)))
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.ReadFull(body, b); err != nil {
		return fmt.Errorf("read %s: batch %d again: %w", r.key, batch, err)
	}
	if schemas.Sum(b) != want {
		return fmt.Errorf("read %s: batch %d: %w: it is not the one committed", r.key, batch, ErrCorrupt)
	}
	return nil
}

// section reads a range of the file: from the end that is in memory, if it is
// there whole.
func (r *Reader) section(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	if off >= r.endAt {
		return io.NopCloser(bytes.NewReader(r.end[off-r.endAt:][:n])), nil
	}
	return r.st.ReadRange(ctx, r.key, off, n, r.etag)
}

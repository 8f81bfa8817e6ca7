package shards

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"recaption/schemas"
)

// ErrFull says that a row does not fit into its shard any more.
var ErrFull = errors.New("shard is full")

// maxRow bounds one row: Arrow's offsets are of 31 bits, and a batch may hold
// a row beside its own bound.
const maxRow = 1 << 30

// maxFile bounds a file.
const maxFile = 16 << 30

// WriterConfig bounds a file and its record batches.
type WriterConfig struct {
	Rows       int              // of the file
	Bytes      int64            // of the file's rows; one row may exceed it alone
	BatchRows  int              // of a record batch
	BatchBytes int64            // of a record batch's rows; one row may exceed it alone
	Dir        string           // for spool files of more than 16 MiB; empty: the system's own
	Allocator  memory.Allocator // for the batch being built
}

// DefaultWriterConfig gives files of 1,024 rows or 256 MiB, in batches of 64
// rows or 8 MiB.
func DefaultWriterConfig() WriterConfig {
	cut := schemas.DefaultCutLimits()
	return WriterConfig{
		Rows: cut.Rows, Bytes: cut.Bytes,
		BatchRows: 64, BatchBytes: 8 << 20,
		Allocator: memory.NewGoAllocator(),
	}
}

// Validate names every fault.
func (c WriterConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("shard writer: "+format, args...))
	}
	if c.Rows < 1 || c.Rows > schemas.MaxRows {
		bad("rows %d: want 1 to %d", c.Rows, schemas.MaxRows)
	}
	if c.Bytes < 1 || c.Bytes > maxFile {
		bad("bytes %d: want 1 to 16 GiB", c.Bytes)
	}
	if c.BatchRows < 1 || c.BatchRows > 1<<16 {
		bad("batch rows %d: want 1 to 65536", c.BatchRows)
	}
	if c.BatchBytes < 1 || c.BatchBytes > 512<<20 {
		bad("batch bytes %d: want 1 to 512 MiB", c.BatchBytes)
	}
	if c.Allocator == nil {
		bad("allocator: want one")
	}
	return errors.Join(errs...)
}

// rowBuilder collects rows of one schema into record batches.
type rowBuilder[T any] interface {
	Append(T) error
	NewRecord() arrow.Record
	Release()
}

// fileWriter writes rows into an Arrow file on a spool. It holds one batch.
// Equal rows, schema and bounds give equal bytes.
type fileWriter[T any] struct {
	cfg   WriterConfig
	build rowBuilder[T]
	size  func(T) int64
	spool *spool
	arrow *ipc.FileWriter

	file    schemas.File
	bytes   int64 // of the rows
	pending batchful
	done    bool
}

// batchful counts what a batch holds.
type batchful struct {
	rows  int
	bytes int64
}

func newFileWriter[T any](cfg WriterConfig, schema *arrow.Schema, build func(memory.Allocator, *arrow.Schema) rowBuilder[T], size func(T) int64) (*fileWriter[T], error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	sp, err := newSpool(cfg.Dir)
	if err != nil {
		return nil, err
	}
	aw, err := ipc.NewFileWriter(sp, ipc.WithSchema(schema), ipc.WithAllocator(cfg.Allocator))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make shard writer: %w", err), sp.close())
	}
	return &fileWriter[T]{cfg: cfg, build: build(cfg.Allocator, schema), size: size, spool: sp, arrow: aw}, nil
}

func (w *fileWriter[T]) fits(row T) bool {
	rows := w.file.Rows + w.pending.rows
	return rows == 0 || rows < w.cfg.Rows && w.bytes+w.size(row) <= w.cfg.Bytes
}

func (w *fileWriter[T]) append(row T) error {
	if w.done {
		return errors.New("append to a shard that was committed or aborted")
	}
	n := w.size(row)
	if n > maxRow {
		return fmt.Errorf("%w: a row of %d bytes; want at most %d", schemas.ErrMalformed, n, maxRow)
	}
	if !w.fits(row) {
		return ErrFull
	}
	if w.pending.rows > 0 && w.pending.bytes+n > w.cfg.BatchBytes {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if err := w.build.Append(row); err != nil {
		return err
	}
	w.bytes += n
	w.pending.rows++
	w.pending.bytes += n
	if w.pending.rows == w.cfg.BatchRows || w.pending.bytes >= w.cfg.BatchBytes {
		return w.flush()
	}
	return nil
}

// flush writes the pending rows as one batch.
func (w *fileWriter[T]) flush() error {
	if w.pending.rows == 0 {
		return nil
	}
	rec := w.build.NewRecord()
	defer rec.Release()
	if err := w.arrow.Write(rec); err != nil {
		return fmt.Errorf("write record batch %d: %w", len(w.file.Batches), err)
	}
	w.file.Batches = append(w.file.Batches, schemas.Batch{Block: w.spool.mark(), Rows: w.pending.rows})
	w.file.Rows += w.pending.rows
	w.pending = batchful{}
	return nil
}

// finish ends the file and hands it to upload, whatever happens the spool is
// gone then.
func (w *fileWriter[T]) finish(upload func(schemas.File, *spool) error) (schemas.File, error) {
	if w.done {
		return schemas.File{}, errors.New("commit a shard that was committed or aborted")
	}
	defer w.abort()
	if err := w.flush(); err != nil {
		return schemas.File{}, err
	}
	if err := w.arrow.Close(); err != nil {
		return schemas.File{}, fmt.Errorf("write footer: %w", err)
	}
	w.file.Footer = w.spool.mark()
	w.file.SHA256, w.file.Bytes = w.spool.sum(), w.spool.pos
	return w.file, upload(w.file, w.spool)
}

func (w *fileWriter[T]) abort() {
	if w.done {
		return
	}
	w.done = true
	w.build.Release()
	_ = w.spool.close() // it has no name: nothing stays, and nothing was promised
}

// put uploads the spool.
func put(ctx context.Context, st Store, key string, f schemas.File, sp *spool) error {
	body, err := sp.body()
	if err != nil {
		return fmt.Errorf("put %s: spool: %w", key, err)
	}
	return st.Put(ctx, key, body, f.Bytes)
}

// checkText tells whether every text is UTF-8, as Arrow demands.
func checkText(key string, texts ...string) error {
	for _, s := range texts {
		if !utf8.ValidString(s) {
			return fmt.Errorf("%w: row %q: text that is not UTF-8", schemas.ErrMalformed, key)
		}
	}
	return nil
}

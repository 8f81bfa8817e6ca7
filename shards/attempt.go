package shards

import (
	"context"
	"errors"
	"fmt"
	"time"

	"recaption/schemas"
)

// Attempt is who writes the captions of a job, and how.
type Attempt struct {
	ID      schemas.AttemptID
	Worker  string       // for people
	Program string       // version
	Writer  WriterConfig // the bounds of the file are the shard's rows, whatever these say
}

// NewAttempt draws an attempt.
func NewAttempt(worker, program, spool string) Attempt {
	w := DefaultWriterConfig()
	w.Dir = spool
	return Attempt{ID: schemas.NewAttemptID(), Worker: worker, Program: program, Writer: w}
}

// WriteCaptions uploads the rows of a job, one for each of its shard's samples
// in their order, as this attempt's file. Until a receipt names it, it belongs
// to nothing.
func (a Attempt) WriteCaptions(ctx context.Context, st Store, job schemas.CaptionJob, model schemas.Digest, rows []schemas.CaptionRow) (schemas.File, error) {
	if len(rows) != job.File.Rows {
		return schemas.File{}, fmt.Errorf("captions of shard %s: %d rows for %d samples", job.Shard.Short(), len(rows), job.File.Rows)
	}
	cfg := a.Writer
	cfg.Rows, cfg.Bytes = max(cfg.Rows, job.File.Rows), maxFile // the rows are what they are
	w, err := NewCaptionWriter(cfg, map[string]string{
		schemas.MetaDataset:    string(job.Dataset),
		schemas.MetaShard:      string(job.Shard),
		schemas.MetaRecipe:     string(job.Recipe),
		schemas.MetaGeneration: fmt.Sprint(job.Generation),
		schemas.MetaModel:      model.String(),
		schemas.MetaProgram:    a.Program,
	})
	if err != nil {
		return schemas.File{}, err
	}
	defer w.Abort()
	for _, r := range rows {
		if err := w.Append(r); err != nil {
			return schemas.File{}, fmt.Errorf("captions of shard %s: row %q: %w", job.Shard.Short(), r.Key, err)
		}
	}
	return w.Commit(ctx, st, CaptionsKey(job.Recipe, job.Shard, job.Generation, a.ID))
}

// Receipt is the receipt of the attempt's file, without counts.
func (a Attempt) Receipt(job schemas.CaptionJob, file schemas.File) schemas.Receipt {
	return schemas.Receipt{
		Kind: "receipt", Version: 1,
		Dataset: job.Dataset, Run: job.Run, Job: job.ID, Shard: job.Shard, Recipe: job.Recipe, Gate: job.Gate,
		Generation: job.Generation, Attempt: a.ID, File: file,
		Worker: a.Worker, Program: a.Program, Finished: time.Now().UTC().Truncate(time.Millisecond),
	}
}

// UnreadableKey is the key of a row whose sample can't be read any more.
func UnreadableKey(row int) string { return fmt.Sprintf("unreadable/%d", row) }

// RowsBefore gives a row for each sample of the job's shard as it is before the
// job: of the generation before where the job keeps some of it, and otherwise,
// or where that is corrupt or gone, as if the sample could not be read.
func RowsBefore(ctx context.Context, st Store, job schemas.CaptionJob) ([]schemas.CaptionRow, error) {
	rows := make([]schemas.CaptionRow, job.File.Rows)
	for i := range rows {
		rows[i] = schemas.CaptionRow{Key: UnreadableKey(i), Status: schemas.RowFailed, Reason: schemas.ReasonShardCorrupt}
	}
	if len(job.Rows) == 0 || job.Generation == 0 {
		return rows, nil
	}
	err := keepRows(ctx, st, job, rows)
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNotFound) {
		return rows, nil
	}
	return rows, err
}

// keepRows puts the captions of the generation before the job's into rows.
func keepRows(ctx context.Context, st Store, job schemas.CaptionJob, rows []schemas.CaptionRow) error {
	last, err := ReadReceipt(ctx, st, ReceiptKey(job.Recipe, job.Shard, job.Generation-1))
	if err != nil {
		return err
	}
	r, err := Open(ctx, st, CaptionsKey(last.Recipe, last.Shard, last.Generation, last.Attempt), last.File)
	if err != nil {
		return err
	}
	for c, err := range r.Captions(ctx) {
		if err != nil {
			return err
		}
		if c.Row < len(rows) {
			rows[c.Row] = c.CaptionRow
		}
	}
	return nil
}

// CommitFailed commits a job that can't be done: every sample of it that is ok
// gets a failed row with the reason, the others keep their own status, and rows
// that the job does not select stay as they were. A sample that can't be read
// gets [UnreadableKey]. When another attempt was first, it returns that one's
// receipt and [ErrExists].
func (a Attempt) CommitFailed(ctx context.Context, st Store, job schemas.CaptionJob, reason schemas.Reason) (schemas.Receipt, error) {
	rows, err := RowsBefore(ctx, st, job)
	if err != nil {
		return schemas.Receipt{}, err
	}
	err = ReadableSamples(ctx, st, job, func(s NumberedSample) error {
		if !job.Selects(s.Row) && rows[s.Row].Key == s.Key {
			return nil
		}
		rows[s.Row] = schemas.CaptionRow{Key: s.Key, ImageSHA256: s.ImageSHA256, Status: schemas.RowStatus(s.Status), Reason: s.Reason}
		if s.Status == schemas.SampleOK {
			rows[s.Row].Status, rows[s.Row].Reason = schemas.RowFailed, reason
		}
		return nil
	})
	if err != nil {
		return schemas.Receipt{}, err
	}
	file, err := a.WriteCaptions(ctx, st, job, schemas.Digest{}, rows)
	if err != nil {
		return schemas.Receipt{}, err
	}
	r := a.Receipt(job, file)
	r.Statuses, r.Reasons = map[schemas.RowStatus]int{}, map[schemas.Reason]int{}
	for _, row := range rows {
		r.Statuses[row.Status]++
		if row.Reason != "" {
			r.Reasons[row.Reason]++
		}
	}
	return CommitReceipt(ctx, st, r)
}

// ReadableSamples calls use with each sample of the job's shard that can be
// read, in order. Record batches that are corrupt are passed over, and so is a
// shard that is corrupt or gone as a whole: whoever needs to know sees which
// rows did not come. An error of use ends it.
func ReadableSamples(ctx context.Context, st Store, job schemas.CaptionJob, use func(NumberedSample) error) error {
	r, err := Open(ctx, st, SampleShardKey(job.Dataset, job.Shard), job.File)
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for next := 0; next < job.File.Rows; {
		damaged := false
		for s, err := range r.Samples(ctx, schemas.RowRange{From: next, To: job.File.Rows}) {
			if errors.Is(err, ErrCorrupt) {
				damaged = true
				break
			}
			if err != nil {
				return err
			}
			if err := use(s); err != nil {
				return err
			}
			next = s.Row + 1
		}
		if !damaged {
			return nil
		}
		next = endOfBatch(job.File, next)
	}
	return nil
}

// endOfBatch is the row behind the batch that holds row.
func endOfBatch(f schemas.File, row int) int {
	end := 0
	for _, b := range f.Batches {
		if end += b.Rows; end > row {
			return end
		}
	}
	return f.Rows
}

package shards

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"recaption/schemas"
)

// CaptionWriter writes the captions of one attempt, row for row beside the
// sample shard. It streams as [SampleWriter] does, and is for one goroutine.
// Exactly one of Commit and Abort must be called; Abort may follow Commit.
type CaptionWriter struct {
	w *fileWriter[schemas.CaptionRow]
}

// NewCaptionWriter starts a file whose schema carries meta.
func NewCaptionWriter(cfg WriterConfig, meta map[string]string) (*CaptionWriter, error) {
	build := func(mem memory.Allocator, schema *arrow.Schema) rowBuilder[schemas.CaptionRow] {
		return schemas.NewCaptionBuilder(mem, schema)
	}
	w, err := newFileWriter(cfg, schemas.Captions(meta), build, captionBytes)
	if err != nil {
		return nil, err
	}
	return &CaptionWriter{w}, nil
}

// Append adds one row and copies what it needs of it. A row that can't be one
// is [schemas.ErrMalformed], one that exceeds the file's bounds [ErrFull]; both
// leave the file as it was. After any other error only Abort makes sense.
func (w *CaptionWriter) Append(c schemas.CaptionRow) error {
	texts := []string{c.Key, string(c.Status), string(c.Reason)}
	for _, t := range c.Captions {
		texts = append(texts, t.Text, t.Prompt, string(t.Finish))
		for name := range t.Scores {
			texts = append(texts, name)
		}
	}
	if err := checkText(c.Key, texts...); err != nil {
		return err
	}
	return w.w.append(c)
}

// Commit uploads the file under key, which must be this attempt's own, and
// describes it for the receipt. Until that is committed the file belongs to
// nothing.
func (w *CaptionWriter) Commit(ctx context.Context, st Store, key string) (schemas.File, error) {
	file, err := w.w.finish(func(f schemas.File, sp *spool) error { return put(ctx, st, key, f, sp) })
	if err != nil {
		return schemas.File{}, fmt.Errorf("commit captions: %w", err)
	}
	return file, nil
}

// Abort drops the file. After Commit it does nothing.
func (w *CaptionWriter) Abort() { w.w.abort() }

// captionBytes is about what a row takes in a file.
func captionBytes(c schemas.CaptionRow) int64 {
	n := 72 + len(c.Key) + len(c.Status) + len(c.Reason)
	for _, t := range c.Captions {
		n += 40 + len(t.Text) + len(t.Prompt) + len(t.Finish)
		for name := range t.Scores {
			n += 8 + len(name)
		}
	}
	return int64(n)
}

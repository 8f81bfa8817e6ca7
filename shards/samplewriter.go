package shards

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"recaption/schemas"
)

// SampleWriter writes one sample shard. It streams: in memory are the record
// batch being built and what came before it, that up to 16 MiB; of a larger
// shard all that came before is on disk, under no name. It is for one
// goroutine. Exactly one of Commit and Abort must be called; Abort may follow
// Commit.
type SampleWriter struct {
	w     *fileWriter[schemas.Sample]
	shard schemas.Shard
}

// NewSampleWriter starts a shard whose schema carries meta. The shard is named
// by its bytes, so meta must be the same whenever the same samples are cut: no
// times, no hosts.
func NewSampleWriter(cfg WriterConfig, meta map[string]string) (*SampleWriter, error) {
	build := func(mem memory.Allocator, schema *arrow.Schema) rowBuilder[schemas.Sample] {
		return schemas.NewSampleBuilder(mem, schema)
	}
	w, err := newFileWriter(cfg, schemas.Samples(meta), build, sampleBytes)
	if err != nil {
		return nil, err
	}
	return &SampleWriter{w, schemas.Shard{Statuses: map[schemas.SampleStatus]int{}}}, nil
}

// Fits tells whether s can be appended. The first sample always can.
func (w *SampleWriter) Fits(s schemas.Sample) bool { return w.w.fits(s) }

// Append adds one sample and copies what it needs of it. A sample that can't
// be a row is [schemas.ErrMalformed], one that exceeds the shard's bounds
// [ErrFull]; both leave the shard as it was. After any other error only Abort
// makes sense.
func (w *SampleWriter) Append(s schemas.Sample) error {
	texts := []string{s.Key, s.MediaType, string(s.Context), string(s.Status), string(s.Reason)}
	if s.AltText != nil {
		texts = append(texts, *s.AltText)
	}
	if err := checkText(s.Key, texts...); err != nil {
		return err
	}
	if err := w.w.append(s); err != nil {
		return err
	}
	w.shard.Statuses[s.Status]++
	if s.Reason != "" {
		if w.shard.Reasons == nil {
			w.shard.Reasons = map[schemas.Reason]int{}
		}
		w.shard.Reasons[s.Reason]++
	}
	return nil
}

// Commit uploads the shard under the name that follows from its bytes, unless
// it rests there already, and describes it for the part record. Until that
// record is committed the shard belongs to nothing.
func (w *SampleWriter) Commit(ctx context.Context, st Store, d schemas.DatasetID) (schemas.Shard, error) {
	file, err := w.w.finish(func(f schemas.File, sp *spool) error {
		w.shard.ID = schemas.ShardID(f.SHA256.String())
		key := SampleShardKey(d, w.shard.ID)
		rests, err := restsAlready(ctx, st, key, f)
		if err != nil || rests {
			return err
		}
		return put(ctx, st, key, f, sp)
	})
	if err != nil {
		return schemas.Shard{}, fmt.Errorf("commit sample shard: %w", err)
	}
	w.shard.File = file
	return w.shard, nil
}

// Abort drops the shard. After Commit it does nothing.
func (w *SampleWriter) Abort() { w.w.abort() }

// restsAlready tells whether key holds the file. The key is the digest of the
// whole, so its size and its footer are held against it alone, in one request.
func restsAlready(ctx context.Context, st Store, key string, f schemas.File) (bool, error) {
	tail, err := st.ReadTail(ctx, key, f.Footer.Bytes)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return tail.Size == f.Bytes && schemas.Sum(tail.Bytes) == f.Footer.SHA256, nil
}

// sampleBytes is about what a sample takes in a file.
func sampleBytes(s schemas.Sample) int64 {
	n := len(s.Key) + len(s.Image) + len(s.MediaType) + len(s.Context) + len(s.Status) + len(s.Reason)
	if s.AltText != nil {
		n += len(*s.AltText)
	}
	return int64(n) + 72 // digest, sizes, offsets
}

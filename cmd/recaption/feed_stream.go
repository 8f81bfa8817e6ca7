package main

import (
	"io"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"recaption/schemas"
	"recaption/trainer/feed"
)

// feedBatchBytes ends a record batch of large pictures early.
const feedBatchBytes = 16 << 20

// feedStream writes samples as an Arrow stream.
type feedStream struct {
	w     *ipc.Writer
	b     *array.RecordBuilder
	most  int // samples of a record batch
	rows  int
	bytes int
}

// newFeedStream begins a stream. Whatever comes, release must be called.
func newFeedStream(w io.Writer, l schemas.EpochList, rows int) *feedStream {
	meta := arrow.NewMetadata(
		[]string{"recaption.training", "recaption.epoch", "recaption.policy", "recaption.rows"},
		[]string{string(l.Training), strconv.Itoa(l.Epoch), string(l.PolicyID), strconv.FormatInt(l.Rows(), 10)},
	)
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "position", Type: arrow.PrimitiveTypes.Int64},
		{Name: "dataset", Type: arrow.BinaryTypes.String},
		{Name: "key", Type: arrow.BinaryTypes.String},
		{Name: "image", Type: arrow.BinaryTypes.Binary},
		{Name: "media_type", Type: arrow.BinaryTypes.String},
		{Name: "text", Type: arrow.BinaryTypes.String},
		{Name: "kind", Type: arrow.BinaryTypes.String},
	}, &meta)
	return &feedStream{
		w:    ipc.NewWriter(w, ipc.WithSchema(schema)),
		b:    array.NewRecordBuilder(memory.DefaultAllocator, schema),
		most: rows,
	}
}

// add writes a sample, at some time until close.
func (s *feedStream) add(x feed.Sample) error {
	s.b.Field(0).(*array.Int64Builder).Append(x.Position)
	s.b.Field(1).(*array.StringBuilder).Append(string(x.Dataset))
	s.b.Field(2).(*array.StringBuilder).Append(x.Key)
	s.b.Field(3).(*array.BinaryBuilder).Append(x.Image)
	s.b.Field(4).(*array.StringBuilder).Append(x.MediaType)
	s.b.Field(5).(*array.StringBuilder).Append(x.Text.Text)
	s.b.Field(6).(*array.StringBuilder).Append(string(x.Kind))
	s.rows++
	s.bytes += len(x.Image)
	if s.rows < s.most && s.bytes < feedBatchBytes {
		return nil
	}
	return s.flush()
}

func (s *feedStream) flush() error {
	rec := s.b.NewRecord()
	defer rec.Release()
	s.rows, s.bytes = 0, 0
	return s.w.Write(rec)
}

// close writes what is left and the stream's end.
func (s *feedStream) close() error {
	if s.rows > 0 {
		if err := s.flush(); err != nil {
			return err
		}
	}
	return s.w.Close()
}

func (s *feedStream) release() { s.b.Release() }

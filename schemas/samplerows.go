package schemas

import (
	"encoding/json"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// SampleBuilder collects samples into record batches.
type SampleBuilder struct {
	b            *array.RecordBuilder
	images, last int // bytes of images in this batch, and in the one before
}

// reserveMost bounds the memory set aside for a batch's images before they come.
const reserveMost = 8 << 20

// NewSampleBuilder makes a builder for schema, which [Samples] gave. Release
// must be called.
func NewSampleBuilder(mem memory.Allocator, schema *arrow.Schema) *SampleBuilder {
	return &SampleBuilder{b: array.NewRecordBuilder(mem, schema)}
}

// Release frees what was not taken by NewRecord.
func (b *SampleBuilder) Release() { b.b.Release() }

// Append adds one sample. It copies what it needs.
func (b *SampleBuilder) Append(s Sample) error {
	if s.Key == "" {
		return fmt.Errorf("%w: sample without a key", ErrMalformed)
	}
	if !s.Status.valid() {
		return fmt.Errorf("%w: sample %q: status %q; want one of %v", ErrMalformed, s.Key, s.Status, SampleStatuses())
	}
	if s.Context != nil && !json.Valid(s.Context) {
		return fmt.Errorf("%w: sample %q: context is not JSON", ErrMalformed, s.Key)
	}
	r := b.b
	r.Field(0).(*array.StringBuilder).Append(s.Key)
	if s.Image == nil {
		r.Field(1).AppendNull()
	} else {
		images := r.Field(1).(*array.BinaryBuilder)
		if b.images == 0 { // growing to the usual size costs a copy at each doubling
			images.ReserveData(min(b.last, reserveMost))
		}
		images.Append(s.Image)
		b.images += len(s.Image)
	}
	appendDigest(r.Field(2).(*array.FixedSizeBinaryBuilder), s.ImageSHA256)
	r.Field(3).(*array.StringBuilder).Append(s.MediaType)
	r.Field(4).(*array.Int32Builder).Append(s.Width)
	r.Field(5).(*array.Int32Builder).Append(s.Height)
	if s.AltText == nil {
		r.Field(6).AppendNull()
	} else {
		r.Field(6).(*array.StringBuilder).Append(*s.AltText)
	}
	context := string(s.Context)
	if s.Context == nil {
		context = "{}"
	}
	r.Field(7).(*array.StringBuilder).Append(context)
	r.Field(8).(*array.StringBuilder).Append(string(s.Status))
	r.Field(9).(*array.StringBuilder).Append(string(s.Reason))
	return nil
}

// NewRecord gives the samples appended since the last call and starts anew.
// The caller releases it.
func (b *SampleBuilder) NewRecord() arrow.Record {
	b.last, b.images = b.images, 0
	return b.b.NewRecord()
}

// SampleRows reads the samples of a record batch.
type SampleRows struct {
	key, media, alt, context, status, reason *array.String
	image                                    *array.Binary
	digest                                   *array.FixedSizeBinary
	width, height                            *array.Int32
}

// NewSampleRows views rec, whose schema must be samples/1. The view lives as
// long as rec.
func NewSampleRows(rec arrow.Record) (SampleRows, error) {
	if err := CheckSchema(rec.Schema(), SamplesSchema); err != nil {
		return SampleRows{}, err
	}
	return SampleRows{
		key:     rec.Column(0).(*array.String),
		image:   rec.Column(1).(*array.Binary),
		digest:  rec.Column(2).(*array.FixedSizeBinary),
		media:   rec.Column(3).(*array.String),
		width:   rec.Column(4).(*array.Int32),
		height:  rec.Column(5).(*array.Int32),
		alt:     rec.Column(6).(*array.String),
		context: rec.Column(7).(*array.String),
		status:  rec.Column(8).(*array.String),
		reason:  rec.Column(9).(*array.String),
	}, nil
}

// Len is the number of rows.
func (r SampleRows) Len() int { return r.key.Len() }

// At gives row i. Its image is the batch's own memory: valid until the batch
// is released, and not to be written to.
func (r SampleRows) At(i int) Sample {
	s := Sample{
		Key:       clone(r.key.Value(i)),
		MediaType: clone(r.media.Value(i)),
		Width:     r.width.Value(i),
		Height:    r.height.Value(i),
		Status:    SampleStatus(clone(r.status.Value(i))),
		Reason:    Reason(clone(r.reason.Value(i))),
	}
	if r.image.IsValid(i) {
		s.Image = r.image.Value(i)
		if s.Image == nil {
			s.Image = []byte{} // there, and empty
		}
	}
	if r.digest.IsValid(i) {
		s.ImageSHA256 = Digest(r.digest.Value(i))
	}
	if r.alt.IsValid(i) {
		alt := clone(r.alt.Value(i))
		s.AltText = &alt
	}
	if c := r.context.Value(i); c != "{}" {
		s.Context = json.RawMessage(clone(c))
	}
	return s
}

func appendDigest(b *array.FixedSizeBinaryBuilder, d Digest) {
	if d.IsZero() {
		b.AppendNull()
		return
	}
	b.Append(d[:])
}

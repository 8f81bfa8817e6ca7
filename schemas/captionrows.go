package schemas

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// CaptionBuilder collects caption rows into record batches.
type CaptionBuilder struct{ b *array.RecordBuilder }

// NewCaptionBuilder makes a builder for schema, which [Captions] gave. Release
// must be called.
func NewCaptionBuilder(mem memory.Allocator, schema *arrow.Schema) *CaptionBuilder {
	return &CaptionBuilder{array.NewRecordBuilder(mem, schema)}
}

// Release frees what was not taken by NewRecord.
func (b *CaptionBuilder) Release() { b.b.Release() }

// Append adds one row.
func (b *CaptionBuilder) Append(c CaptionRow) error {
	if c.Key == "" {
		return fmt.Errorf("%w: caption row without a key", ErrMalformed)
	}
	if !c.Status.valid() {
		return fmt.Errorf("%w: caption row %q: status %q; want one of %v", ErrMalformed, c.Key, c.Status, RowStatuses())
	}
	r := b.b
	r.Field(0).(*array.StringBuilder).Append(c.Key)
	appendDigest(r.Field(1).(*array.FixedSizeBinaryBuilder), c.ImageSHA256)
	r.Field(2).(*array.FixedSizeBinaryBuilder).Append(c.InputSHA256[:])
	r.Field(3).(*array.StringBuilder).Append(string(c.Status))
	r.Field(4).(*array.StringBuilder).Append(string(c.Reason))
	list := r.Field(5).(*array.ListBuilder)
	list.Append(true)
	item := list.ValueBuilder().(*array.StructBuilder)
	for _, t := range c.Captions {
		item.Append(true)
		item.FieldBuilder(0).(*array.StringBuilder).Append(t.Text)
		item.FieldBuilder(1).(*array.StringBuilder).Append(t.Prompt)
		item.FieldBuilder(2).(*array.Int64Builder).Append(t.Seed)
		item.FieldBuilder(3).(*array.Int32Builder).Append(t.Tokens)
		item.FieldBuilder(4).(*array.StringBuilder).Append(string(t.Finish))
		item.FieldBuilder(5).(*array.Float32Builder).Append(t.LogProb)
		scores := item.FieldBuilder(6).(*array.MapBuilder)
		scores.Append(true)
		for _, name := range slices.Sorted(maps.Keys(t.Scores)) {
			scores.KeyBuilder().(*array.StringBuilder).Append(name)
			scores.ItemBuilder().(*array.Float32Builder).Append(t.Scores[name])
		}
	}
	return nil
}

// NewRecord gives the rows appended since the last call and starts anew. The
// caller releases it.
func (b *CaptionBuilder) NewRecord() arrow.Record { return b.b.NewRecord() }

// CaptionRows reads the rows of a record batch.
type CaptionRows struct {
	key, status, reason  *array.String
	image, input         *array.FixedSizeBinary
	list                 *array.List
	text, prompt, finish *array.String
	seed                 *array.Int64
	tokens               *array.Int32
	logprob              *array.Float32
	scores               *array.Map
	scoreName            *array.String
	score                *array.Float32
}

// NewCaptionRows views rec, whose schema must be captions/1. The view lives as
// long as rec.
func NewCaptionRows(rec arrow.Record) (CaptionRows, error) {
	if err := CheckSchema(rec.Schema(), CaptionsSchema); err != nil {
		return CaptionRows{}, err
	}
	list := rec.Column(5).(*array.List)
	item := list.ListValues().(*array.Struct)
	scores := item.Field(6).(*array.Map)
	return CaptionRows{
		key:       rec.Column(0).(*array.String),
		image:     rec.Column(1).(*array.FixedSizeBinary),
		input:     rec.Column(2).(*array.FixedSizeBinary),
		status:    rec.Column(3).(*array.String),
		reason:    rec.Column(4).(*array.String),
		list:      list,
		text:      item.Field(0).(*array.String),
		prompt:    item.Field(1).(*array.String),
		seed:      item.Field(2).(*array.Int64),
		tokens:    item.Field(3).(*array.Int32),
		finish:    item.Field(4).(*array.String),
		logprob:   item.Field(5).(*array.Float32),
		scores:    scores,
		scoreName: scores.Keys().(*array.String),
		score:     scores.Items().(*array.Float32),
	}, nil
}

// Len is the number of rows.
func (r CaptionRows) Len() int { return r.key.Len() }

// At gives row i, copied out of the batch.
func (r CaptionRows) At(i int) CaptionRow {
	c := CaptionRow{
		Key:         clone(r.key.Value(i)),
		InputSHA256: Digest(r.input.Value(i)),
		Status:      RowStatus(clone(r.status.Value(i))),
		Reason:      Reason(clone(r.reason.Value(i))),
	}
	if r.image.IsValid(i) {
		c.ImageSHA256 = Digest(r.image.Value(i))
	}
	from, to := r.list.ValueOffsets(i)
	for j := int(from); j < int(to); j++ {
		t := Caption{
			Text:    clone(r.text.Value(j)),
			Prompt:  clone(r.prompt.Value(j)),
			Seed:    r.seed.Value(j),
			Tokens:  r.tokens.Value(j),
			Finish:  Finish(clone(r.finish.Value(j))),
			LogProb: r.logprob.Value(j),
		}
		if a, b := r.scores.ValueOffsets(j); b > a {
			t.Scores = make(map[string]float32, b-a)
			for k := int(a); k < int(b); k++ {
				t.Scores[clone(r.scoreName.Value(k))] = r.score.Value(k)
			}
		}
		c.Captions = append(c.Captions, t)
	}
	return c
}

// clone copies a string that Arrow's memory backs.
func clone(s string) string { return strings.Clone(s) }

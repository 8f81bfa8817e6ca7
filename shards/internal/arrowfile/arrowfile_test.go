package arrowfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	flatbuffers "github.com/google/flatbuffers/go"

	"recaption/schemas"
)

// seeker lets Arrow's writer ask where it is.
type seeker struct{ bytes.Buffer }

func (s *seeker) Seek(int64, int) (int64, error) { return int64(s.Len()), nil }

// file writes records by Arrow's own writer.
func file(t testing.TB, schema *arrow.Schema, opts []ipc.Option, recs ...arrow.Record) []byte {
	t.Helper()
	var s seeker
	w, err := ipc.NewFileWriter(&s, append(opts, ipc.WithSchema(schema))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range recs {
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return s.Bytes()
}

func samples(t testing.TB, from, n int) arrow.Record {
	t.Helper()
	b := schemas.NewSampleBuilder(memory.DefaultAllocator, schemas.Samples(map[string]string{"b": "2", "a": "1"}))
	defer b.Release()
	for i := from; i < from+n; i++ {
		alt := strings.Repeat("ä", i%5)
		s := schemas.Sample{Key: fmt.Sprint(i), Image: bytes.Repeat([]byte{byte(i)}, i*3%17), AltText: &alt, Width: int32(i), Status: schemas.SampleOK}
		if i%3 == 1 {
			s.Image, s.AltText, s.Context = nil, nil, []byte(`{"n":1}`)
		}
		if i%4 == 1 {
			s.ImageSHA256 = schemas.Sum([]byte(s.Key))
		}
		if err := b.Append(s); err != nil {
			t.Fatal(err)
		}
	}
	return b.NewRecord()
}

func captions(t testing.TB, from, n int) arrow.Record {
	t.Helper()
	b := schemas.NewCaptionBuilder(memory.DefaultAllocator, schemas.Captions(nil))
	defer b.Release()
	for i := from; i < from+n; i++ {
		row := schemas.CaptionRow{Key: fmt.Sprint(i), Status: schemas.RowCaptioned}
		for j := range i % 4 {
			c := schemas.Caption{Text: strings.Repeat("star ", i%7), Seed: int64(i), LogProb: float32(-j), Scores: map[string]float32{}}
			for k := range j {
				c.Scores[fmt.Sprint(k)] = float32(k)
			}
			row.Captions = append(row.Captions, c)
		}
		if err := b.Append(row); err != nil {
			t.Fatal(err)
		}
	}
	return b.NewRecord()
}

// read reads a whole file and touches every value of it.
func read(b []byte) ([]arrow.Record, *Footer, error) {
	at, err := FooterAt(b, int64(len(b)))
	if err != nil {
		return nil, nil, err
	}
	f, err := ParseFooter(b[at:], at)
	if err != nil {
		return nil, nil, err
	}
	var recs []arrow.Record
	for _, blk := range f.Blocks {
		batch := append([]byte{}, b[blk.Offset:blk.Offset+blk.Bytes()]...)
		rec, err := f.Record(batch, blk)
		if err != nil {
			return recs, f, err
		}
		for _, col := range rec.Columns() {
			_ = col.String()
		}
		recs = append(recs, rec)
	}
	return recs, f, nil
}

// TestAsArrow: what Arrow's own writer wrote is read as Arrow's own reader
// reads it.
func TestAsArrow(t *testing.T) {
	for name, recs := range map[string][]arrow.Record{
		"samples":  {samples(t, 0, 64), samples(t, 64, 1), samples(t, 65, 100)},
		"captions": {captions(t, 0, 64), captions(t, 64, 1), captions(t, 65, 100)},
		"no rows":  {samples(t, 0, 0)},
		"empty":    {captions(t, 0, 0), captions(t, 0, 1)}, // a row without a caption
	} {
		t.Run(name, func(t *testing.T) {
			schema := recs[0].Schema()
			b := file(t, schema, nil, recs...)
			got, footer, err := read(b)
			if err != nil {
				t.Fatal(err)
			}
			if !footer.Schema.Equal(schema) || !footer.Schema.Metadata().Equal(schema.Metadata()) {
				t.Errorf("schema %v; want %v", footer.Schema, schema)
			}
			theirs, err := ipc.NewFileReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			defer theirs.Close()
			if len(got) != theirs.NumRecords() {
				t.Fatalf("%d records; want %d", len(got), theirs.NumRecords())
			}
			for i := range got {
				want, err := theirs.Record(i)
				if err != nil {
					t.Fatal(err)
				}
				if !array.RecordEqual(got[i], want) || !array.RecordEqual(got[i], recs[i]) {
					t.Errorf("record %d:\n%v\nwant:\n%v", i, got[i], want)
				}
			}
		})
	}
}

func TestRefused(t *testing.T) {
	one := func(typ arrow.DataType, nullable bool, build func(array.Builder)) []byte {
		schema := arrow.NewSchema([]arrow.Field{{Name: "f", Type: typ, Nullable: nullable}}, nil)
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		defer b.Release()
		build(b.Field(0))
		return file(t, schema, nil, b.NewRecord())
	}
	rec := samples(t, 0, 50)
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"zstd", file(t, rec.Schema(), []ipc.Option{ipc.WithZstd()}, rec), "compressed"},
		{"lz4", file(t, rec.Schema(), []ipc.Option{ipc.WithLZ4()}, rec), "compressed"},
		{"a type", one(arrow.PrimitiveTypes.Int16, false, func(b array.Builder) { b.AppendEmptyValue() }), "type 2"},
		{"unsigned", one(arrow.PrimitiveTypes.Uint32, false, func(b array.Builder) { b.AppendEmptyValue() }), "type 2"},
		{"null", one(arrow.Null, true, func(b array.Builder) { b.AppendNull() }), "type 1"},
		{"dictionary", one(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, true, func(b array.Builder) { b.AppendEmptyValue() }), "dictionar"},
		{"nulls", one(arrow.BinaryTypes.String, false, func(b array.Builder) { b.AppendNull() }), "nulls where none are allowed"},
		{"bytes as text", one(arrow.BinaryTypes.String, false, func(b array.Builder) { b.(*array.StringBuilder).Append("a\xff") }), "not UTF-8"},
		{"half a character", one(arrow.BinaryTypes.String, false, func(b array.Builder) {
			b.(*array.StringBuilder).Append("\xc3")
			b.(*array.StringBuilder).Append("\xa4")
		}), "inside a character"},
		{"nothing", nil, "too few"},
		{"short", []byte("ARROW1\x00\x00ARROW1"), "too few"},
		{"no magic", bytes.Repeat([]byte{1}, 100), "does not end"},
		{"footer of nothing", append(make([]byte, 40), "\x00\x00\x00\x00ARROW1"...), "footer of 0"},
		{"footer of all", append(make([]byte, 40), "\xff\xff\xff\x7fARROW1"...), "footer of 2147483647"},
	} {
		_, _, err := read(test.file)
		if !errors.Is(err, ErrMalformed) || !strings.Contains(fmt.Sprint(err), test.want) {
			t.Errorf("%s: %v; want ErrMalformed with %q", test.name, err, test.want)
		}
	}
}

// TestTree: a few tables that refer to each other spell out a schema of 2^15
// fields.
func TestTree(t *testing.T) {
	b := flatbuffers.NewBuilder(0)
	vec := func(offs ...flatbuffers.UOffsetT) flatbuffers.UOffsetT {
		b.StartVector(4, len(offs), 4)
		for _, o := range offs {
			b.PrependUOffsetT(o)
		}
		return b.EndVector(len(offs))
	}
	table := func(slots int, set func()) flatbuffers.UOffsetT {
		b.StartObject(slots)
		set()
		return b.EndObject()
	}
	utf8 := table(0, func() {})
	field := table(7, func() { b.PrependByteSlot(2, typeUtf8, 0); b.PrependUOffsetTSlot(3, utf8, 0) })
	for range 14 {
		children := vec(field, field)
		typ := table(0, func() {})
		field = table(7, func() {
			b.PrependByteSlot(2, typeStruct, 0)
			b.PrependUOffsetTSlot(3, typ, 0)
			b.PrependUOffsetTSlot(5, children, 0)
		})
	}
	fields := vec(field)
	schema := table(4, func() { b.PrependUOffsetTSlot(1, fields, 0) })
	b.Finish(table(5, func() { b.PrependInt16Slot(0, metadataV5, 0); b.PrependUOffsetTSlot(1, schema, 0) }))
	fb := b.FinishedBytes()
	footer := append(append([]byte{}, fb...), byte(len(fb)), byte(len(fb)>>8), 0, 0)
	_, err := ParseFooter(append(footer, magic...), headBytes)
	if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%v; want ErrMalformed for the number of fields", err)
	}
}

func TestHead(t *testing.T) {
	if err := CheckHead([]byte("ARROW1\x00\x00")); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "ARROW1", "arrow1\x00\x00"} {
		if err := CheckHead([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v; want ErrMalformed", bad, err)
		}
	}
}

// TestArrowTesting reads what crashed other readers.
func TestArrowTesting(t *testing.T) {
	files, err := filepath.Glob("testdata/arrow-testing/*")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	refused := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := read(b); err != nil {
			if refused++; !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %v; want ErrMalformed or records", name, err)
			}
		}
	}
	t.Logf("%d of %d refused", refused, len(files))
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/arrow-testing/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	rec := samples(f, 0, 5)
	f.Add(file(f, rec.Schema(), nil, rec))
	rec = captions(f, 0, 5)
	f.Add(file(f, rec.Schema(), nil, rec, rec))
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := read(b)
		runtime.ReadMemStats(&after)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%v; want ErrMalformed", err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > uint64(2<<20+200*len(b)) {
			t.Errorf("%d bytes made %d of memory", len(b), got)
		}
	})
}

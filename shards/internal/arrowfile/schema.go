package arrowfile

import (
	"github.com/apache/arrow/go/v17/arrow"
)

// Numbers of the format, from Schema.fbs and Message.fbs of Apache Arrow.
const (
	metadataV4 = 3
	metadataV5 = 4

	headerRecordBatch = 3

	typeInt             = 2
	typeFloat           = 3
	typeBinary          = 4
	typeUtf8            = 5
	typeList            = 12
	typeStruct          = 13
	typeFixedSizeBinary = 15
	typeMap             = 17

	precisionSingle = 1
	precisionDouble = 2
)

const (
	maxFields = 1024 // of a schema, nested ones included
	maxDepth  = 16   // of nested fields
	maxText   = 1 << 20
)

// schemaReader reads a schema. The count of fields bounds the work: tables may
// be shared, so a small file could spell out a tree without end.
type schemaReader struct {
	*flat
	fields int
	text   int
}

func readSchema(f *flat, t table) *arrow.Schema {
	r := &schemaReader{flat: f}
	if e := f.uint16(t, 0, 0); e != 0 {
		f.fail("a big-endian file")
	}
	var fields []arrow.Field
	f.tables(t, 1, func(t table) { fields = append(fields, r.field(t, 0)) })
	var keys, values []string
	f.tables(t, 2, func(t table) {
		keys, values = append(keys, r.string(t, 0)), append(values, r.string(t, 1))
	})
	if f.err != nil {
		return nil
	}
	meta := arrow.NewMetadata(keys, values)
	return arrow.NewSchema(fields, &meta)
}

func (r *schemaReader) string(t table, slot int) string {
	s := r.flat.text(t, slot)
	if r.text += len(s); r.text > maxText {
		r.fail("names and metadata of more than %d bytes", maxText)
		return ""
	}
	return s
}

func (r *schemaReader) field(t table, depth int) arrow.Field {
	if r.fields++; r.fields > maxFields || depth > maxDepth {
		r.fail("more than %d fields, or deeper than %d", maxFields, maxDepth)
		return arrow.Field{}
	}
	field := arrow.Field{Name: r.string(t, 0), Nullable: r.uint8(t, 1, 0) != 0}
	if _, ok := r.table(t, 4); ok {
		r.fail("field %q: a dictionary", field.Name)
	}
	kind := r.uint8(t, 2, 0)
	typ, _ := r.table(t, 3)
	var children []arrow.Field
	r.tables(t, 5, func(t table) { children = append(children, r.field(t, depth+1)) })
	if r.err != nil {
		return arrow.Field{}
	}
	field.Type = r.dataType(kind, typ, children)
	if field.Type == nil {
		r.fail("field %q: type %d with %d children is not used by this program's schemas", field.Name, kind, len(children))
	}
	return field
}

// dataType gives the type, nil where no schema has it.
func (r *schemaReader) dataType(kind uint8, t table, children []arrow.Field) arrow.DataType {
	switch kind {
	case typeList:
		if len(children) == 1 {
			return arrow.ListOfField(children[0])
		}
		return nil
	case typeStruct:
		if len(children) > 0 {
			return arrow.StructOf(children...)
		}
		return nil
	case typeMap:
		return mapType(children, r.uint8(t, 0, 0) != 0)
	}
	if len(children) > 0 {
		return nil
	}
	switch kind {
	case typeUtf8:
		return arrow.BinaryTypes.String
	case typeBinary:
		return arrow.BinaryTypes.Binary
	case typeFixedSizeBinary:
		if w := r.int32(t, 0, 0); w > 0 && w <= 1<<16 {
			return &arrow.FixedSizeBinaryType{ByteWidth: int(w)}
		}
	case typeInt:
		if r.uint8(t, 1, 0) == 0 {
			return nil
		}
		switch r.int32(t, 0, 0) {
		case 32:
			return arrow.PrimitiveTypes.Int32
		case 64:
			return arrow.PrimitiveTypes.Int64
		}
	case typeFloat:
		switch r.uint16(t, 0, 0) {
		case precisionSingle:
			return arrow.PrimitiveTypes.Float32
		case precisionDouble:
			return arrow.PrimitiveTypes.Float64
		}
	}
	return nil
}

func mapType(children []arrow.Field, sorted bool) arrow.DataType {
	if len(children) != 1 || children[0].Nullable {
		return nil
	}
	pair, ok := children[0].Type.(*arrow.StructType)
	if !ok || pair.NumFields() != 2 || pair.Field(0).Nullable {
		return nil
	}
	m := arrow.MapOf(pair.Field(0).Type, pair.Field(1).Type)
	m.SetItemNullable(pair.Field(1).Nullable)
	m.KeysSorted = sorted
	return m
}

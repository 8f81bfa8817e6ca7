package schemas

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
)

// The schemas written now. Readers accept these names; one that is raised is
// read for a release before it is written.
const (
	SamplesSchema  = "samples/1"
	CaptionsSchema = "captions/1"
)

// The keys of a file's metadata: enough to understand the file alone.
const (
	MetaSchema      = "recaption.schema"
	MetaFingerprint = "recaption.fingerprint"
	MetaDataset     = "recaption.dataset"
	MetaShard       = "recaption.shard"
	MetaRecipe      = "recaption.recipe"
	MetaGeneration  = "recaption.generation"
	MetaModel       = "recaption.model"
	MetaProgram     = "recaption.program"
)

func digestType() *arrow.FixedSizeBinaryType {
	return &arrow.FixedSizeBinaryType{ByteWidth: sha256.Size}
}

func sampleFields() []arrow.Field {
	return []arrow.Field{
		{Name: "key", Type: arrow.BinaryTypes.String},
		{Name: "image", Type: arrow.BinaryTypes.Binary, Nullable: true},
		{Name: "image_sha256", Type: digestType(), Nullable: true},
		{Name: "media_type", Type: arrow.BinaryTypes.String},
		{Name: "width", Type: arrow.PrimitiveTypes.Int32},
		{Name: "height", Type: arrow.PrimitiveTypes.Int32},
		{Name: "alt_text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "context", Type: arrow.BinaryTypes.String},
		{Name: "status", Type: arrow.BinaryTypes.String},
		{Name: "reason", Type: arrow.BinaryTypes.String},
	}
}

func captionFields() []arrow.Field {
	caption := arrow.StructOf(
		arrow.Field{Name: "text", Type: arrow.BinaryTypes.String},
		arrow.Field{Name: "prompt", Type: arrow.BinaryTypes.String},
		arrow.Field{Name: "seed", Type: arrow.PrimitiveTypes.Int64},
		arrow.Field{Name: "tokens", Type: arrow.PrimitiveTypes.Int32},
		arrow.Field{Name: "finish", Type: arrow.BinaryTypes.String},
		arrow.Field{Name: "logprob", Type: arrow.PrimitiveTypes.Float32},
		arrow.Field{Name: "scores", Type: arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Float32)},
	)
	return []arrow.Field{
		{Name: "key", Type: arrow.BinaryTypes.String},
		{Name: "image_sha256", Type: digestType(), Nullable: true},
		{Name: "input_sha256", Type: digestType()},
		{Name: "status", Type: arrow.BinaryTypes.String},
		{Name: "reason", Type: arrow.BinaryTypes.String},
		{Name: "captions", Type: arrow.ListOfField(arrow.Field{Name: "item", Type: caption})},
	}
}

// Samples gives the Arrow schema samples/1 with metadata. Equal arguments give
// equal schemas, byte for byte.
func Samples(meta map[string]string) *arrow.Schema {
	return withMeta(SamplesSchema, sampleFields(), meta)
}

// Captions gives the Arrow schema captions/1 with metadata.
func Captions(meta map[string]string) *arrow.Schema {
	return withMeta(CaptionsSchema, captionFields(), meta)
}

func withMeta(name string, fields []arrow.Field, meta map[string]string) *arrow.Schema {
	all := map[string]string{MetaSchema: name, MetaFingerprint: fingerprint(fields)}
	for k, v := range meta {
		all[k] = v
	}
	var keys, values []string
	for k := range all {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		values = append(values, all[k])
	}
	m := arrow.NewMetadata(keys, values)
	return arrow.NewSchema(fields, &m)
}

// fingerprint digests the names, types and nullability of a schema's fields. It
// leaves out metadata.
func fingerprint(fields []arrow.Field) string {
	var b strings.Builder
	for _, f := range fields {
		describeField(&b, f)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:8])
}

// describeField writes one line a field, nested ones indented by their parent.
func describeField(b *strings.Builder, f arrow.Field) {
	null := ""
	if f.Nullable {
		null = "?"
	}
	fmt.Fprintf(b, "%s %s%s(", f.Name, f.Type.Name(), null)
	switch t := f.Type.(type) {
	case *arrow.FixedSizeBinaryType:
		fmt.Fprint(b, t.ByteWidth)
	case arrow.NestedType:
		for _, c := range t.Fields() {
			describeField(b, c)
		}
	}
	b.WriteString(")\n")
}

// CheckSchema tells whether s is the schema of that name, field for field. It
// returns [ErrVersion] for a later version and [ErrMalformed] otherwise.
func CheckSchema(s *arrow.Schema, name string) error {
	var want []arrow.Field
	switch name {
	case SamplesSchema:
		want = sampleFields()
	case CaptionsSchema:
		want = captionFields()
	default:
		return fmt.Errorf("%w: schema %q", ErrVersion, name)
	}
	meta := s.Metadata()
	if i := meta.FindKey(MetaSchema); i < 0 {
		return fmt.Errorf("%w: no schema name in the metadata; want %s", ErrMalformed, name)
	} else if got := meta.Values()[i]; got != name {
		if sameKind(got, name) {
			return fmt.Errorf("%w: schema %q; this program reads %s", ErrVersion, got, name)
		}
		return fmt.Errorf("%w: schema %q; want %s", ErrMalformed, got, name)
	}
	if got, want := fingerprint(s.Fields()), fingerprint(want); got != want {
		return fmt.Errorf("%w: schema %s: its fields have fingerprint %s; want %s", ErrMalformed, name, got, want)
	}
	return nil
}

func sameKind(a, b string) bool {
	ka, _, _ := strings.Cut(a, "/")
	kb, _, _ := strings.Cut(b, "/")
	return ka == kb
}

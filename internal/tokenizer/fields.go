package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// UnsupportedError says that a file asks for something this package doesn't do.
type UnsupportedError struct {
	Field string // where in the file: "pre_tokenizer.pretokenizers[1].type"
	Value string // what it asks for, as JSON
	Want  string // what would be supported; may be empty
}

func (e *UnsupportedError) Error() string {
	s := fmt.Sprintf("%s: %s is not supported", e.Field, e.Value)
	if e.Want != "" {
		s += "; supported: " + e.Want
	}
	return s
}

// fields reads the fields of one JSON object. The first fault stays in err and
// later calls do nothing. Fields nobody asked for are a fault.
type fields struct {
	at   string // path of the object; "" for the file
	left map[string]json.RawMessage
	err  error
}

func readFields(raw json.RawMessage, at string) *fields {
	f := &fields{at: at}
	if err := json.Unmarshal(raw, &f.left); err != nil {
		f.err = fmt.Errorf("%s: %w", at, err)
	} else if f.left == nil {
		f.err = fmt.Errorf("%s: is null, want an object", at)
	}
	return f
}

func (f *fields) path(name string) string {
	if f.at == "" {
		return name
	}
	return f.at + "." + name
}

// need reads a field that must be there and not null.
func (f *fields) need(name string, v any) {
	if f.err == nil && isNull(f.left[name]) {
		f.err = fmt.Errorf("%s: is missing", f.path(name))
	}
	f.may(name, v)
}

// may reads a field; where it is missing or null, v stays as it is.
func (f *fields) may(name string, v any) {
	raw := f.left[name]
	delete(f.left, name)
	if f.err != nil || isNull(raw) {
		return
	}
	if err := json.Unmarshal(raw, v); err != nil {
		f.err = fmt.Errorf("%s: %w", f.path(name), err)
	}
}

// refuse makes the value of a field a fault.
func (f *fields) refuse(name string, value any, want string) {
	if f.err == nil {
		f.err = unsupported(f.path(name), value, want)
	}
}

// done returns the first fault.
func (f *fields) done() error {
	if f.err != nil {
		return f.err
	}
	for _, name := range slices.Sorted(maps.Keys(f.left)) {
		return unsupported(f.path(name), f.left[name], "")
	}
	return nil
}

func unsupported(field string, value any, want string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	shown := bytes.TrimSpace(b.Bytes())
	const most = 300
	if len(shown) > most {
		shown = append(bytes.ToValidUTF8(shown[:most], nil), "..."...)
	}
	return &UnsupportedError{Field: field, Value: string(shown), Want: want}
}

func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || string(raw) == "null"
}

// component reads an object with a "type", or null: then f is nil.
func component(raw json.RawMessage, at string) (f *fields, kind string, err error) {
	if isNull(raw) {
		return nil, "", nil
	}
	f = readFields(raw, at)
	f.need("type", &kind)
	return f, kind, f.err
}

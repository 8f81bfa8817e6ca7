package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrVersion says that a record is of a version this program does not
	// know. A job that carries it is handed back for a newer worker.
	ErrVersion = errors.New("unknown version")
	// ErrMalformed says that a record is not what its kind and version ask for.
	ErrMalformed = errors.New("malformed record")
)

// The versions written now.
const (
	jobVersion       = 1
	eventVersion     = 1
	datasetVersion   = 1
	partVersion      = 1
	recipeVersion    = 1
	gateVersion      = 1
	receiptVersion   = 1
	runVersion       = 1
	heartbeatVersion = 1
)

// encode writes one record as a JSON line.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode reads one record of the wanted kind and version into v. Unknown
// fields are errors: within a version there are none.
func decode(b []byte, kind string, version int, v any) error {
	var head struct {
		Kind    string `json:"kind"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrMalformed, kind, err)
	}
	if head.Kind != kind {
		return fmt.Errorf("%w: want a %s, got kind %q", ErrMalformed, kind, head.Kind)
	}
	if head.Version != version {
		return fmt.Errorf("%w: %s version %d; this program reads version %d", ErrVersion, kind, head.Version, version)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrMalformed, kind, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: %s: text after the record", ErrMalformed, kind)
	}
	return nil
}

// checked gives the first fault of a record, as [ErrMalformed].
func checked(record string, faults ...error) error {
	for _, err := range faults {
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrMalformed, record, err)
		}
	}
	return nil
}

// idErr is the fault of an identifier that was parsed.
func idErr[T any](_ T, err error) error { return err }

package schemas

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Digest is a sha256. Its text form is 64 hex digits.
type Digest [sha256.Size]byte

// Sum digests b.
func Sum(b []byte) Digest { return sha256.Sum256(b) }

// IsZero tells the digest that nothing has.
func (d Digest) IsZero() bool { return d == Digest{} }

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText writes 64 hex digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads 64 hex digits.
func (d *Digest) UnmarshalText(b []byte) error {
	if len(b) != 2*len(d) {
		return fmt.Errorf("%w: digest %q: want 64 hex digits", ErrID, b)
	}
	if _, err := hex.Decode(d[:], b); err != nil {
		return fmt.Errorf("%w: digest %q: want 64 hex digits", ErrID, b)
	}
	return nil
}

// Canonical gives v's canonical form: JSON without white space, the keys of
// every object sorted, numbers in their shortest form (RFC 8785 for values
// whose keys are ASCII). Equal values have equal canonical forms.
func Canonical(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	// Decoding into any and encoding again sorts the keys of structs too.
	var tree any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // keeps 64-bit integers whole
	if err := d.Decode(&tree); err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(tree); err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// canonicalDigest digests the canonical form of a value that always has one.
func canonicalDigest(v any) (Digest, error) {
	b, err := Canonical(v)
	if err != nil {
		return Digest{}, err
	}
	return Sum(b), nil
}

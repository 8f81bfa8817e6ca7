package schemas

import (
	"fmt"
	"time"
)

const withdrawnVersion = 1

// Withdrawn takes samples of a dataset down: every reader obeys. It is the
// dataset's n-th such record, counted from 1 without gaps, and create-only.
type Withdrawn struct {
	Kind    string    `json:"kind"`
	Version int       `json:"version"`
	Dataset DatasetID `json:"dataset"`
	Number  int       `json:"number"`
	Keys    []string  `json:"keys,omitempty"`   // of samples, in every revision
	Images  []Digest  `json:"images,omitempty"` // of whatever samples have them
	Reason  string    `json:"reason,omitempty"` // for people
	At      time.Time `json:"at"`
}

// Encode writes the record.
func (w Withdrawn) Encode() ([]byte, error) {
	w.Kind, w.Version = "withdrawn", withdrawnVersion
	return encode(w)
}

// DecodeWithdrawn reads the record and checks it.
func DecodeWithdrawn(b []byte) (Withdrawn, error) {
	var w Withdrawn
	if err := decode(b, "withdrawn", withdrawnVersion, &w); err != nil {
		return Withdrawn{}, err
	}
	if err := checked("withdrawn", idErr(ParseDatasetID(string(w.Dataset)))); err != nil {
		return Withdrawn{}, err
	}
	if w.Number < 1 {
		return Withdrawn{}, fmt.Errorf("%w: withdrawn: number %d: want 1 or more", ErrMalformed, w.Number)
	}
	return w, nil
}

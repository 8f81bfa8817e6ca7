package shards

import (
	"context"
	"errors"
	"fmt"

	"recaption/schemas"
)

// CommitEpoch freezes the list of an epoch. When another was frozen first it
// returns that one and [ErrExists], and the caller goes on with it.
func CommitEpoch(ctx context.Context, st Store, l schemas.EpochList) (schemas.EpochList, error) {
	b, err := l.Encode()
	if err != nil {
		return schemas.EpochList{}, err
	}
	return committed(ctx, st, EpochKey(l.Training, l.Epoch), b, schemas.DecodeEpochList)
}

// ReadEpoch reads the list of an epoch.
func ReadEpoch(ctx context.Context, st Store, t schemas.TrainingID, epoch int) (schemas.EpochList, error) {
	return readRecord(ctx, st, EpochKey(t, epoch), schemas.DecodeEpochList)
}

// OpenLean is [Open] for who holds many files open: the reader keeps the
// file's footer alone, a few KiB, not its end.
func OpenLean(ctx context.Context, st Store, key string, f schemas.File) (*Reader, error) {
	r, err := Open(ctx, st, key, f)
	if err != nil {
		return nil, err
	}
	r.end, r.endAt = nil, r.size
	return r, nil
}

// CommitWithdrawn takes samples down, in the record that w.Number names. When
// there is one of that number, it returns that one and [ErrExists].
func CommitWithdrawn(ctx context.Context, st Store, w schemas.Withdrawn) (schemas.Withdrawn, error) {
	b, err := w.Encode()
	if err != nil {
		return schemas.Withdrawn{}, err
	}
	return committed(ctx, st, WithdrawnKey(w.Dataset, w.Number), b, schemas.DecodeWithdrawn)
}

// CountWithdrawn is the number of a dataset's records of withdrawn samples.
func CountWithdrawn(ctx context.Context, st Store, d schemas.DatasetID) (int, error) {
	n := 0
	for o, err := range st.List(ctx, WithdrawnPrefix(d), "") {
		if err != nil {
			return 0, fmt.Errorf("list withdrawn samples of %s: %w", d, err)
		}
		if _, _, err := ParseWithdrawnKey(o.Key); err == nil {
			n++
		}
	}
	return n, nil
}

// WithdrawnSamples are the samples that a dataset's records take down.
type WithdrawnSamples struct {
	keys   map[string]bool
	images map[schemas.Digest]bool
}

// ReadWithdrawn reads the first n records of a dataset. All of them must be
// there and readable: who can't tell what was withdrawn shows nothing.
func ReadWithdrawn(ctx context.Context, st Store, d schemas.DatasetID, n int) (*WithdrawnSamples, error) {
	w := &WithdrawnSamples{map[string]bool{}, map[schemas.Digest]bool{}}
	var errs []error
	for i := 1; i <= n; i++ {
		r, err := readRecord(ctx, st, WithdrawnKey(d, i), schemas.DecodeWithdrawn)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, k := range r.Keys {
			w.keys[k] = true
		}
		for _, s := range r.Images {
			w.images[s] = true
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("read withdrawn samples of %s: %w", d, err)
	}
	return w, nil
}

// Has tells whether the sample is withdrawn. A nil w has none.
func (w *WithdrawnSamples) Has(key string, image schemas.Digest) bool {
	return w != nil && (w.keys[key] || !image.IsZero() && w.images[image])
}

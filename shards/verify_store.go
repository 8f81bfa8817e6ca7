package shards

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// ErrOverwrites says that a store replaces what it was told to create only, so
// that nothing can be committed to it.
var ErrOverwrites = errors.New("store ignores create-only writes (If-None-Match: *)")

// VerifyCreateOnly creates a small object twice and deletes it. It returns
// [ErrOverwrites] when the second write was taken. Who commits calls it once
// for a store, before anything else: some S3 servers take the condition and
// overwrite all the same.
func VerifyCreateOnly(ctx context.Context, st Store) (err error) {
	key := "probes/" + rand.Text()
	// Nobody else has the key: that it exists means that a reply was lost.
	if err := st.Create(ctx, key, []byte("first")); err != nil && !errors.Is(err, ErrExists) {
		return fmt.Errorf("verify create-only writes: %w", err)
	}
	defer func() {
		if e := st.Delete(context.WithoutCancel(ctx), key); e != nil && err == nil {
			err = fmt.Errorf("verify create-only writes: %w", e)
		}
	}()
	switch err := st.Create(ctx, key, []byte("second")); {
	case err == nil:
		return fmt.Errorf("verify create-only writes: %w; use a store that keeps them", ErrOverwrites)
	case !errors.Is(err, ErrExists):
		return fmt.Errorf("verify create-only writes: %w", err)
	}
	b, err := st.Get(ctx, key, 16)
	if err != nil {
		return fmt.Errorf("verify create-only writes: %w", err)
	}
	if string(b) != "first" {
		return fmt.Errorf("verify create-only writes: %w: it refused the second write and kept it; use a store that keeps them", ErrOverwrites)
	}
	return nil
}

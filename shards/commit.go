package shards

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"recaption/schemas"
)

// recordLimit bounds a record that is read back: a part record of ten thousand
// shards has about 30 MiB.
const recordLimit = 256 << 20

// Commit creates an object that is never replaced, and returns what rests
// under key: b and nil, or another writer's object and [ErrExists]. A lost
// reply is resolved by reading who won, so Commit may be called again with
// equal arguments and gives the equal answer. With any other error it is
// unknown whether the object was written, and b may yet win.
func Commit(ctx context.Context, st Store, key string, b []byte) ([]byte, error) {
	err := st.Create(ctx, key, b)
	if err == nil {
		return b, nil
	}
	if !errors.Is(err, ErrExists) && !errors.Is(err, ErrTransient) {
		return nil, fmt.Errorf("commit %s: %w", key, err)
	}
	// Someone was first, perhaps we ourselves in a request whose reply was lost.
	won, readErr := st.Get(ctx, key, recordLimit)
	switch {
	case readErr != nil && errors.Is(err, ErrTransient):
		return nil, fmt.Errorf("commit %s: %w", key, err)
	case readErr != nil:
		return nil, fmt.Errorf("commit %s: read the one that exists: %w", key, readErr)
	case bytes.Equal(won, b):
		return b, nil
	}
	return won, fmt.Errorf("commit %s: %w", key, ErrExists)
}

// CommitPart commits the cut of a part, whose shards must rest already. When
// another cut was first it returns that one's record and [ErrExists], and the
// caller goes on with it.
func CommitPart(ctx context.Context, st Store, p schemas.PartRecord) (schemas.PartRecord, error) {
	b, err := p.Encode()
	if err != nil {
		return schemas.PartRecord{}, err
	}
	return committed(ctx, st, PartKey(p.Dataset, p.Revision, p.Part), b, schemas.DecodePartRecord)
}

// CommitReceipt commits an attempt's captions, whose file must rest already.
// When another attempt was first it returns that one's receipt and
// [ErrExists], and the caller goes on with it.
func CommitReceipt(ctx context.Context, st Store, r schemas.Receipt) (schemas.Receipt, error) {
	b, err := r.Encode()
	if err != nil {
		return schemas.Receipt{}, err
	}
	return committed(ctx, st, ReceiptKey(r.Recipe, r.Shard, r.Generation), b, schemas.DecodeReceipt)
}

// committed commits b and reads what rests, so that the first caller and a
// later one get equal values.
func committed[T any](ctx context.Context, st Store, key string, b []byte, decode func([]byte) (T, error)) (T, error) {
	var zero T
	won, err := Commit(ctx, st, key, b)
	if err != nil && !errors.Is(err, ErrExists) {
		return zero, err
	}
	v, decodeErr := decode(won)
	if decodeErr != nil {
		return zero, fmt.Errorf("%s: %w", key, decodeErr)
	}
	return v, err
}

// ReadPart reads a part record.
func ReadPart(ctx context.Context, st Store, key string) (schemas.PartRecord, error) {
	return readRecord(ctx, st, key, schemas.DecodePartRecord)
}

// ReadReceipt reads a receipt.
func ReadReceipt(ctx context.Context, st Store, key string) (schemas.Receipt, error) {
	return readRecord(ctx, st, key, schemas.DecodeReceipt)
}

func readRecord[T any](ctx context.Context, st Store, key string, decode func([]byte) (T, error)) (T, error) {
	var zero T
	b, err := st.Get(ctx, key, recordLimit)
	if err != nil {
		return zero, err
	}
	v, err := decode(b)
	if err != nil {
		return zero, fmt.Errorf("%s: %w", key, err)
	}
	return v, nil
}

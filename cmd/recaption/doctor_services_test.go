package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"recaption/shards"
)

func TestStoreRemedy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{shards.ErrOverwrites, "use a store that supports If-None-Match"},
		{shards.ErrNoBucket, "make the bucket"},
		{shards.ErrTransient, "check that the store runs"},
		{context.DeadlineExceeded, "check that the store runs"},
		{errors.New("the store refuses these credentials (AccessDenied)"), "check the credentials"},
	} {
		if got := storeRemedy(fmt.Errorf("create probes/x: %w", c.err)); !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
	"time"

	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
	"recaption/worker/vlm"
)

func TestJudge(t *testing.T) {
	some := errors.New("some error")
	wrapped := func(err error) error { return fmt.Errorf("caption shard: %w", err) }
	for _, test := range []struct {
		name       string
		cause, err error
		want       verdict
	}{
		{"well", nil, nil, done},
		{"well, at the end of the drain time", errDrained, nil, done},
		{"well, the lease lost meanwhile", errLeaseLost, nil, done},
		{"lease lost", wrapped(errLeaseLost), wrapped(context.Canceled), abandon},
		{"lease lost, whatever else", errLeaseLost, shards.ErrCorrupt, abandon},
		{"drained", errDrained, wrapped(context.Canceled), release},
		{"drained, whatever else", errDrained, shards.ErrCorrupt, release},
		{"engine stopped", nil, wrapped(vlm.ErrStopped), release},
		{"newer recipe", nil, wrapped(schemas.ErrVersion), pass},
		{"other model", nil, wrapped(errOtherModel), pass},
		{"damaged recipe", nil, wrapped(schemas.ErrMalformed), reject},
		{"settings", nil, wrapped(vlm.ErrSettings), reject},
		{"corrupt", nil, wrapped(shards.ErrCorrupt), reject},
		{"store away", nil, wrapped(shards.ErrTransient), rest},
		{"no bucket", nil, wrapped(shards.ErrNoBucket), rest},
		{"credentials", nil, wrapped(shards.ErrDenied), rest},
		{"folder not ours", nil, wrapped(&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}), rest},
		{"disk full", nil, wrapped(&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}), rest},
		{"events full", nil, wrapped(jetstream.ErrFull), rest},
		{"no recipe yet", nil, wrapped(shards.ErrNotFound), retry},
		{"anything else", nil, some, retry},
		{"cancelled by the process", context.Canceled, context.Canceled, retry},
	} {
		if got := judge(test.cause, test.err); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

func TestDelay(t *testing.T) {
	for _, test := range []struct {
		verdict verdict
		attempt int
		want    time.Duration
	}{
		{rest, 1, 2 * time.Second}, {rest, 9, time.Minute}, {retry, 1, 2 * time.Second}, {retry, 2, 4 * time.Second}, {retry, 5, 32 * time.Second}, {retry, 6, time.Minute}, {retry, 1 << 40, time.Minute},
		{release, 1, 0}, {release, 9, 0}, {pass, 1, passRest}, {pass, 9, passRest},
	} {
		if got := delay(test.verdict, test.attempt); got != test.want {
			t.Errorf("%s after attempt %d: %s, want %s", test.verdict, test.attempt, got, test.want)
		}
	}
	// A job that nobody here can do must last until somebody who can has come.
	if all := passRest * 20; all < 5*time.Minute {
		t.Errorf("20 deliveries are used up in %s", all)
	}
}

func TestConfig(t *testing.T) {
	good := DefaultConfig()
	good.Spool = "x"
	must(t, good.Validate())
	bad := Config{Samples: -1, Drain: -1}
	err := bad.Validate()
	for _, field := range []string{"name", "slots", "samples", "drain", "heartbeat", "spool"} {
		if err == nil || !errorSays(err, "worker: "+field) {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
}

// The log tells what cancelled an attempt, not that it was cancelled.
func TestReason(t *testing.T) {
	t.Parallel()
	held, cancel := context.WithCancelCause(t.Context())
	broken := errors.New("broken")
	if got := reason(held, broken); !errors.Is(got, broken) {
		t.Errorf("not cancelled: %v", got)
	}
	cancel(errDrained)
	if got := reason(held, fmt.Errorf("caption shard: %w", context.Canceled)); !errors.Is(got, errDrained) {
		t.Errorf("cancelled: %v, want %v", got, errDrained)
	}
	if got := reason(held, broken); !errors.Is(got, broken) {
		t.Errorf("broken before it was cancelled: %v", got)
	}
}

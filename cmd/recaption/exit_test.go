package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

// Of the signals that ask a program to end the first asks, and the second ends.
// What was ignored when it started is not heeded.
func TestHeed(t *testing.T) {
	signal.Ignore(os.Interrupt)
	defer signal.Reset(os.Interrupt)
	ended := make(chan struct{})
	ctx, stop := heed(t.Context(), func() { close(ended) })
	defer stop()
	send := func(s syscall.Signal) {
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
	}
	send(syscall.SIGINT)
	if !signal.Ignored(os.Interrupt) {
		t.Error("an interrupt that was ignored is not any more")
	}
	send(syscall.SIGHUP)
	<-ctx.Done()
	select {
	case <-ended:
		t.Error("one signal ended the process at once")
	default:
	}
	send(syscall.SIGTERM)
	<-ended
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cause: %v", err)
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	stopped := &stoppedError{"stopped at 3 of 4 rows"}
	for _, err := range []error{stopped, fmt.Errorf("list source: %w", context.Canceled), errors.Join(stopped)} {
		if got := message(err); !strings.HasPrefix(got, "stopped") || strings.Contains(got, "canceled") || exitCode(err) != exitStopped {
			t.Errorf("%v: %q, exit code %d", err, got, exitCode(err))
		}
	}
	if got := message(errors.New("no such model")); got != "no such model" {
		t.Errorf("another error: %q", got)
	}
}

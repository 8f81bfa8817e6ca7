package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"recaption/coordinator"
	"recaption/schemas"
	"recaption/shards/s3store"
)

func TestNameOf(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"box":             "box-",
		"Box.Example.ORG": "box-example-org-",
		"":                "host-",
		"---":             "host-",
		"recaption-worker-of-the-large-photographs-of-birds-7d9c5b6f4-x2k8p": "of-the-large-photographs-of-birds-7d9c5b6f4-x2k8p-",
	} {
		a, b := nameOf(host), nameOf(host)
		if !strings.HasPrefix(a, want) || len(a) != len(want)+8 {
			t.Errorf("%q: %s, want %s and eight characters", host, a, want)
		}
		if a == b {
			t.Errorf("%q: two processes are both %s", host, a)
		}
		if _, err := schemas.ParsePool(a); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestDatasetName(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"/data/pairs":                         "pairs",
		"/data/pairs/*.tar":                   "pairs",
		"/data/Birds of 2024.tar.gz":          "birds-of-2024",
		"/data/cc3m/train-{0000..0099}.tar":   "cc3m",
		"/data/cc3m/{train,test}/a.tar":       "a",
		"s3://pairs":                          "pairs",
		"s3://pairs/cc12m/":                   "cc12m",
		"s3://pairs/cc12m/{00000..01242}.tar": "cc12m",
	} {
		got, err := datasetName("", source)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %s", source, got, err, want)
		}
	}
	if got, err := datasetName("", "/*.tar"); !errors.Is(err, errUsage) {
		t.Errorf("/*.tar: %q, %v; want a usage error", got, err)
	}
	if got, err := datasetName("mine", "/*.tar"); err != nil || got != "mine" {
		t.Errorf("--dataset: %q, %v; want mine", got, err)
	}
}

func TestFullDiskIsNamed(t *testing.T) {
	t.Parallel()
	full := fmt.Errorf("1 of 2 %w; the first: put k: %w", coordinator.ErrUnread, s3store.ErrNoSpace)
	const want = "no space left in out/state: make room there, and run the same command again to go on"
	if got := (place{dir: "out", state: "out/state"}).explain(full); got.Error() != want {
		t.Errorf("in a folder: %v; want %s", got, want)
	}
	if got := (place{bucket: "b", state: "cache"}).explain(full); !errors.Is(got, s3store.ErrNoSpace) {
		t.Errorf("in a bucket: %v; want it as it is", got)
	}
	if got := (place{dir: "out"}).explain(coordinator.ErrUnread); !errors.Is(got, coordinator.ErrUnread) {
		t.Errorf("for another reason: %v; want it as it is", got)
	}
}

func TestTellStopping(t *testing.T) {
	signalled, stop := signal.NotifyContext(t.Context(), syscall.SIGUSR1)
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	<-signalled.Done()
	using, cancel := context.WithCancelCause(signalled)
	defer cancel(nil)
	for _, c := range []struct {
		cause     error
		want, not string
	}{
		{context.Cause(using), "once more to stop at once", "engine"},
		{errors.New("decoder: device lost"), "the engine has ended, and jobs in hand are handed back\" err=\"decoder: device lost\"", "once more"},
	} {
		var said bytes.Buffer
		tellStopping(slog.New(slog.NewTextHandler(&said, nil)), c.cause, time.Second)
		if got := said.String(); !strings.Contains(got, c.want) || strings.Contains(got, c.not) {
			t.Errorf("%v: %s; want %s", c.cause, got, c.want)
		}
	}
}

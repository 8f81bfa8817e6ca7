package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"recaption/coordinator"
)

// The end is told once, though the progress is shown again.
func TestLinesTellTheEndOnce(t *testing.T) {
	var said bytes.Buffer
	l := &lines{log: slog.New(slog.NewTextHandler(&said, nil)), rate: &rate{}}
	half := coordinator.Progress{Parts: 1, PartsCut: 1, Shards: 2, ShardsDone: 1}
	done := coordinator.Progress{Parts: 1, PartsCut: 1, Shards: 2, ShardsDone: 2}
	for _, p := range []coordinator.Progress{half, half, done, done, done} {
		l.show(p)
	}
	if got := said.String(); strings.Count(got, "\n") != 2 || strings.Count(got, "shards=2/2") != 1 {
		t.Errorf("said\n%s", got)
	}
}

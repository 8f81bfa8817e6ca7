package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/dirstore"
	"recaption/trainer/feed"
	"recaption/trainer/feed/feedtest"
)

// feedLine is a sample as one line.
func feedLine(position int64, key, text, kind string, image []byte) string {
	return fmt.Sprintf("%d %s %s %q %s", position, key, kind, text, schemas.Sum(image))
}

// feedSite is a folder with a few shards.
func feedSite(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	st, err := dirstore.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	c := feedtest.DefaultConfig()
	c.Spool = t.TempDir()
	if _, err := feedtest.Write(t.Context(), st, c); err != nil {
		t.Fatal(err)
	}
	return dir
}

// feedOf runs recaption feed and reads its stream.
func feedOf(t *testing.T, args ...string) []string {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetArgs(append([]string{"feed", "--log-level", "error"}, args...))
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("feed %v: %v", args, err)
	}
	r, err := ipc.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	lines := []string{}
	for r.Next() {
		b := r.Record()
		text := func(i, row int) string { return b.Column(i).(*array.String).Value(row) }
		for i := range int(b.NumRows()) {
			if text(4, i) != "image/jpeg" || text(1, i) != "d" {
				t.Fatalf("row %d: %v", i, b)
			}
			lines = append(lines, feedLine(b.Column(0).(*array.Int64).Value(i), text(2, i), text(5, i), text(6, i), b.Column(3).(*array.Binary).Value(i)))
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return lines
}

// TestFeed: what the command writes is what the readers of package feed give,
// for any number of readers, and from anywhere on.
func TestFeed(t *testing.T) {
	dir := feedSite(t)
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte("original_fraction: 0.3\nsentences: {show: subset, min: 1, max: 2}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for epoch := range 2 {
		at := []string{dir, "--training", "t", "--epoch", fmt.Sprint(epoch)}
		first := feedOf(t, append(at, "--policy", policy, "--seed", "7", "--lanes", "6", "--rows", "5")...)
		if len(first) < 30 {
			t.Fatalf("epoch %d: %d samples", epoch, len(first))
		}
		if d := cmp.Diff(direct(t, dir, epoch), first); d != "" {
			t.Fatalf("epoch %d (-feed +command):\n%s", epoch, d)
		}
		for of := 1; of <= 3; of++ {
			var all []string
			for r := range of {
				mine := feedOf(t, append(at, "--reader", fmt.Sprint(r), "--of", fmt.Sprint(of))...)
				if rest := feedOf(t, append(at, "--reader", fmt.Sprint(r), "--of", fmt.Sprint(of), "--skip", "7")...); !behind7(mine, rest, r, of) {
					t.Errorf("reader %d of %d does not go on with what it read: %v, then %v", r, of, mine, rest)
				}
				all = append(all, mine...)
			}
			if d := cmp.Diff(slices.Sorted(slices.Values(first)), slices.Sorted(slices.Values(all))); d != "" {
				t.Errorf("epoch %d, %d readers:\n%s", epoch, of, d)
			}
		}
	}
}

// behind7 tells whether rest is what all has behind seven positions.
func behind7(all, rest []string, r, of int) bool {
	if len(rest) > len(all) || len(rest) < len(all)-7 {
		return false
	}
	for i, line := range all {
		var position int
		if _, err := fmt.Sscan(line, &position); err != nil {
			return false
		}
		if position >= r+7*of {
			return cmp.Equal(all[i:], rest)
		}
	}
	return len(rest) == 0
}

func direct(t *testing.T, dir string, epoch int) []string {
	t.Helper()
	st, err := dirstore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	l, err := shards.ReadEpoch(t.Context(), st, "t", epoch)
	if err != nil {
		t.Fatal(err)
	}
	r, err := feed.Open(t.Context(), st, l, feed.DefaultReaderConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for s, err := range r.Samples(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, feedLine(s.Position, s.Key, s.Text.Text, string(s.Kind), s.Image))
	}
	return lines
}

func TestFeedFaults(t *testing.T) {
	dir := feedSite(t)
	for _, c := range []struct{ args, want string }{
		{"", "want --training NAME"},
		{"--training T", "--training: "},
		{"--training t", "epoch 0 of training t is not frozen"},
		{"--training t --reader 2 --of 2", "--reader 2 --of 2: readers are counted from 0"},
		{"--training t --skip -1", "--skip -1: want 0 or more"},
		{"--training t --policy nowhere.yaml", "nowhere.yaml"},
		{"--training t --dataset other", "dataset other"},
	} {
		root := newRoot()
		root.SetOut(&bytes.Buffer{})
		root.SetArgs(append([]string{"feed", dir}, strings.Fields(c.args)...))
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v; want %q", c.args, err, c.want)
		}
	}
}

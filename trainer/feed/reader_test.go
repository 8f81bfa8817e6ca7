package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/memstore"
	"recaption/shards/storetest"
	"recaption/trainer/mix"
)

// seen is what a test compares of a sample.
type seen struct {
	Position int64
	Key      string
	Image    schemas.Digest
	mix.Text
}

func read(t testing.TB, r *Reader, from int64) []seen {
	t.Helper()
	var all []seen
	for s, err := range r.Samples(t.Context(), from) {
		must(t, err)
		all = append(all, seen{s.Position, s.Key, schemas.Sum(s.Image), s.Text})
	}
	return all
}

// TestReaders: whatever the number of readers, the same samples show the same
// texts at the same positions, each once, and a reader begins anywhere.
func TestReaders(t *testing.T) {
	st, s := site(t)
	l := frozen(t, st, 0)
	whole := read(t, reader(t, st, l, 0, 1), 0)
	keys := map[string]bool{}
	for _, x := range whole {
		keys[x.Key] = true
	}
	if want := 60 - 6; len(keys) != want || len(whole) != want { // every eleventh has no picture
		t.Fatalf("%d samples, %d keys; want %d", len(whole), len(keys), want)
	}
	for i, x := range whole {
		if i > 0 && x.Position <= whole[i-1].Position {
			t.Fatalf("position %d behind %d", x.Position, whole[i-1].Position)
		}
	}
	for _, of := range []int{1, 2, 3, 4, 5, 7} {
		var all []seen
		for n := range of {
			r := reader(t, st, l, n, of)
			mine := read(t, r, 0)
			all = append(all, mine...)
			for skip := range int64(20) {
				rest := slices.DeleteFunc(slices.Clone(mine), func(x seen) bool { return x.Position < r.Start(skip) })
				if d := cmp.Diff(rest, append([]seen{}, read(t, r, r.Start(skip))...)); d != "" {
					t.Fatalf("reader %d of %d from %d (-want +got):\n%s", n, of, skip, d)
				}
			}
		}
		slices.SortFunc(all, func(a, b seen) int { return int(a.Position - b.Position) })
		if d := cmp.Diff(whole, all); d != "" {
			t.Fatalf("%d readers (-want +got):\n%s", of, d)
		}
	}
	r := reader(t, st, l, 0, 1)
	read(t, r, 0)
	got := r.Counts()
	if d := cmp.Diff(map[string]int64{string(schemas.SampleUnusable): 6}, got.Skipped); d != "" {
		t.Errorf("skipped (-want +got):\n%s", d)
	}
	if got.Shown[mix.Original]+got.Shown[mix.Caption] != 54 || got.Shown[mix.Original] < 5 {
		t.Errorf("shown: %v", got.Shown)
	}
	_ = s
}

// TestTextsOfRows: what the reader gives is what the mixer says of the rows as
// they rest.
func TestTextsOfRows(t *testing.T) {
	st, s := site(t)
	l := frozen(t, st, 3)
	got := map[string]seen{}
	for _, x := range read(t, reader(t, st, l, 0, 1), 0) {
		got[x.Key] = x
	}
	captions := 0
	for shard := range s.Shards {
		for row := range s.Rows {
			sample := s.Sample(shard, row)
			x, ok := got[sample.Key]
			if ok != (sample.Status == schemas.SampleOK) {
				t.Fatalf("%s: shown %v", sample.Key, ok)
			}
			if !ok {
				continue
			}
			if x.Image != sample.ImageSHA256 {
				t.Errorf("%s: its image is another", x.Key)
			}
			if x.Kind == mix.Original && x.Text.Text != *sample.AltText {
				t.Errorf("%s: %q", x.Key, x.Text.Text)
			}
			if x.Kind == mix.Caption {
				captions++
				if !strings.Contains(x.Text.Text, fmt.Sprintf("number %d.", row)) && !strings.Contains(x.Text.Text, "generation 0") && !strings.Contains(x.Text.Text, "sentence three") {
					t.Errorf("%s: %q", x.Key, x.Text.Text)
				}
			}
		}
	}
	if captions < 20 {
		t.Errorf("%d captions", captions)
	}
}

// TestDamagedBatch: its rows are passed over and counted, the others come as
// they did.
func TestDamagedBatch(t *testing.T) {
	st, s := site(t)
	l := frozen(t, st, 0)
	before := read(t, reader(t, st, l, 0, 1), 0)
	shard := s.Shards[1]
	key := shards.SampleShardKey("d", shard.ID)
	b, err := st.Get(t.Context(), key, 1<<30)
	must(t, err)
	b = slices.Clone(b)
	b[shard.File.Batches[2].Offset+100] ^= 1 // rows 8 to 11
	storetest.MustPut(t, st, key, b)
	r := reader(t, st, l, 0, 1)
	after := read(t, r, 0)
	want := slices.DeleteFunc(before, func(x seen) bool {
		return x.Key >= "001/0008" && x.Key <= "001/0011"
	})
	if d := cmp.Diff(want, after); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := r.Counts().Skipped[Unreadable]; got != 4 {
		t.Errorf("%d rows counted as %s", got, Unreadable)
	}
}

// TestDamagedCaptions: rows are shown as if the recipe had made none.
func TestDamagedCaptions(t *testing.T) {
	st, s := site(t)
	l := frozen(t, st, 0)
	for _, r := range s.Receipts {
		must(t, st.Delete(t.Context(), receiptObject(r)))
	}
	r := reader(t, st, l, 0, 1)
	for _, x := range read(t, r, 0) {
		if x.Kind != mix.Original {
			t.Errorf("%+v", x)
		}
	}
	if got := r.Counts(); got.Skipped[UnreadableCaptions] != 120 || got.Skipped[mix.NoText] == 0 {
		t.Errorf("%+v", got)
	}
}

// TestStoreAway: what the store does not give is asked for again; where it
// never comes, the reading ends with the store's error, and no row is passed
// over.
func TestStoreAway(t *testing.T) {
	st, _ := site(t)
	l := frozen(t, st, 0)
	want := read(t, reader(t, st, l, 0, 1), 0)
	cfg := DefaultReaderConfig()
	cfg.Tries = 3
	for _, always := range []bool{false, true} {
		away := &awayStore{Store: st, always: always}
		r, err := Open(t.Context(), away, l, cfg, quiet)
		must(t, err)
		away.on = true
		var got []seen
		var end error
		for s, err := range r.Samples(t.Context(), 0) {
			if end = err; err == nil {
				got = append(got, seen{s.Position, s.Key, schemas.Sum(s.Image), s.Text})
			}
		}
		if always && !errors.Is(end, shards.ErrTransient) || !always && (end != nil || cmp.Diff(want, got) != "") {
			t.Errorf("always %v: %d samples, %v", always, len(got), end)
		}
		if n := r.Counts().Skipped[Unreadable]; n != 0 {
			t.Errorf("%d rows passed over", n)
		}
	}
}

func TestWithdrawnLeave(t *testing.T) {
	st, s := site(t)
	first := frozen(t, st, 0)
	gone := s.Sample(0, 1)
	image := s.Sample(2, 6).ImageSHA256
	_, err := shards.CommitWithdrawn(t.Context(), st, schemas.Withdrawn{Dataset: "d", Number: 1, Keys: []string{gone.Key}, Images: []schemas.Digest{image}})
	must(t, err)
	if is, err := Withdrawn(t.Context(), st, first); !is || err != nil {
		t.Errorf("withdrawn since the list: %v, %v", is, err)
	}
	has := func(l schemas.EpochList) (n int) {
		for _, x := range read(t, reader(t, st, l, 0, 1), 0) {
			if x.Key == gone.Key || x.Image == image {
				n++
			}
		}
		return n
	}
	if has(first) < 3 {
		t.Error("a list that is frozen has changed")
	}
	next := frozen(t, st, 1)
	if n := has(next); n != 0 {
		t.Errorf("%d withdrawn samples are shown", n)
	}
	if is, err := Withdrawn(t.Context(), st, next); is || err != nil {
		t.Errorf("withdrawn since the next list: %v, %v", is, err)
	}
}

// TestLeastMemory: an order that needs all the memory there is comes to its
// end, for any number of readers; one that needs more is refused.
func TestLeastMemory(t *testing.T) {
	st, _ := site(t)
	l := frozen(t, st, 0)
	for _, of := range []int{1, 2, 3, 5} {
		n := 0
		for i := range of {
			cfg := DefaultReaderConfig()
			cfg.Reader, cfg.Of, cfg.Bytes, cfg.Fetchers = i, of, needs(l), 1+i
			r, err := Open(t.Context(), st, l, cfg, quiet)
			must(t, err)
			n += len(read(t, r, 0))
		}
		if n != 54 {
			t.Errorf("%d readers: %d samples", of, n)
		}
	}
	cfg := DefaultReaderConfig()
	cfg.Bytes = needs(l) - 1
	if _, err := Open(t.Context(), st, l, cfg, quiet); err == nil || !strings.Contains(err.Error(), "needs") {
		t.Errorf("too little memory: %v", err)
	}
}

// TestReadingEnds: a reader that is left in the middle, or whose context ends,
// leaves nothing behind.
func TestReadingEnds(t *testing.T) {
	st, _ := site(t)
	r := reader(t, st, frozen(t, st, 0), 0, 1)
	for _, err := range r.Samples(t.Context(), 0) {
		must(t, err)
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var end error
	for _, err := range r.Samples(ctx, 0) {
		cancel()
		end = err
	}
	if end != nil && !errors.Is(end, context.Canceled) { // all may have been read before
		t.Error(end)
	}
}

func TestReaderConfig(t *testing.T) {
	st, _ := site(t)
	l := frozen(t, st, 0)
	_, err := Open(t.Context(), st, l, ReaderConfig{Reader: 2, Of: 2}, quiet)
	for _, want := range []string{"reader 2 of 2", "bytes 0", "tries 0"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %q", err, want)
		}
	}
}

// awayStore does not answer: always, or when it is asked for an object first.
type awayStore struct {
	*memstore.Store
	on, always bool
	asked      sync.Map
}

func (a *awayStore) ReadTail(ctx context.Context, key string, n int64) (shards.Tail, error) {
	if _, again := a.asked.LoadOrStore(key, true); a.on && (a.always || !again) {
		return shards.Tail{}, storetest.ErrFault
	}
	return a.Store.ReadTail(ctx, key, n)
}

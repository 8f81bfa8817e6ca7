package shards_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/memstore"
	"recaption/shards/storetest"
)

func collect[T any](t testing.TB, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func last[T any](seq iter.Seq2[T, error]) (n int, err error) {
	for _, e := range seq {
		if err = e; err == nil {
			n++
		}
	}
	return n, err
}

func TestSamplesRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 300} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			st := memstore.New()
			key, shard := cut(t, st, checked(t), n, 50)
			var want []shards.NumberedSample
			statuses := map[schemas.SampleStatus]int{}
			for i := range n {
				want = append(want, shards.NumberedSample{Row: i, Sample: sample(i, 50)})
				statuses[sample(i, 50).Status]++
			}
			if d := cmp.Diff(statuses, shard.Statuses); d != "" {
				t.Errorf("statuses (-want +got):\n%s", d)
			}
			if shard.File.Rows != n || string(shard.ID) != schemas.Sum(get(t, st, key)).String() {
				t.Errorf("%d rows in %s; want %d in the digest of the file", shard.File.Rows, shard.ID, n)
			}
			rd := reader(t, st, key, shard.File)
			if d := cmp.Diff(want, collect(t, rd.Samples(t.Context()))); d != "" {
				t.Errorf("samples (-want +got):\n%s", d)
			}
			if v, _ := rd.Schema().Metadata().GetValue(schemas.MetaDataset); v != "d" {
				t.Errorf("dataset %q in the metadata; want d", v)
			}
			if _, err := last(rd.Captions(t.Context())); err == nil {
				t.Error("samples read as captions")
			}
			if err := shards.Verify(t.Context(), st, key, shard.File); err != nil {
				t.Error(err)
			}
			if d := cmp.Diff(shard.File, described(get(t, st, key))); d != "" {
				t.Errorf("described (-want +got):\n%s", d)
			}
		})
	}
}

func TestCaptionsRoundTrip(t *testing.T) {
	st := memstore.New()
	f := write(t, st, checked(t), "c.arrow", 200)
	var want []shards.NumberedCaptions
	for i := range 200 {
		want = append(want, shards.NumberedCaptions{Row: i, CaptionRow: caption(i)})
	}
	rd := reader(t, st, "c.arrow", f)
	if d := cmp.Diff(want, collect(t, rd.Captions(t.Context()))); d != "" {
		t.Errorf("captions (-want +got):\n%s", d)
	}
	got := collect(t, rd.Captions(t.Context(), shards.RowsAt(199, 0, 64, 0)...))
	if d := cmp.Diff([]shards.NumberedCaptions{want[0], want[64], want[199]}, got); d != "" {
		t.Errorf("some (-want +got):\n%s", d)
	}
	if err := shards.Verify(t.Context(), st, "c.arrow", f); err != nil {
		t.Error(err)
	}
}

func reader(t *testing.T, st shards.Store, key string, f schemas.File) *shards.Reader {
	t.Helper()
	rd, err := shards.Open(t.Context(), st, key, f)
	if err != nil {
		t.Fatal(err)
	}
	return rd
}

// TestSameBytes: equal rows give equal files, whatever the order of maps.
func TestSameBytes(t *testing.T) {
	st := memstore.New()
	_, a := cut(t, st, checked(t), 200, 5000)
	f := write(t, st, checked(t), "0.arrow", 200)
	for i := range 5 {
		if _, b := cut(t, st, checked(t), 200, 5000); cmp.Diff(a, b) != "" {
			t.Fatalf("another shard: %s", cmp.Diff(a, b))
		}
		if g := write(t, st, checked(t), fmt.Sprintf("%d.arrow", i+1), 200); cmp.Diff(f, g) != "" {
			t.Fatalf("other captions: %s", cmp.Diff(f, g))
		}
	}
}

// TestDescribed: the writer's blocks, laid end to end, are the file without
// its head.
func TestDescribed(t *testing.T) {
	st := memstore.New()
	key, shard := cut(t, st, checked(t), 200, 500)
	b, f := get(t, st, key), shard.File
	at := f.Batches[0].Offset
	blocks := []schemas.Block{}
	for _, b := range f.Batches {
		blocks = append(blocks, b.Block)
	}
	for i, blk := range append(blocks, f.Footer) {
		if blk.Offset != at {
			t.Errorf("block %d at %d; want %d", i, blk.Offset, at)
		}
		at += blk.Bytes
		if got := schemas.Sum(b[blk.Offset:at]); got != blk.SHA256 {
			t.Errorf("block %d has digest %s; want %s", i, got, blk.SHA256)
		}
	}
	if at != int64(len(b)) || f.Bytes != at || f.SHA256 != schemas.Sum(b) {
		t.Errorf("blocks end at %d, file at %d of %d", at, f.Bytes, len(b))
	}
}

func TestBounds(t *testing.T) {
	cfg := checked(t)
	cfg.Rows, cfg.Bytes, cfg.BatchRows, cfg.BatchBytes = 10, 5000, 4, 1500
	for _, test := range []struct {
		name    string
		size    int
		rows    int
		batches []int
	}{
		{"by rows", 10, 10, []int{4, 4, 2}},
		{"batches by bytes", 300, 10, []int{4, 3, 3}},
		{"by bytes", 900, 5, []int{1, 1, 2, 1}},
		{"one row too large", 9000, 1, []int{1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, err := shards.NewSampleWriter(cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Abort()
			for i := range 20 {
				s, fits := sample(i, test.size), w.Fits(sample(i, test.size))
				err := w.Append(s)
				if fits && err != nil || !fits && !errors.Is(err, shards.ErrFull) {
					t.Fatalf("row %d: fits %v, %v", i, fits, err)
				}
				if !fits {
					break
				}
			}
			s, err := w.Commit(t.Context(), memstore.New(), "d")
			if err != nil {
				t.Fatal(err)
			}
			if s.File.Rows != test.rows {
				t.Errorf("%d rows; want %d", s.File.Rows, test.rows)
			}
			var batches []int
			for _, b := range s.File.Batches {
				batches = append(batches, b.Rows)
			}
			if d := cmp.Diff(test.batches, batches); d != "" {
				t.Errorf("rows of batches (-want +got):\n%s", d)
			}
		})
	}
}

func TestRefusedRows(t *testing.T) {
	st := memstore.New()
	want, _ := cut(t, st, checked(t), 3, 50)
	w, err := shards.NewSampleWriter(checked(t), meta)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	bad := "a\xff"
	for i := range 3 {
		for _, s := range []schemas.Sample{{Key: bad, Status: schemas.SampleOK}, {Key: "k", AltText: &bad, Status: schemas.SampleOK}, {Status: schemas.SampleOK}, {Key: "k", Status: "fine"}} {
			if err := w.Append(s); !errors.Is(err, schemas.ErrMalformed) {
				t.Errorf("%+v: %v; want ErrMalformed", s, err)
			}
		}
		if err := w.Append(sample(i, 50)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := w.Commit(t.Context(), st, "d")
	if err != nil || shards.SampleShardKey("d", s.ID) != want {
		t.Errorf("refused rows left a trace: %s, %v", s.ID, err)
	}
	c, err := shards.NewCaptionWriter(checked(t), meta)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort()
	if err := c.Append(schemas.CaptionRow{Key: "k", Status: schemas.RowCaptioned, Captions: []schemas.Caption{{Text: bad}}}); !errors.Is(err, schemas.ErrMalformed) {
		t.Errorf("caption that is not UTF-8: %v; want ErrMalformed", err)
	}
}

// TestSpool: nothing of a writer is left on disk, nor may it be used again.
func TestSpool(t *testing.T) {
	for _, end := range []string{"commit", "abort", "failed commit"} {
		cfg := checked(t)
		st := storetest.NewFaults(memstore.New())
		if end == "failed commit" {
			st.Fail(storetest.Fault{Op: storetest.Put})
		}
		w, err := shards.NewSampleWriter(cfg, meta)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			if err := w.Append(sample(i, 100)); err != nil {
				t.Fatal(err)
			}
		}
		if files, err := os.ReadDir(cfg.Dir); err != nil || len(files) != 0 {
			t.Errorf("%s: %v, %v while it is written; want nothing", end, files, err)
		}
		switch end {
		case "abort":
			w.Abort()
		case "commit":
			if _, err := w.Commit(t.Context(), st, "d"); err != nil {
				t.Error(err)
			}
		default:
			if _, err := w.Commit(t.Context(), st, "d"); !errors.Is(err, storetest.ErrFault) {
				t.Errorf("%v; want the fault", err)
			}
		}
		w.Abort()
		if err := w.Append(sample(0, 1)); err == nil {
			t.Errorf("%s: appended after it", end)
		}
		if _, err := w.Commit(t.Context(), st, "d"); err == nil {
			t.Errorf("%s: committed after it", end)
		}
	}
}

// TestSharedShard: an unchanged shard is uploaded once.
func TestSharedShard(t *testing.T) {
	st := storetest.NewFaults(memstore.New())
	key, _ := cut(t, st, checked(t), 10, 100)
	cut(t, st, checked(t), 10, 100)
	if n := st.Calls(storetest.Put); n != 1 {
		t.Errorf("%d uploads; want 1", n)
	}
	storetest.MustPut(t, st, key, []byte("damaged"))
	_, s := cut(t, st, checked(t), 10, 100)
	if err := shards.Verify(t.Context(), st, key, s.File); err != nil {
		t.Errorf("a damaged shard was not written anew: %v", err)
	}
}

func TestRequests(t *testing.T) {
	mem := memstore.New()
	cfg := checked(t)
	cfg.BatchBytes = 20_000
	key, shard := cut(t, mem, cfg, 1024, 2000)
	if n := len(shard.File.Batches); n < 50 {
		t.Fatalf("%d batches: too few for the test", n)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		rows := r.Perm(1024)[:10]
		st := storetest.NewFaults(mem)
		rd, err := shards.Open(t.Context(), st, key, shard.File)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, s := range collect(t, rd.Samples(t.Context(), shards.RowsAt(rows...)...)) {
			got = append(got, s.Row)
			if d := cmp.Diff(sample(s.Row, 2000), s.Sample); d != "" {
				t.Fatal(d)
			}
		}
		slices.Sort(rows)
		if d := cmp.Diff(rows, got); d != "" {
			t.Errorf("rows (-want +got):\n%s", d)
		}
		if n := st.Requests(); n > 3 {
			t.Errorf("rows %v took %d requests; want at most 3", rows, n)
		}
	}
	st := storetest.NewFaults(mem)
	rd := reader(t, st, key, shard.File).Ahead(500_000)
	collect(t, rd.Samples(t.Context()))
	if n, most := st.Requests(), 2+int(shard.File.Bytes/400_000); n > most {
		t.Errorf("the whole shard of %d bytes took %d requests; want at most %d", shard.File.Bytes, n, most)
	}
	small, file := cut(t, mem, checked(t), 20, 10)
	st = storetest.NewFaults(mem)
	collect(t, reader(t, st, small, file.File).Samples(t.Context()))
	if n := st.Requests(); n != 1 {
		t.Errorf("a small shard took %d requests; want 1", n)
	}
}

// TestReadAheadIsBounded: no more is fetched than the bound while a batch is
// in use.
func TestReadAheadIsBounded(t *testing.T) {
	st := storetest.NewFaults(memstore.New())
	cfg := checked(t)
	cfg.BatchRows = 1
	key, shard := cut(t, st, cfg, 30, 100_000)
	rd := reader(t, st, key, shard.File).Ahead(1)
	n := 0
	for _, err := range rd.Batches(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		// Asked for: n. In the channel: one. Being sent for: one.
		if calls := st.Calls(storetest.ReadRange); calls > n+2 {
			t.Errorf("%d batches asked for, %d fetched", n, calls)
		}
		if n == 20 {
			break
		}
	}
}

func TestReadErrors(t *testing.T) {
	mem := memstore.New()
	cfg := checked(t)
	cfg.BatchRows = 10
	key, shard := cut(t, mem, cfg, 100, 10_000)
	for _, when := range []storetest.Moment{storetest.Before, storetest.After} {
		st := storetest.NewFaults(mem)
		rd := reader(t, st, key, shard.File).Ahead(150_000)
		st.Fail(storetest.Fault{Op: storetest.ReadRange, N: 3, When: when})
		n, err := last(rd.Samples(t.Context()))
		if !errors.Is(err, storetest.ErrFault) || n != 20 {
			t.Errorf("moment %d: %d rows, %v; want 20 and the fault", when, n, err)
		}
		if errors.Is(err, shards.ErrCorrupt) {
			t.Errorf("a lost connection is called corrupt: %v", err)
		}
	}
	rd, err := shards.Open(t.Context(), mem, key, shard.File)
	if err != nil {
		t.Fatal(err)
	}
	storetest.MustPut(t, mem, key, get(t, mem, key))
	if _, err := last(rd.Samples(t.Context())); !errors.Is(err, shards.ErrChanged) {
		t.Errorf("replaced since it was opened: %v; want ErrChanged", err)
	}
	if _, err := shards.Open(t.Context(), mem, "none", shard.File); !errors.Is(err, shards.ErrNotFound) {
		t.Errorf("%v; want ErrNotFound", err)
	}
}

// TestDamagedOnTheWay: what comes damaged once is fetched again.
func TestDamagedOnTheWay(t *testing.T) {
	mem := memstore.New()
	key, shard := cut(t, mem, checked(t), 100, 10_000)
	good := get(t, mem, key)
	bad := bytes.Clone(good)
	for _, blk := range append([]schemas.Batch{{Block: shard.File.Footer}}, shard.File.Batches...) {
		bad[blk.Offset+blk.Bytes/2] ^= 4
	}
	st := &damaged{Store: mem, key: key, good: good, bad: bad}
	rd, err := shards.Open(t.Context(), st, key, shard.File)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := last(rd.Samples(t.Context())); n != 100 || err != nil {
		t.Errorf("%d rows, %v; want 100", n, err)
	}
	if st.reads != 5 { // footer twice, the span, each batch again
		t.Errorf("%d requests; want 5", st.reads)
	}
}

func TestConfigErrors(t *testing.T) {
	if _, err := shards.NewSampleWriter(shards.WriterConfig{}, nil); err == nil {
		t.Error("made a writer without bounds")
	}
	cfg := shards.DefaultWriterConfig()
	cfg.Dir = "/nowhere/at/all"
	if _, err := shards.NewSampleWriter(cfg, nil); err == nil {
		t.Error("made a writer without a spool")
	}
}

package shards_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"

	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/internal/arrowfile"
	"recaption/shards/memstore"
	"recaption/shards/storetest"
)

// damaged brings damaged bytes the first time that each range is asked for.
type damaged struct {
	shards.Store
	key       string
	good, bad []byte
	reads     int
}

func (d *damaged) ReadTail(ctx context.Context, key string, n int64) (shards.Tail, error) {
	t, err := d.Store.ReadTail(ctx, key, n)
	if d.reads++; d.reads == 1 {
		t.Bytes = bytes.Clone(d.bad[len(d.bad)-len(t.Bytes):])
	}
	return t, err
}

func (d *damaged) ReadRange(_ context.Context, _ string, off, n int64, _ string) (io.ReadCloser, error) {
	from := d.good
	if d.reads++; d.reads == 3 {
		from = d.bad
	}
	return io.NopCloser(bytes.NewReader(from[off : off+n])), nil
}

// described is the record that a writer of b would have committed, as far as b
// can be read, whatever b is: with it, no digest stands between b and its
// reader.
func described(b []byte) schemas.File {
	size := int64(len(b))
	f := schemas.File{SHA256: schemas.Sum(b), Bytes: size}
	at, err := arrowfile.FooterAt(b, size)
	if err != nil {
		return f
	}
	f.Footer = schemas.Block{Offset: at, Bytes: size - at, SHA256: schemas.Sum(b[at:])}
	footer, err := arrowfile.ParseFooter(b[at:], at)
	if err != nil {
		return f
	}
	for _, blk := range footer.Blocks {
		body := b[blk.Offset:][:blk.Bytes()]
		batch := schemas.Batch{Block: schemas.Block{Offset: blk.Offset, Bytes: blk.Bytes(), SHA256: schemas.Sum(body)}}
		if rec, err := footer.Record(body, blk); err == nil {
			batch.Rows = int(rec.NumRows())
		}
		f.Batches = append(f.Batches, batch)
		f.Rows += batch.Rows
	}
	return f
}

// TestFlippedBits flips a bit of each byte of small files, one at a time. What
// was flipped after the commit is ErrCorrupt; what was committed so is an error
// or rows.
func TestFlippedBits(t *testing.T) {
	st := memstore.New()
	cfg := checked(t)
	cfg.BatchRows = 3
	key, shard := cut(t, st, cfg, 7, 20)
	files := map[string]schemas.File{key: shard.File, "captions.arrow": write(t, st, cfg, "captions.arrow", 7)}
	for key, f := range files {
		good := get(t, st, key)
		rows, silent := 0, 0
		for i := range good {
			b := bytes.Clone(good)
			b[i] ^= 1 << (i * 5 % 8)
			storetest.MustPut(t, st, "bad.arrow", b)
			if err := shards.Verify(t.Context(), st, "bad.arrow", f); !errors.Is(err, shards.ErrCorrupt) {
				t.Fatalf("%s: byte %d: verify: %v; want ErrCorrupt", key, i, err)
			}
			inHead := int64(i) < f.Batches[0].Offset // which a reader does not fetch
			if _, err := read(t, st, "bad.arrow", f); !errors.Is(err, shards.ErrCorrupt) && !inHead {
				t.Fatalf("%s: byte %d: read: %v; want ErrCorrupt", key, i, err)
			}
			n, err := read(t, st, "bad.arrow", described(b))
			switch {
			case err == nil:
				silent++
			case !errors.Is(err, shards.ErrCorrupt) && !errors.Is(err, schemas.ErrVersion):
				t.Fatalf("%s: byte %d: committed so: %v; want ErrCorrupt or ErrVersion", key, i, err)
			}
			rows = max(rows, n)
		}
		if rows > f.Rows {
			t.Errorf("%s: a flipped bit made %d rows of %d", key, rows, f.Rows)
		}
		t.Logf("%s: %d bytes, %d flips went unseen where they were committed", key, len(good), silent)
	}
}

// read reads whatever can be read and gives the error that ended it.
func read(t *testing.T, st shards.Store, key string, f schemas.File) (int, error) {
	t.Helper()
	r, err := shards.Open(t.Context(), st, key, f)
	if err != nil {
		return 0, err
	}
	if r.SchemaName() == schemas.CaptionsSchema {
		return last(r.Captions(t.Context()))
	}
	return last(r.Samples(t.Context()))
}

// TestCutShort cuts small files at every length.
func TestCutShort(t *testing.T) {
	st := memstore.New()
	cfg := checked(t)
	cfg.BatchRows = 3
	key, shard := cut(t, st, cfg, 7, 20)
	good := get(t, st, key)
	for n := range good {
		storetest.MustPut(t, st, "bad.arrow", good[:n])
		if _, err := read(t, st, "bad.arrow", shard.File); !errors.Is(err, shards.ErrCorrupt) {
			t.Fatalf("%d bytes: %v; want ErrCorrupt", n, err)
		}
		if _, err := read(t, st, "bad.arrow", described(good[:n])); !errors.Is(err, shards.ErrCorrupt) {
			t.Fatalf("%d bytes, committed so: %v; want ErrCorrupt", n, err)
		}
	}
}

// TestWrongRecords: a record that lies about its file is found out.
func TestWrongRecords(t *testing.T) {
	st := memstore.New()
	cfg := checked(t)
	cfg.BatchRows = 3
	key, shard := cut(t, st, cfg, 7, 20)
	for name, change := range map[string]func(*schemas.File){
		"size":          func(f *schemas.File) { f.Bytes++ },
		"digest":        func(f *schemas.File) { f.SHA256[0]++ },
		"footer":        func(f *schemas.File) { f.Footer.SHA256[0]++ },
		"footer behind": func(f *schemas.File) { f.Footer.Offset++ },
		"footer huge":   func(f *schemas.File) { f.Footer.Offset, f.Footer.Bytes = -1<<40, 1<<40+f.Bytes },
		"no footer":     func(f *schemas.File) { f.Footer = schemas.Block{} },
		"batch":         func(f *schemas.File) { f.Batches[1].SHA256[0]++ },
		"batch moved":   func(f *schemas.File) { f.Batches[1].Offset += 8 },
		"batch longer":  func(f *schemas.File) { f.Batches[1].Bytes += 8 },
		"batch missing": func(f *schemas.File) { f.Batches = f.Batches[1:] },
		"rows":          func(f *schemas.File) { f.Batches[1].Rows++ },
	} {
		f := shard.File
		f.Batches = append([]schemas.Batch{}, f.Batches...)
		change(&f)
		if err := shards.Verify(t.Context(), st, key, f); !errors.Is(err, shards.ErrCorrupt) {
			t.Errorf("%s: verify: %v; want ErrCorrupt", name, err)
		}
		if _, err := read(t, st, key, f); !errors.Is(err, shards.ErrCorrupt) && name != "digest" {
			t.Errorf("%s: read: %v; want ErrCorrupt", name, err)
		}
	}
}

// FuzzRead reads whatever was committed as a file of ours: an error or rows, in
// memory bounded by its size.
func FuzzRead(f *testing.F) {
	st := memstore.New()
	cfg := shards.DefaultWriterConfig()
	cfg.BatchRows = 3
	key, _ := cut(f, st, cfg, 7, 20)
	write(f, st, cfg, "captions.arrow", 7)
	f.Add(get(f, st, key))
	f.Add(get(f, st, "captions.arrow"))
	f.Fuzz(func(t *testing.T, b []byte) {
		st := memstore.New()
		storetest.MustPut(t, st, "f.arrow", b)
		f := described(b)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		n, err := read(t, st, "f.arrow", f)
		runtime.ReadMemStats(&after)
		if err != nil && !errors.Is(err, shards.ErrCorrupt) && !errors.Is(err, schemas.ErrVersion) {
			t.Errorf("%v; want ErrCorrupt or ErrVersion", err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > uint64(1<<20+200*len(b)) {
			t.Errorf("%d bytes made %d of memory", len(b), got)
		}
		if n > len(b) {
			t.Errorf("%d rows of %d bytes", n, len(b))
		}
	})
}

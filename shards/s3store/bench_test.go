package s3store_test

import (
	"bytes"
	"fmt"
	"testing"

	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/storetest"
)

const (
	benchRows  = 1024
	benchImage = 60_000 // bytes: a JPEG of 512 pixels
)

func benchSamples() []schemas.Sample {
	noise := storetest.Random(benchRows + benchImage)
	all := make([]schemas.Sample, benchRows)
	for i := range all {
		alt := fmt.Sprintf("alt-text %d", i)
		image := noise[i : i+benchImage]
		all[i] = schemas.Sample{
			Key: fmt.Sprintf("%05d", i), Image: image, ImageSHA256: schemas.Sum(image), MediaType: "image/jpeg",
			AltText: &alt, Status: schemas.SampleOK,
		}
	}
	return all
}

func commit(b *testing.B, st shards.Store, all []schemas.Sample, meta string) schemas.Shard {
	b.Helper()
	w, err := shards.NewSampleWriter(shards.DefaultWriterConfig(), map[string]string{"bench": meta})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Abort()
	for _, s := range all {
		if err := w.Append(s); err != nil {
			b.Fatal(err)
		}
	}
	s, err := w.Commit(b.Context(), st, "d")
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkWrite compares a shard of 60 MB written by rows with the store's own
// writing of as many bytes.
func BenchmarkWrite(b *testing.B) {
	st := open(b, gateway(b))
	all := benchSamples()
	b.Run("raw", func(b *testing.B) {
		body := storetest.Random(benchRows * benchImage)
		b.SetBytes(int64(len(body)))
		for i := range b.N {
			if err := st.Put(b.Context(), fmt.Sprintf("raw/%d", i), bytes.NewReader(body), int64(len(body))); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("shard", func(b *testing.B) {
		b.SetBytes(benchRows * benchImage)
		for i := range b.N {
			commit(b, st, all, fmt.Sprint(b.N, i))
		}
	})
}

// BenchmarkRead reads a shard of 60 MB: as bytes, by verified rows, and ten
// rows of it.
func BenchmarkRead(b *testing.B) {
	st := open(b, gateway(b))
	shard := commit(b, st, benchSamples(), "")
	key := shards.SampleShardKey("d", shard.ID)
	b.Run("raw", func(b *testing.B) {
		b.SetBytes(shard.File.Bytes)
		for range b.N {
			if _, err := st.Get(b.Context(), key, shard.File.Bytes); err != nil {
				b.Fatal(err)
			}
		}
	})
	read := func(b *testing.B, st shards.Store, rows ...schemas.RowRange) (n int) {
		r, err := shards.Open(b.Context(), st, key, shard.File)
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range r.Samples(b.Context(), rows...) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		return n
	}
	b.Run("rows", func(b *testing.B) {
		b.SetBytes(shard.File.Bytes)
		for range b.N {
			if n := read(b, st); n != benchRows {
				b.Fatalf("%d rows", n)
			}
		}
	})
	b.Run("10 rows", func(b *testing.B) {
		counted := storetest.NewFaults(st)
		for range b.N {
			if n := read(b, counted, shards.RowsAt(3, 100, 101, 250, 400, 401, 402, 777, 900, 1023)...); n != 10 {
				b.Fatalf("%d rows", n)
			}
		}
		b.ReportMetric(float64(counted.Requests())/float64(b.N), "requests/op")
	})
}

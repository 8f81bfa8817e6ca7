package cut

import (
	"archive/tar"
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"recaption/coordinator/source"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/dirstore"
)

// BenchmarkPart cuts a tar of 4,000 samples, images of 20 to 60 KB, from disk
// into a store in a folder; BenchmarkStore writes as many bytes to that store
// in objects of the shards' size, which is the most that a cut could reach.
func BenchmarkPart(b *testing.B) {
	dir := b.TempDir()
	path := filepath.Join(dir, "in.tar")
	size := writeTar(b, path, 4000)
	src, err := source.Open(b.Context(), path, source.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	n := 0
	for b.Loop() {
		n++
		d := schemas.Dataset{Dataset: "d", Revision: schemas.RevisionID(fmt.Sprintf("%016x", n)), Cut: schemas.DefaultCutLimits()}
		c, err := New(emptyStore(b, filepath.Join(dir, "out")), d, Config{Spool: dir})
		if err != nil {
			b.Fatal(err)
		}
		for p, err := range src.Parts(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
			if record, err := c.Part(b.Context(), src, p, All); err != nil || record.Rows() != 4000 {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(4000*float64(n)/b.Elapsed().Seconds(), "samples/s")
}

func BenchmarkStore(b *testing.B) {
	dir := b.TempDir()
	const size, objects = 40 << 20, 4 // 1,024 samples of 40 KB
	body := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(body) // never fails
	b.SetBytes(size * objects)
	for b.Loop() {
		st := emptyStore(b, filepath.Join(dir, "out"))
		for i := range objects {
			if err := st.Put(b.Context(), fmt.Sprintf("o/%d", i), bytes.NewReader(body), size); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// emptyStore is a store in the folder dir, emptied.
func emptyStore(b *testing.B, dir string) shards.Store {
	b.StopTimer()
	defer b.StartTimer()
	if err := os.RemoveAll(dir); err != nil {
		b.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	st, err := dirstore.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	return st
}

// writeTar writes a tar of n samples, images of 20 to 60 KB, and gives its size.
func writeTar(b testing.TB, path string, n int) int64 {
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			b.Error(err)
		}
	}()
	var head bytes.Buffer
	if err := png.Encode(&head, image.NewGray(image.Rect(0, 0, 64, 64))); err != nil {
		b.Fatal(err)
	}
	w := tar.NewWriter(f)
	rng := rand.NewChaCha8([32]byte{1})
	add := func(name string, data []byte) {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o644}); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	for i := range n {
		img := make([]byte, 20_000+rng.Uint64()%40_000)
		_, _ = rng.Read(img)    // never fails
		copy(img, head.Bytes()) // what follows a PNG's end is not looked at
		add(fmt.Sprintf("%06d.png", i), img)
		add(fmt.Sprintf("%06d.txt", i), []byte("some words of alt-text"))
		add(fmt.Sprintf("%06d.json", i), []byte(`{"url":"https://example.com/a.png","width":64}`))
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		b.Fatal(err)
	}
	return size
}

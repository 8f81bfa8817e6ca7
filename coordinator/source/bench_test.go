package source

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"recaption/schemas"
)

// BenchmarkReadTar reads a tar of a thousand samples from memory: images of 20
// to 60 KB, a text and a context each.
func BenchmarkReadTar(b *testing.B) {
	rng := rand.NewChaCha8([32]byte{1})
	var members []memberFile
	for i := range 1000 {
		img := make([]byte, 20_000+rng.Uint64()%40_000)
		_, _ = rng.Read(img)  // never fails
		copy(img, picture(i)) // what follows a PNG's end is not looked at
		key := fmt.Sprintf("%06d", i)
		members = append(members, files(key+".png", string(img), key+".txt", "some words of alt-text", key+".json", `{"url":"https://example.com/a.png","width":640}`)...)
	}
	archive := pack(b, members)
	b.SetBytes(int64(len(archive)))
	for b.Loop() {
		n := 0
		var report Report
		if err := readTar(context.Background(), bytes.NewReader(archive), "t.tar", &report, func(schemas.Sample) bool { n++; return true }); err != nil || n != 1000 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
}

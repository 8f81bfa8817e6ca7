package feed

import (
	"context"
	"fmt"
	"iter"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/dirstore"
	"recaption/trainer/feed/feedtest"
)

// benchSite has shards of 1,024 rows in record batches of 64.
func benchSite(b *testing.B, st shards.Store, n, size int) schemas.EpochList {
	b.Helper()
	cfg := feedtest.Config{Dataset: "d", Shards: n, Rows: 1024, BatchRows: 64, Size: size, Pictures: 256, Recipes: 1, Spool: b.TempDir()}
	_, err := feedtest.Write(b.Context(), st, cfg)
	must(b, err)
	c := catalogue(b, st, policy())
	must(b, c.List(b.Context()))
	l, err := c.Freeze(b.Context(), DefaultPlan("t", 0))
	must(b, err)
	return l
}

// BenchmarkFedFromS3 makes batches of 224-pixel JPEGs, in turn of encoded bytes
// that lie in memory and through the S3 gateway, which shares the machine.
func BenchmarkFedFromS3(b *testing.B) {
	st := gateway(b)
	l := benchSite(b, st, 4, 224)
	c := BatchConfig{Rows: 128, Pixels: CLIPPixels(224), Tokens: clipTokens(b, 77), Ahead: 1}
	r := reader(b, st, l, 0, 1)
	var held []Sample
	for s, err := range r.Samples(b.Context(), 0) {
		must(b, err)
		s.Image = append([]byte(nil), s.Image...)
		held = append(held, s)
	}
	memory := func(context.Context) iter.Seq2[Sample, error] {
		return func(yield func(Sample, error) bool) {
			for _, s := range held {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
	epoch := func(batches iter.Seq2[*Batch, error]) float64 {
		rows, start := 0, time.Now()
		for f, err := range batches {
			must(b, err)
			rows += f.Rows
		}
		return float64(rows) / time.Since(start).Seconds()
	}
	var fromMemory, fromS3 float64
	for range b.N {
		fromMemory += epoch(r.batches(b.Context(), c, memory)) / float64(b.N)
		fromS3 += epoch(reader(b, st, l, 0, 1).Batches(b.Context(), c, 0)) / float64(b.N)
	}
	b.ReportMetric(fromMemory, "memory-images/s")
	b.ReportMetric(fromS3, "s3-images/s")
	b.ReportMetric(100*fromS3/fromMemory, "%")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSamples reads, verifies and mixes without decoding.
func BenchmarkSamples(b *testing.B) {
	st := gateway(b)
	l := benchSite(b, st, 4, 224)
	rows, start := 0, time.Now()
	for range b.N {
		for _, err := range reader(b, st, l, 0, 1).Samples(b.Context(), 0) {
			must(b, err)
			rows++
		}
	}
	b.ReportMetric(float64(rows)/time.Since(start).Seconds(), "samples/s")
}

// BenchmarkMemory reads epochs of 20,480 and 204,800 samples whole, and
// reports the most memory that the process had meanwhile.
func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{20, 200} {
		b.Run(fmt.Sprint(n*1024), func(b *testing.B) {
			st, err := dirstore.Create(b.TempDir())
			must(b, err)
			defer st.Close()
			l := benchSite(b, st, n, 160)
			c := BatchConfig{Rows: 128, Pixels: CLIPPixels(32), Tokens: clipTokens(b, 77), Ahead: 1}
			debug.FreeOSMemory()
			runtime.GC()
			resetPeak(b)
			for range b.N {
				for _, err := range reader(b, st, l, 0, 1).Batches(b.Context(), c, 0) {
					must(b, err)
				}
			}
			b.ReportMetric(peak(b), "peak-MiB")
		})
	}
}

func resetPeak(b *testing.B) {
	b.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Skip(err)
	}
}

// peak is the most memory that the process had resident since resetPeak.
func peak(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	must(b, err)
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	kb, err := strconv.ParseFloat(strings.Fields(line)[0], 64)
	must(b, err)
	return kb / 1024
}

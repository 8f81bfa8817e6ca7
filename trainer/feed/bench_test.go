package feed

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/dirstore"
	"recaption/trainer/feed/feedtest"
	"recaption/trainer/mix"
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
// and captions that lie in memory and of what is read through the S3 gateway,
// which shares the machine. Both choose texts. cores-% counts the seconds of
// cores, the gateway's included: other programs disturb it less than the clock's.
func BenchmarkFedFromS3(b *testing.B) {
	st := gateway(b)
	l := benchSite(b, st, 16, 224)
	c := BatchConfig{Rows: 128, Pixels: CLIPPixels(224), Tokens: clipTokens(b, 77), Ahead: 1}
	r := reader(b, st, l, 0, 1)
	held := heldRows(b, r)
	memory := func(context.Context) iter.Seq2[Sample, error] {
		return func(yield func(Sample, error) bool) {
			for p := range r.order.From(0, 1) {
				row := held[[2]int{p.Entry, p.Row}]
				if !yield(r.show(p.Position, "d", row.sample, row.captions), nil) {
					return
				}
			}
		}
	}
	var fromMemory, fromS3 pace
	for range b.N {
		fromMemory.epoch(b, r.batches(b.Context(), c, memory))
		fromS3.epoch(b, reader(b, st, l, 0, 1).Batches(b.Context(), c, 0))
	}
	b.ReportMetric(fromMemory.rows/fromMemory.wall, "memory-images/s")
	b.ReportMetric(fromS3.rows/fromS3.wall, "s3-images/s")
	b.ReportMetric(100*fromMemory.wall/fromS3.wall*fromS3.rows/fromMemory.rows, "%")
	b.ReportMetric(100*fromMemory.cpu/fromS3.cpu*fromS3.rows/fromMemory.rows, "cores-%")
	b.ReportMetric(1e6*fromMemory.cpu/fromMemory.rows, "memory-core-us/image")
	b.ReportMetric(1e6*fromS3.cpu/fromS3.rows, "s3-core-us/image")
	b.ReportMetric(0, "ns/op")
}

type heldRow struct {
	sample   schemas.Sample
	captions []mix.RecipeRow
}

// heldRows reads all rows of a list into memory, by entry and row.
func heldRows(b *testing.B, r *Reader) map[[2]int]heldRow {
	b.Helper()
	held := map[[2]int]heldRow{}
	for i, e := range r.list.Entries {
		all := schemas.RowRange{To: e.File.Rows}
		samples, err := readAll(b.Context(), r, shards.SampleShardKey(e.Dataset, e.Shard), e.File, all, (*shards.Reader).Samples)
		must(b, err)
		made, err := readAll(b.Context(), r, captionsObject(e.Shard, e.Captions[0]), e.Captions[0].File, all, (*shards.Reader).Captions)
		must(b, err)
		for j, s := range samples {
			s.Image = bytes.Clone(s.Image)
			held[[2]int{i, s.Row}] = heldRow{s.Sample, []mix.RecipeRow{{Recipe: e.Captions[0].Recipe, CaptionRow: made[j].CaptionRow}}}
		}
	}
	return held
}

// pace sums epochs: rows, and seconds by the clock and of the cores.
type pace struct{ rows, wall, cpu float64 }

func (p *pace) epoch(b *testing.B, batches iter.Seq2[*Batch, error]) {
	b.Helper()
	cores, start := cpuSeconds(b), time.Now()
	for f, err := range batches {
		must(b, err)
		p.rows += float64(f.Rows)
	}
	p.wall += time.Since(start).Seconds()
	p.cpu += cpuSeconds(b) - cores
}

// cpuSeconds is what this process and its children have used of the cores.
func cpuSeconds(b *testing.B) float64 {
	b.Helper()
	var u unix.Rusage
	must(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	sum := float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	tasks, err := filepath.Glob("/proc/[0-9]*/stat")
	must(b, err)
	for _, path := range tasks {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, behind, _ := strings.Cut(string(stat), ") ") // the name may hold blanks
		f := strings.Fields(behind)
		if f[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		for _, ticks := range f[11:13] { // user and system, in hundredths of a second
			n, err := strconv.ParseFloat(ticks, 64)
			must(b, err)
			sum += n / 100
		}
	}
	return sum
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

package vlm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"recaption/internal/ort"
)

// The benchmarks run testdata/tiny, or the model that RECAPTION_TEST_MODEL
// names with the pictures and prompt of RECAPTION_TEST_IMAGES and
// RECAPTION_TEST_PROMPT.
func benchSamples(b *testing.B, e *Engine, n int) []*Prepared {
	b.Helper()
	pattern, prompt := os.Getenv("RECAPTION_TEST_IMAGES"), os.Getenv("RECAPTION_TEST_PROMPT")
	if pattern == "" {
		pattern, prompt = "testdata/tiny/images/*.png", "<image><alt>a red star<caption>"
	}
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		b.Fatalf("no pictures %s: %v", pattern, err)
	}
	out := make([]*Prepared, n)
	for i := range out {
		image, err := os.ReadFile(files[i%len(files)])
		if err != nil {
			b.Fatal(err)
		}
		if out[i], err = e.Prepare(Request{Image: image, Prompt: prompt}); err != nil {
			b.Fatal(err)
		}
	}
	return out
}

func benchModel() string {
	if dir := os.Getenv("RECAPTION_TEST_MODEL"); dir != "" {
		return dir
	}
	return tiny
}

// BenchmarkEngine captions ready samples, with as many calls as keep it busy.
func BenchmarkEngine(b *testing.B) {
	for _, c := range []struct{ lanes, threads, batch int }{{2, 1, 64}, {1, 2, 64}, {1, 1, 16}, {1, 1, 32}, {1, 1, 64}, {1, 1, 128}} {
		b.Run(fmt.Sprintf("lanes=%d,threads=%d,batch=%d", c.lanes, c.threads, c.batch), func(b *testing.B) {
			e := start(b, benchModel(), config(func(f *Config) { f.Lanes, f.Threads, f.BatchSize = c.lanes, c.threads, c.batch }))
			ps := benchSamples(b, e, 256)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime(b)
			work, tokens := make(chan *Prepared), make(chan int, e.Busy())
			var wg sync.WaitGroup
			for range e.Busy() {
				wg.Go(func() {
					n := 0
					for p := range work {
						got, err := e.Generate(context.Background(), p)
						if err != nil {
							b.Error(err)
						}
						n += len(got.TokenIDs)
					}
					tokens <- n
				})
			}
			for i := range b.N {
				work <- ps[i%len(ps)]
			}
			close(work)
			wg.Wait()
			total := 0
			for range e.Busy() {
				total += <-tokens
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "captions/s")
			b.ReportMetric(float64(total)/float64(b.N), "tokens/caption")
			b.ReportMetric(float64(b.N)/(cpuTime(b)-before).Seconds(), "captions/cpu-s")
		})
	}
}

// cpuTime is what the process has used: it tells more than the clock where
// others use the machine too.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchLane(b *testing.B, n int) (*lane, []*row) {
	e := open(b, benchModel(), config(func(f *Config) { f.Lanes, f.Threads = 1, 1 }))
	l, err := newLane(e)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(l.close)
	var rows []*row
	for _, p := range benchSamples(b, e, n) {
		r := newRow(context.Background(), p)
		r.reset()
		rows = append(rows, r)
	}
	return l, rows
}

// BenchmarkVision runs the vision graph on 32 pictures, on one thread.
func BenchmarkVision(b *testing.B) {
	l, rows := benchLane(b, 32)
	bt := newBatch(rows)
	ids, err := bt.prompts(l.e.pad, l.e.family.imageToken())
	if err != nil {
		b.Fatal(err)
	}
	defer ids.Close()
	embeds, err := l.one(l.embed, l.e.embedOut, ort.Feed{Name: "input_ids", Value: ids})
	if err != nil {
		b.Fatal(err)
	}
	defer embeds.Close()
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		v, err := l.see(bt, 0, len(rows), embeds)
		if err != nil {
			b.Fatal(err)
		}
		v.Close()
	}
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// BenchmarkPrefill runs 32 prompts with their pictures, on one thread.
func BenchmarkPrefill(b *testing.B) {
	l, rows := benchLane(b, 32)
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		bt := newBatch(rows)
		logits, err := l.prefill(bt)
		if err != nil {
			b.Fatal(err)
		}
		logits.Close()
		bt.close()
	}
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// BenchmarkStep decodes one token of 32 rows, on one thread, choice included;
// the cache grows to 64 tokens beyond the prompt and starts again.
func BenchmarkStep(b *testing.B) {
	l, rows := benchLane(b, 32)
	var bt *batch
	b.ReportAllocs()
	before := cpuTime(b)
	for i := 0; b.Loop(); i++ {
		if i%64 == 0 {
			b.StopTimer()
			if bt != nil {
				bt.close()
			}
			bt = newBatch(rows)
			logits, err := l.prefill(bt)
			if err != nil {
				b.Fatal(err)
			}
			logits.Close()
			for _, r := range rows {
				r.reset()
				r.tokens = append(r.tokens, 5)
			}
			b.StartTimer()
		}
		logits, err := l.step(bt)
		if err != nil {
			b.Fatal(err)
		}
		got, err := l.greedy.Run([]ort.Feed{{Name: "logits", Value: logits}}, choiceOutputs)
		logits.Close()
		if err != nil {
			b.Fatal(err)
		}
		for _, v := range got {
			v.Close()
		}
	}
	bt.close()
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// BenchmarkPrepare is a sample's work before the graphs.
func BenchmarkPrepare(b *testing.B) {
	e := open(b, benchModel(), config())
	image, err := os.ReadFile("testdata/tiny/images/00.png")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Prepare(Request{Image: image, Prompt: "<image><alt>a red star<caption>"}); err != nil {
			b.Fatal(err)
		}
	}
}

package ort_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/internal/ort"
	"recaption/internal/ort/onnx"
)

// cache is a graph that grows like a decoder's cache: present = past ++ x, and
// sum is over all of present.
func cache(t *testing.T) *ort.Session {
	t.Helper()
	g := onnx.Graph{Name: "cache",
		Inputs:  []onnx.Port{{Name: "past", Type: onnx.Float, Dims: []any{"batch", "past_len", 2}}, {Name: "x", Type: onnx.Float, Dims: []any{"batch", "len", 2}}},
		Outputs: []onnx.Port{{Name: "present", Type: onnx.Float, Dims: []any{"batch", "total", 2}}, {Name: "sum", Type: onnx.Float, Dims: nil}},
	}
	g.Add("Concat", "present", map[string]any{"axis": 1}, "past", "x")
	g.Add("ReduceSum", "sum", map[string]any{"keepdims": 0}, "present")
	return load(t, g, ort.Options{IntraThreads: 1})
}

func load(t *testing.T, g onnx.Graph, o ort.Options) *ort.Session {
	t.Helper()
	s, err := ort.LoadBytes(g.Name, g.Marshal(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func runner(t *testing.T, s *ort.Session) *ort.Runner {
	t.Helper()
	r, err := s.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func value[T ort.Elem](t *testing.T, shape []int64, data ...T) *ort.Value {
	t.Helper()
	v, err := ort.New(shape, data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func TestPortsKeepSymbols(t *testing.T) {
	s := cache(t)
	var got []string
	for _, p := range append(s.Inputs(), s.Outputs()...) {
		got = append(got, p.String())
	}
	want := []string{"past float32[batch,past_len,2]", "x float32[batch,len,2]", "present float32[batch,total,2]", "sum float32[]"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOutputsFeedTheNextRun(t *testing.T) {
	s := cache(t)
	r := runner(t, s)
	past, err := ort.Make(ort.F32, []int64{1, 0, 2}) // a cache begins empty
	if err != nil {
		t.Fatal(err)
	}
	for step := range 100 {
		x := value(t, []int64{1, 1, 2}, float32(step), 1)
		out, err := r.Run([]ort.Feed{{"past", past}, {"x", x}}, []ort.Fetch{{Name: "present"}, {Name: "sum"}})
		if err != nil {
			t.Fatal(err)
		}
		past.Close()
		past = out[0]
		sum, err := ort.Data[float32](out[1])
		if err != nil {
			t.Fatal(err)
		}
		if want := float32(step*(step+1)/2 + step + 1); len(sum) != 1 || sum[0] != want {
			t.Fatalf("step %d: sum %v, want %v", step, sum, want)
		}
		out[1].Close()
	}
	if d := cmp.Diff([]int64{1, 100, 2}, past.Shape()); d != "" {
		t.Error(d)
	}
	past.Close()
}

func TestOutputIntoGivenMemory(t *testing.T) {
	s := cache(t)
	into, err := s.Alloc(ort.F32, []int64{1, 2, 2})
	if err != nil {
		t.Fatal(err)
	}
	defer into.Close()
	past, x := value[float32](t, []int64{1, 1, 2}, 1, 2), value[float32](t, []int64{1, 1, 2}, 3, 4)
	out, err := runner(t, s).Run([]ort.Feed{{"past", past}, {"x", x}}, []ort.Fetch{{Name: "present", Into: into}})
	if err != nil {
		t.Fatal(err)
	}
	if out[0] != into {
		t.Error("the output is not the value that was given")
	}
	got, _ := ort.Data[float32](into)
	if d := cmp.Diff([]float32{1, 2, 3, 4}, got); d != "" {
		t.Error(d)
	}
}

func TestPartSharesMemoryAndKeepsIt(t *testing.T) {
	whole, err := ort.New([]int64{3, 2}, []float32{0, 1, 2, 3, 4, 5})
	if err != nil {
		t.Fatal(err)
	}
	before := ort.LiveValues()
	part, err := whole.Part(2, []int64{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	d, _ := ort.Data[float32](whole)
	d[2] = 20
	whole.Close()
	whole.Close()
	got, err := ort.Data[float32](part)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]float32{20, 3}, got); d != "" {
		t.Error(d)
	}
	part.Close()
	if n := ort.LiveValues(); n != before-1 {
		t.Errorf("%d values live, want %d", n, before-1)
	}
	if _, err := whole.Part(0, []int64{1}); !errors.Is(err, ort.ErrClosed) {
		t.Errorf("part of a closed tensor: %v", err)
	}
}

func TestUseAfterCloseIsAnError(t *testing.T) {
	g := onnx.Graph{Name: "id", Inputs: []onnx.Port{{Name: "x", Type: onnx.Float, Dims: []any{"n"}}}, Outputs: []onnx.Port{{Name: "y", Type: onnx.Float, Dims: []any{"n"}}}}
	g.Add("Identity", "y", nil, "x")
	s := load(t, g, ort.Options{})
	r := runner(t, s)
	x := value[float32](t, []int64{1}, 1)
	gone := value[float32](t, []int64{1}, 1)
	gone.Close()
	for _, c := range []struct {
		name string
		use  func() error
	}{
		{"closed input", func() error { _, err := r.Run([]ort.Feed{{"x", gone}}, []ort.Fetch{{Name: "y"}}); return err }},
		{"nil input", func() error { _, err := r.Run([]ort.Feed{{"x", nil}}, []ort.Fetch{{Name: "y"}}); return err }},
		{"closed output", func() error { _, err := r.Run([]ort.Feed{{"x", x}}, []ort.Fetch{{Name: "y", Into: gone}}); return err }},
		{"closed data", func() error { _, err := ort.Data[float32](gone); return err }},
		{"closed session", func() error { s.Close(); _, err := r.Run([]ort.Feed{{"x", x}}, []ort.Fetch{{Name: "y"}}); return err }},
		{"new runner", func() error { _, err := s.NewRunner(); return err }},
		{"alloc", func() error { _, err := s.Alloc(ort.F32, []int64{1}); return err }},
		{"terminate", func() error { r.Close(); r.Close(); return r.Terminate() }},
	} {
		if err := c.use(); !errors.Is(err, ort.ErrClosed) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestErrorsNameWhatWasTried(t *testing.T) {
	s := cache(t)
	r := runner(t, s)
	x := value[float32](t, []int64{1, 1, 2}, 1, 2)
	odd := value[float32](t, []int64{1, 1, 3}, 1, 2, 3)
	bad := filepath.Join(t.TempDir(), "bad.onnx")
	if err := os.WriteFile(bad, []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		err  func() error
		want []string
	}{
		{"no such input", func() error { _, err := r.Run([]ort.Feed{{"z", x}}, nil); return err }, []string{"run cache", "no input z"}},
		{"no such output", func() error { _, err := r.Run(nil, []ort.Fetch{{Name: "z"}}); return err }, []string{"run cache", "no output z"}},
		{"wrong shape", func() error {
			_, err := r.Run([]ort.Feed{{"past", odd}, {"x", x}}, []ort.Fetch{{Name: "sum"}})
			return err
		}, []string{"run cache", "Expected: 2"}},
		{"no file", func() error { _, err := ort.Load("/no/such.onnx", ort.Options{}); return err }, []string{"load graph /no/such.onnx"}},
		{"no model", func() error { _, err := ort.Load(bad, ort.Options{}); return err }, []string{"load graph " + bad}},
		{"empty", func() error { _, err := ort.LoadBytes("none", nil, ort.Options{}); return err }, []string{"none: it is empty"}},
		{"elements", func() error { _, err := ort.New([]int64{2}, []float32{1}); return err }, []string{"2 elements, data 1"}},
		{"negative", func() error { _, err := ort.Make(ort.F32, []int64{-1}); return err }, []string{"out of bounds"}},
		{"huge", func() error { _, err := ort.Make(ort.F32, []int64{1 << 40, 1 << 40}); return err }, []string{"out of bounds"}},
		{"type", func() error { _, err := ort.Data[int64](x); return err }, []string{"float32, not int64"}},
		{"part", func() error { _, err := x.Part(1, []int64{2}); return err }, []string{"out of its bounds"}},
		{"second library", func() error { return ort.Open("/other.so") }, []string{"/other.so", "only one"}},
	} {
		err := c.err()
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q lacks %q", c.name, err, w)
			}
		}
	}
}

func TestOutOfMemoryHasItsError(t *testing.T) {
	g := onnx.Graph{Name: "huge", Inputs: []onnx.Port{{Name: "shape", Type: onnx.Int64, Dims: []any{1}}}, Outputs: []onnx.Port{{Name: "y", Type: onnx.Float, Dims: []any{"n"}}}}
	g.Add("ConstantOfShape", "y", nil, "shape")
	s := load(t, g, ort.Options{})
	n := value[int64](t, []int64{1}, 1<<50)
	if _, err := runner(t, s).Run([]ort.Feed{{"shape", n}}, []ort.Fetch{{Name: "y"}}); !errors.Is(err, ort.ErrOutOfMemory) {
		t.Errorf("got %v", err)
	}
}

func TestTerminatedRunSaysSo(t *testing.T) {
	s := cache(t)
	r := runner(t, s)
	if err := r.Terminate(); err != nil {
		t.Fatal(err)
	}
	x := value[float32](t, []int64{1, 1, 2}, 1, 2)
	if _, err := r.Run([]ort.Feed{{"past", x}, {"x", x}}, []ort.Fetch{{Name: "sum"}}); !errors.Is(err, ort.ErrTerminated) {
		t.Errorf("got %v", err)
	}
}

func TestManyRunnersOfOneSession(t *testing.T) {
	s := cache(t)
	var wg sync.WaitGroup
	for i := range 8 {
		r := runner(t, s)
		x := value(t, []int64{1, 1, 2}, float32(i), 0)
		wg.Go(func() {
			for range 50 {
				out, err := r.Run([]ort.Feed{{"past", x}, {"x", x}}, []ort.Fetch{{Name: "sum"}})
				if err != nil {
					t.Error(err)
					return
				}
				if d, _ := ort.Data[float32](out[0]); d[0] != float32(2*i) {
					t.Errorf("runner %d: sum %v", i, d)
				}
				out[0].Close()
			}
		})
	}
	wg.Wait()
}

func TestCopierCopies(t *testing.T) {
	c := ort.NewCopier(ort.CPU)
	defer c.Close()
	x := value[int64](t, []int64{2, 1}, 7, 8)
	y, err := c.Copy(x, ort.CPU)
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	got, _ := ort.Data[int64](y)
	if d := cmp.Diff([]int64{7, 8}, got); d != "" {
		t.Error(d)
	}
	if _, err := c.Copy(x, ort.CUDA(3)); err == nil {
		t.Error("copied to a device that is not the copier's")
	}
}

func TestDevices(t *testing.T) {
	for s, want := range map[string]ort.Device{"cpu": ort.CPU, "cuda": ort.CUDA(0), "cuda:3": ort.CUDA(3)} {
		if got, err := ort.ParseDevice(s); err != nil || got != want {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "gpu", "cuda:", "cuda:-1", "CPU"} {
		if _, err := ort.ParseDevice(s); err == nil {
			t.Errorf("%q is no device", s)
		}
	}
}

// A machine without a GPU must say so when one is asked for, not crash.
func TestNoGPUIsAnError(t *testing.T) {
	r, err := ort.Describe()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Providers {
		if p == "CUDAExecutionProvider" {
			t.Skip("this library has CUDA")
		}
	}
	g := onnx.Graph{Name: "id", Inputs: []onnx.Port{{Name: "x", Type: onnx.Float, Dims: []any{"n"}}}, Outputs: []onnx.Port{{Name: "y", Type: onnx.Float, Dims: []any{"n"}}}}
	g.Add("Identity", "y", nil, "x")
	s, err := ort.LoadBytes("id", g.Marshal(), ort.Options{Device: ort.CUDA(0)})
	if err == nil {
		s.Close()
		t.Fatal("loaded on CUDA with a library that lacks it")
	}
}

func TestSessionKeepsSignalHandlers(t *testing.T) {
	before := handler(t, syscall.SIGINT)
	load(t, onnx.Graph{Name: "empty", Inputs: []onnx.Port{{Name: "x", Type: onnx.Float, Dims: []any{1}}}, Outputs: []onnx.Port{{Name: "y", Type: onnx.Float, Dims: []any{1}}},
		Nodes: []onnx.Node{{Op: "Identity", Inputs: []string{"x"}, Outputs: []string{"y"}}}}, ort.Options{})
	if after := handler(t, syscall.SIGINT); after != before {
		t.Errorf("SIGINT's handler was %x, is %x", before, after)
	}
}

// handler reads the kernel's idea of who handles a signal.
func handler(t *testing.T, sig syscall.Signal) uint64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		if strings.HasPrefix(line, "SigCgt:") {
			var mask uint64
			for _, c := range strings.TrimSpace(line[7:]) {
				mask = mask<<4 | uint64(strings.IndexRune("0123456789abcdef", c))
			}
			return mask >> (uint(sig) - 1) & 1
		}
	}
	t.Skip("no SigCgt line")
	return 0
}

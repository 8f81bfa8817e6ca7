package vlm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recaption/internal/ort"
	"recaption/internal/ort/onnx"
	"recaption/schemas"
)

// poison is a sample that makes the runtime itself fail: its token is outside
// the embedding table.
func poison(p *Prepared) *Prepared {
	bad := *p
	bad.ids = slices.Clone(p.ids)
	bad.ids[len(bad.ids)-1] = 1 << 20
	return &bad
}

func TestOnlyThePoisonedFail(t *testing.T) {
	e := start(t, tiny, config(func(c *Config) { c.Lanes = 1 }))
	ps := prepare(t, e, goldens(t))
	want := generate(t, e, ps)
	for _, at := range [][]int{{0}, {7}, {19}, {3, 4, 5}, {0, 10, 19}} {
		mixed := slices.Clone(ps)
		for _, i := range at {
			mixed[i] = poison(ps[i])
		}
		var wg sync.WaitGroup
		for i, p := range mixed {
			wg.Go(func() {
				got, err := e.Generate(context.Background(), p)
				var s *SampleError
				switch bad := slices.Contains(at, i); {
				case bad && (!errors.As(err, &s) || s.Reason != schemas.ReasonEngine):
					t.Errorf("poison %v: sample %d: %v", at, i, err)
				case !bad && err != nil:
					t.Errorf("poison %v: sample %d: %v", at, i, err)
				case !bad:
					if d := cmp.Diff(want[i], got); d != "" {
						t.Errorf("poison %v: sample %d: %s", at, i, d)
					}
				}
			})
		}
		wg.Wait()
	}
}

// A runtime that fails on what it could do before ends the engine and blames no sample.
func TestDeadRuntimeEndsTheEngine(t *testing.T) {
	e := open(t, tiny, config(func(c *Config) { c.Lanes = 1 }))
	ps := prepare(t, e, goldens(t)[:4])
	run := make(chan error, 1)
	go func() { run <- e.Run(context.Background()) }()
	generate(t, e, ps)
	e.graphs.decoder.Close() // as a lost device: every run fails from here on
	var wg sync.WaitGroup
	for _, p := range ps {
		wg.Go(func() {
			if _, err := e.Generate(context.Background(), p); !errors.Is(err, ErrStopped) {
				t.Errorf("generate: %v", err)
			}
		})
	}
	wg.Wait()
	if err := <-run; !errors.Is(err, ort.ErrClosed) {
		t.Errorf("run: %v", err)
	}
	if _, err := e.Generate(context.Background(), ps[0]); !errors.Is(err, ErrStopped) {
		t.Errorf("generate after the end: %v", err)
	}
	if err := e.Run(context.Background()); err == nil {
		t.Error("ran twice")
	}
}

func TestCancelledCallsReturnAtOnce(t *testing.T) {
	e := open(t, tiny, config()) // nothing runs: a call can only end by its context
	p := prepare(t, e, goldens(t)[:1])[0]
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := e.Generate(ctx, p); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting: %v", err)
		}
	})
	cancel()
	wg.Wait()
	if _, err := e.Generate(ctx, p); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	if n := len(e.queue.close()); n != 0 {
		t.Errorf("%d calls still wait", n)
	}
}

// A cancelled row leaves its batch, and the others go on.
func TestCancelledRowLeavesItsBatch(t *testing.T) {
	e := open(t, tiny, config())
	l, err := newLane(e)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	gs := goldens(t)[:3]
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var rows []*row
	for i, p := range prepare(t, e, gs) {
		rows = append(rows, newRow(context.Background(), p))
		if i == 1 {
			rows[i].ctx = ctx
		}
	}
	if err := l.run(context.Background(), rows); err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		<-r.done
		if i == 1 && !errors.Is(r.err, context.Canceled) || i != 1 && (r.err != nil || !slices.Equal(r.caption.TokenIDs, gs[i].IDs)) {
			t.Errorf("row %d: %v, %v", i, r.caption, r.err)
		}
	}
}

func TestEndOfRunAnswersAll(t *testing.T) {
	e := open(t, tiny, config())
	ps := prepare(t, e, goldens(t))
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := e.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	})
	var calls sync.WaitGroup
	for range 200 {
		calls.Go(func() {
			for {
				if _, err := e.Generate(context.Background(), ps[0]); err != nil {
					if !errors.Is(err, ErrStopped) {
						t.Errorf("generate: %v", err)
					}
					return
				}
			}
		})
	}
	generate(t, e, ps) // the engine is in the middle of its work
	cancel()
	run.Wait()
	calls.Wait()
}

func TestPrepareErrorsBecomeRows(t *testing.T) {
	e := open(t, tiny, config())
	g := goldens(t)[0]
	long := strings.Repeat("word ", 200)
	for _, c := range []struct {
		name string
		r    Request
		want schemas.Reason
	}{
		{"no image", Request{Prompt: g.Prompt}, schemas.ReasonEmptyImage},
		{"no picture", Request{Image: []byte("hello there"), Prompt: g.Prompt}, schemas.ReasonUnsupportedFormat},
		{"cut picture", Request{Image: g.image[:30], Prompt: g.Prompt}, ""},
		{"two image tokens", Request{Image: g.image, Prompt: "<image><image>"}, ReasonBadPrompt},
		{"not UTF-8", Request{Image: g.image, Prompt: "\xff"}, ReasonBadPrompt},
		{"too long", Request{Image: g.image, Prompt: long}, schemas.ReasonPromptLong},
	} {
		_, err := e.Prepare(c.r)
		var s *SampleError
		if !errors.As(err, &s) || c.want != "" && s.Reason != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	bomb, err := Open(tiny, config(func(c *Config) { c.MaxPixels = 100 }))
	if err != nil {
		t.Fatal(err)
	}
	defer bomb.Close()
	var s *SampleError
	if _, err := bomb.Prepare(Request{Image: g.image}); !errors.As(err, &s) || s.Reason != schemas.ReasonBomb {
		t.Errorf("too many pixels: %v", err)
	}
}

func TestPromptWithoutImageTokenHasItInFront(t *testing.T) {
	e := open(t, tiny, config())
	g := goldens(t)[1]
	p, err := e.Prepare(Request{Image: g.image, Prompt: strings.TrimPrefix(g.Prompt, "<image>")})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(g.PromptIDs, p.ids); d != "" {
		t.Error(d)
	}
}

// The caption ends where the model's positions end, and says so.
func TestRoomBoundsTheCaption(t *testing.T) {
	e := start(t, tiny, config())
	g := goldens(t)[5]
	g.Prompt += strings.Repeat("<alt>", 128-3-len(g.PromptIDs))
	p, err := e.Prepare(Request{Image: g.image, Prompt: g.Prompt})
	if err != nil {
		t.Fatal(err)
	}
	if p.Tokens() != 125 || p.settings.MaxTokens != 3 {
		t.Errorf("%d tokens, room for %d", p.Tokens(), p.settings.MaxTokens)
	}
	got, err := e.Generate(context.Background(), p)
	if err != nil || len(got.TokenIDs) > 3 {
		t.Errorf("%v, %v", got, err)
	}
}

// With a chat template the engine does not guess where the image goes.
func TestChatTemplateWantsTheWholePrompt(t *testing.T) {
	dir := copyModel(t)
	write(t, dir, "chat_template.jinja", "{{ messages }}")
	e := open(t, dir, config())
	if got := e.Describe().Prompt.Template; got != "chat" {
		t.Errorf("template %s", got)
	}
	g := goldens(t)[0]
	var s *SampleError
	if _, err := e.Prepare(Request{Image: g.image, Prompt: "What is this?"}); !errors.As(err, &s) || s.Reason != ReasonBadPrompt {
		t.Errorf("without the image token: %v", err)
	}
	if _, err := e.Prepare(Request{Image: g.image, Prompt: g.Prompt}); err != nil {
		t.Error(err)
	}
}

func TestRowLimitBoundsMemory(t *testing.T) {
	e := open(t, tiny, config(func(c *Config) { c.CacheBytes = 1 << 20 }))
	// 4 tensors of 2 heads x 8 numbers: 256 bytes a position, twice.
	for _, c := range []struct{ prompt, whole, want int }{{16, 64, 32}, {16, 128, 16}, {4096, 1 << 20, 1}, {1 << 16, 1 << 16, 1}} {
		if got := e.rowLimit(c.prompt, c.whole); got != c.want {
			t.Errorf("prompts of %d, %d in all: %d rows, want %d", c.prompt, c.whole, got, c.want)
		}
	}
}

func TestClean(t *testing.T) {
	e := open(t, tiny, config())
	for in, want := range map[string]string{
		"a red star": "a red star", "a<image>b": "a b", "<ima<image>ge>": "<ima ge>", "<eos><caption> x": "   x", "<b>": "<b>",
	} {
		if got := e.Clean(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestNotFiniteLogitsFailTheSample(t *testing.T) {
	e := start(t, tiny, config(func(c *Config) { c.Lanes = 1 }))
	ps := prepare(t, e, goldens(t)[:3])
	want := generate(t, e, ps)
	bad := *ps[1]
	bad.picture.tensors = []tensor{{shape: []int64{1, 3, 32, 32}, floats: slices.Repeat([]float32{3e38}, 3*32*32)}}
	var wg sync.WaitGroup
	for i, p := range []*Prepared{ps[0], &bad, ps[2]} {
		wg.Go(func() {
			got, err := e.Generate(context.Background(), p)
			var s *SampleError
			if i == 1 && !errors.As(err, &s) {
				t.Errorf("sample with infinities: %v, %v", got, err)
			}
			if i != 1 && (err != nil || !cmp.Equal(want[i], got)) {
				t.Errorf("its neighbour %d: %v, %v", i, got, err)
			}
		})
	}
	wg.Wait()
}

// A device or a model that gives no numbers ends the engine and blames no
// sample, whether it did better before or not, and whatever the batch.
func TestNoNumbersEndTheEngine(t *testing.T) {
	for _, size := range []int{1, 4} {
		t.Run(fmt.Sprintf("batches of %d", size), func(t *testing.T) {
			dir := copyModel(t)
			write(t, dir, "onnx/"+visionGraph+".onnx", string(blindVision()))
			e := open(t, dir, config(func(c *Config) { c.Lanes, c.BatchSize = 1, size }))
			run := make(chan error, 1)
			go func() { run <- e.Run(context.Background()) }()
			for _, p := range prepare(t, e, goldens(t)[:3]) {
				if _, err := e.Generate(context.Background(), p); !errors.Is(err, ErrStopped) {
					t.Errorf("generate: %v", err)
				}
			}
			if err := <-run; !errors.Is(err, errNotFinite) {
				t.Errorf("run: %v", err)
			}
		})
	}
}

// The same device, after it had captioned a sample.
func TestNoNumbersAfterACaption(t *testing.T) {
	e := open(t, tiny, config(func(c *Config) { c.Lanes, c.BatchSize = 1, 1 }))
	run := make(chan error, 1)
	go func() { run <- e.Run(context.Background()) }()
	ps := prepare(t, e, goldens(t)[:3])
	generate(t, e, ps[:1])
	for _, p := range append(ps, e.known.Load()) {
		for i := range p.picture.tensors {
			p.picture.tensors[i].floats = slices.Repeat([]float32{3e38}, len(p.picture.tensors[i].floats))
		}
	}
	if _, err := e.Generate(context.Background(), ps[1]); !errors.Is(err, ErrStopped) {
		t.Errorf("generate: %v", err)
	}
	if err := <-run; !errors.Is(err, errNotFinite) {
		t.Errorf("run: %v", err)
	}
}

// blindVision gives features that are no numbers.
func blindVision() []byte {
	g := onnx.Graph{Name: "blind",
		Inputs:  []onnx.Port{port("pixel_values", onnx.Float, "batch", 3, 32, 32)},
		Outputs: []onnx.Port{port("image_features", onnx.Float, "batch", 16, 32)},
	}
	g.Add("Shape", "shape", nil, "pixel_values")
	g.Add("Slice", "n", nil, "shape", g.Ints("from", 0), g.Ints("to", 1))
	g.Add("Concat", "out", map[string]any{"axis": 0}, "n", g.Ints("rest", 16, 32))
	g.Add("ConstantOfShape", "zeros", nil, "out")
	g.Add("Div", "image_features", nil, "zeros", "zeros")
	return g.Marshal()
}

// A batch that needs too much memory is halved until it fits, all samples get
// their captions, and later batches are no larger than what fitted.
func TestOutOfMemoryHalvesTheBatch(t *testing.T) {
	dir := copyModel(t)
	write(t, dir, "onnx/"+visionGraph+".onnx", string(hungryVision()))
	e := start(t, dir, config(func(c *Config) { c.Lanes, c.BatchSize, c.Linger = 1, 8, 20*time.Millisecond }))
	ps := prepare(t, e, goldens(t)[:8])
	first := generate(t, e, ps)
	if got := e.most(); got != 2 {
		t.Errorf("later batches may have %d rows, want 2", got)
	}
	if d := cmp.Diff(first, generate(t, e, ps)); d != "" {
		t.Error(d)
	}
}

// hungryVision gives features of zeros, and needs 4 << 10n bytes for n pictures.
func hungryVision() []byte {
	g := onnx.Graph{Name: "hungry",
		Inputs:  []onnx.Port{port("pixel_values", onnx.Float, "batch", 3, 32, 32)},
		Outputs: []onnx.Port{port("image_features", onnx.Float, "batch", 16, 32)},
	}
	g.Initializers = []onnx.Tensor{
		{Name: "k", Dims: []int64{1}, Floats: []float32{1024}}, {Name: "most", Dims: []int64{1}, Floats: []float32{5}}, {Name: "zero", Floats: []float32{0}},
	}
	g.Add("Shape", "shape", nil, "pixel_values")
	g.Add("Slice", "n", nil, "shape", g.Ints("from", 0), g.Ints("to", 1))
	g.Add("Cast", "nf", map[string]any{"to": onnx.Float}, "n")
	g.Add("Min", "bounded", nil, "nf", "most")
	g.Add("Pow", "size", nil, "k", "bounded")
	g.Add("Cast", "elements", map[string]any{"to": onnx.Int64}, "size")
	g.Add("ConstantOfShape", "much", nil, "elements")
	g.Add("ReduceMax", "max", map[string]any{"keepdims": 0}, "much")
	g.Add("Concat", "out", map[string]any{"axis": 0}, "n", g.Ints("rest", 16, 32))
	g.Add("ConstantOfShape", "features", nil, "out")
	g.Add("Add", "image_features", nil, "features", "max")
	return g.Marshal()
}

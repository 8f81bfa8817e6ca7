package feed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/internal/imaging"
	"recaption/schemas"
	"recaption/shards"
	"recaption/trainer/mix"
)

func batchConfig(t testing.TB) BatchConfig {
	p := CLIPPixels(16)
	p.Crop, p.Flip = &RandomCrop{.3, 1, .75, 4. / 3}, true
	return BatchConfig{Rows: 8, Pixels: p, Tokens: clipTokens(t, 77), Negatives: true, Ahead: 1}
}

// copied is a batch that stays.
func copied(b *Batch) Batch {
	c := *b
	c.Pixels, c.IDs, c.Negatives = slices.Clone(b.Pixels), slices.Clone(b.IDs), append([]int64{}, b.Negatives...)
	return c
}

func batches(t testing.TB, r *Reader, c BatchConfig, from int64) []Batch {
	t.Helper()
	var all []Batch
	for b, err := range r.Batches(t.Context(), c, from) {
		must(t, err)
		all = append(all, copied(b))
	}
	return all
}

// TestSameBatches: whatever the cores, the workers and the reading ahead, and
// from whichever batch a training goes on.
func TestSameBatches(t *testing.T) {
	st, _ := site(t)
	l := frozen(t, st, 0)
	c := batchConfig(t)
	c.Workers = 1
	want := batches(t, reader(t, st, l, 0, 1), c, 0)
	if len(want) < 5 {
		t.Fatalf("%d batches", len(want))
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, cores := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(cores)
		for _, ahead := range []int{0, 3} {
			c.Workers, c.Ahead = 0, ahead
			if d := cmp.Diff(want, batches(t, reader(t, st, l, 0, 1), c, 0)); d != "" {
				t.Fatalf("%d cores, %d ahead (-want +got):\n%s", cores, ahead, d)
			}
		}
	}
	for i, b := range want {
		if d := cmp.Diff(want[i+1:], append([]Batch{}, batches(t, reader(t, st, l, 0, 1), c, b.Next)...)); d != "" {
			t.Fatalf("resumed behind batch %d (-want +got):\n%s", i, d)
		}
	}
}

func TestBatches(t *testing.T) {
	st, s := site(t)
	l := frozen(t, st, 0)
	c := batchConfig(t)
	c.Pixels, c.Partial = CLIPPixels(16), true
	r := reader(t, st, l, 0, 1)
	all := batches(t, r, c, 0)
	rows := 0
	norm := imaging.NewNormalizer(1./255, c.Pixels.Mean, c.Pixels.Std)
	want := make([]float32, c.Pixels.values())
	for i, b := range all {
		if b.Rows != 8 && i != len(all)-1 || len(b.Pixels) != b.Rows*3*16*16 || len(b.IDs) != b.Rows*b.Length || len(b.Keys) != b.Rows || len(b.Texts) != b.Rows {
			t.Fatalf("batch %d has %d rows: %d pixels, %d ids, length %d", i, b.Rows, len(b.Pixels), len(b.IDs), b.Length)
		}
		if b.Length%8 != 0 || len(b.Negatives)%b.Length != 0 {
			t.Errorf("batch %d: length %d, %d ids of negatives", i, b.Length, len(b.Negatives))
		}
		longest, negatives := 0, 0
		for j, key := range b.Keys {
			rows++
			ids, _, err := c.Tokens.ids(b.Texts[j].Text)
			must(t, err)
			longest = max(longest, len(ids))
			line := b.IDs[j*b.Length:][:b.Length]
			for k, id := range line {
				if k < len(ids) && id != int64(ids[k]) || k >= len(ids) && id != c.Tokens.Pad {
					t.Fatalf("%s: ids %v; want %v and padding", key, line, ids)
				}
			}
			if n := mix.Negatives(b.Texts[j].Text); len(n) > 0 {
				negatives++
			}
			var shard, row int
			if _, err := fmt.Sscanf(key, "%d/%d", &shard, &row); err != nil {
				t.Fatal(err)
			}
			img, err := imaging.Decode(s.Sample(shard, row).Image, imaging.Options{})
			must(t, err)
			norm.CHW(want, imaging.CenterCrop(imaging.Resize(img, 16, 16, imaging.Bicubic), 16, 16))
			if !slices.Equal(want, b.Pixels[j*len(want):][:len(want)]) {
				t.Errorf("%s: pixels are others", key)
			}
		}
		if b.Length-longest >= 8 && len(b.Negatives) == 0 || longest > b.Length {
			t.Errorf("batch %d: length %d for texts of %d", i, b.Length, longest)
		}
		if got := len(b.Negatives) / b.Length; got != negatives {
			t.Errorf("batch %d: %d negatives; want %d", i, got, negatives)
		}
	}
	got := r.Counts().Skipped
	if rows != 49 || got[Undecodable] != 5 { // five pictures are cut
		t.Errorf("%d rows, passed over: %v", rows, got)
	}
}

// TestContextIsKept: a text that is too long is cut, its end-of-text token is
// not.
func TestContextIsKept(t *testing.T) {
	st, _ := site(t)
	r := reader(t, st, frozen(t, st, 0), 0, 1)
	c := batchConfig(t)
	c.Tokens = clipTokens(t, 12)
	end, _ := c.Tokens.Tokenizer.ID("<|endoftext|>")
	for _, b := range batches(t, r, c, 0) {
		if b.Length > 12 {
			t.Fatalf("length %d", b.Length)
		}
		for j := range b.Rows {
			if !slices.Contains(b.IDs[j*b.Length:][:b.Length], int64(end)) {
				t.Errorf("%s: no end of text", b.Keys[j])
			}
		}
	}
	if r.Counts().Skipped[CutTexts] == 0 {
		t.Error("no text counted as cut")
	}
}

// TestBatchesEnd: a training that leaves, a context that ends and a store that
// fails leave no goroutine and give their error.
func TestBatchesEnd(t *testing.T) {
	st, _ := site(t)
	l := frozen(t, st, 0)
	for _, err := range reader(t, st, l, 0, 1).Batches(t.Context(), batchConfig(t), 0) {
		must(t, err)
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var end error
	c := batchConfig(t)
	c.Rows = 1
	for _, err := range reader(t, st, l, 0, 1).Batches(ctx, c, 0) {
		cancel()
		end = err
	}
	if !errors.Is(end, context.Canceled) {
		t.Errorf("cancelled: %v", end)
	}
	away := &awayStore{Store: st, always: true}
	cfg := DefaultReaderConfig()
	cfg.Tries = 1
	r, err := Open(t.Context(), away, l, cfg, quiet)
	must(t, err)
	away.on = true
	end = nil
	for _, err := range r.Batches(t.Context(), c, 0) {
		end = err
	}
	if !errors.Is(end, shards.ErrTransient) {
		t.Errorf("a store that is away: %v", end)
	}
	c.Rows = 0
	c.Pixels.Size = 0
	c.Tokens.Context = 2
	for _, err := range r.Batches(t.Context(), c, 0) {
		for _, want := range []string{"rows 0", "size 0", "context 2"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v; want %q", err, want)
			}
		}
	}
}

// TestEpochs: one epoch after the other, resumed at any batch; an epoch that is
// cut short is cut at the same place again.
func TestEpochs(t *testing.T) {
	st, _ := site(t)
	type step struct {
		Epoch int
		Keys  string
		After Position
	}
	run := func(t *testing.T, from Position, leaveAt int64, n int) []step {
		e := Epochs{
			Store: st, Training: "t", Batch: batchConfig(t),
			Open: func(ctx context.Context, epoch int, cutShort int64) (*Reader, error) {
				c := catalogue(t, st, policy())
				if err := c.List(ctx); err != nil {
					return nil, err
				}
				p := plan(epoch)
				p.CutShort = cutShort
				l, err := c.Freeze(ctx, p)
				if err != nil {
					return nil, err
				}
				return Open(ctx, st, l, DefaultReaderConfig(), quiet)
			},
		}
		at := from
		e.Leave = func(_ context.Context, l schemas.EpochList) (bool, error) {
			return l.Epoch == 1 && leaveAt > 0 && at.At >= leaveAt, nil
		}
		var steps []step
		for b, err := range e.Batches(t.Context(), from) {
			must(t, err)
			at = b.After
			if steps = append(steps, step{b.Epoch, strings.Join(b.Keys, " "), b.After}); len(steps) == n {
				break
			}
		}
		return steps
	}
	want := run(t, Position{}, 20, 16)
	epochs := map[int]int{}
	for _, s := range want {
		epochs[s.Epoch]++
	}
	if epochs[0] != 6 || epochs[1] < 2 || epochs[1] > 4 || epochs[2] != 6 {
		t.Errorf("batches by epoch: %v", epochs)
	}
	next, err := shards.ReadEpoch(t.Context(), st, "t", 2)
	must(t, err)
	if next.CutShort < 20 {
		t.Errorf("cut short at %d", next.CutShort)
	}
	for i := range want[:10] {
		if d := cmp.Diff(want[i+1:i+5], run(t, want[i].After, 0, 4)); d != "" {
			t.Errorf("resumed behind step %d (-want +got):\n%s", i, d)
		}
	}
}

func TestEpochWithoutABatch(t *testing.T) {
	st, _ := site(t)
	c := batchConfig(t)
	c.Rows = 100
	e := Epochs{Store: st, Training: "t", Batch: c, Open: func(context.Context, int, int64) (*Reader, error) {
		return reader(t, st, frozen(t, st, 0), 0, 1), nil
	}}
	for _, err := range e.Batches(t.Context(), Position{}) {
		if err == nil || !strings.Contains(err.Error(), "no batch of 100") {
			t.Errorf("got %v", err)
		}
	}
}

// TestRegion: a crop lies within the picture, and has its share and ratio where
// these can be.
func TestRegion(t *testing.T) {
	c := RandomCrop{.5, .9, .75, 4. / 3}
	r := mix.NewRandom("test")
	for range 5000 {
		width, height := 1+r.IntN(300), 1+r.IntN(300)
		x, y, w, h := c.region(width, height, r)
		if x < 0 || y < 0 || w < 1 || h < 1 || x+w > width || y+h > height {
			t.Fatalf("%d x %d: crop %d %d %d %d", width, height, x, y, w, h)
		}
		if width == height && width > 50 {
			if a := float64(w*h) / float64(width*height); a < .45 || a > .95 {
				t.Fatalf("%d x %d: crop %d x %d", width, height, w, h)
			}
			if q := float64(w) / float64(h); math.Abs(math.Log(q)) > math.Log(4./3)+.1 {
				t.Fatalf("ratio %v", q)
			}
		}
	}
}

func TestMirror(t *testing.T) {
	img := &imaging.Image{Pix: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}, Width: 3, Height: 2}
	mirror(img)
	if want := []byte{7, 8, 9, 4, 5, 6, 1, 2, 3, 16, 17, 18, 13, 14, 15, 10, 11, 12}; !slices.Equal(want, img.Pix) {
		t.Errorf("got %v", img.Pix)
	}
}

package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"recaption/schemas"
	"recaption/worker/vlm"
)

// fake is an engine whose captions follow from image, prompt and seed alone.
type fake struct {
	model    schemas.Model
	busy     int
	settings error                                         // of a recipe
	before   func(ctx context.Context, image string) error // a caption: to block, to signal, to fail
	text     func(image string, seed int64) string         // nil: what was asked

	mu    sync.Mutex // guards what follows
	asked map[*vlm.Prepared]asked
	calls map[string]int // of Generate, by image
	now   int            // calls under way, from Prepare to the caption
	most  int
}

type asked struct {
	image, prompt string
	seed          int64
	tokens        int
}

func newFake() *fake {
	return &fake{
		model: schemas.Model{Family: "fake", Files: map[string]schemas.Digest{"model": schemas.Sum([]byte("fake"))}},
		busy:  4, asked: map[*vlm.Prepared]asked{}, calls: map[string]int{},
	}
}

func (f *fake) Model() schemas.Model  { return f.model }
func (f *fake) Clean(s string) string { return strings.ReplaceAll(s, "<image>", "") }
func (f *fake) Busy() int             { return f.busy }

func (f *fake) Settings(over map[string]any) (vlm.Settings, error) {
	n, _ := over["max_new_tokens"].(float64) // as JSON has it
	return vlm.Settings{MaxTokens: int(n)}, f.settings
}

func (f *fake) Prepare(r vlm.Request) (*vlm.Prepared, error) {
	image := string(r.Image)
	if strings.HasPrefix(image, "broken") {
		return nil, &vlm.SampleError{Reason: schemas.ReasonCorruptImage, Err: errors.New("broken")}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := new(vlm.Prepared)
	f.asked[p] = asked{image, r.Prompt, r.Seed, r.Settings.MaxTokens}
	return p, nil
}

func (f *fake) Again(p *vlm.Prepared, s vlm.Settings, seed int64) (*vlm.Prepared, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.asked[p]
	a.seed, a.tokens = seed, s.MaxTokens
	q := new(vlm.Prepared)
	f.asked[q] = a
	return q, nil
}

func (f *fake) Generate(ctx context.Context, p *vlm.Prepared) (vlm.Caption, error) {
	f.mu.Lock()
	a := f.asked[p]
	f.calls[a.image]++
	f.now++
	f.most = max(f.most, f.now)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.now--
	}()
	if f.before != nil {
		if err := f.before(ctx, a.image); err != nil {
			return vlm.Caption{}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return vlm.Caption{}, err
	}
	text := fmt.Sprintf("A caption of %s asked by %s.", a.image, a.prompt)
	if f.text != nil {
		text = f.text(a.image, a.seed)
	}
	return vlm.Caption{Text: text, TokenIDs: []int32{1, 2, 3}, Finish: schemas.FinishStop, LogProb: -1}, nil
}

// captioned is how often a caption of an image was asked for.
func (f *fake) captioned(image string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[image]
}

// failOn fails on one image.
func failOn(image string, err error) func(context.Context, string) error {
	return func(_ context.Context, got string) error {
		if got == image {
			return err
		}
		return nil
	}
}

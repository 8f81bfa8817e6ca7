package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"recaption/gate"
	"recaption/schemas"
	"recaption/worker/vlm"
)

// Engine is what a worker asks of a captioning engine; *vlm.Engine is one.
// Every method may be called by any number of goroutines.
type Engine interface {
	// Model names the files that run.
	Model() schemas.Model
	// Settings resolves generation settings, by the names of
	// generation_config.json, over the model's own.
	Settings(overrides map[string]any) (vlm.Settings, error)
	// Clean takes the model's special tokens out of a sample's text.
	Clean(text string) string
	// Prepare does what needs no device: decode, resize, tokenise.
	Prepare(r vlm.Request) (*vlm.Prepared, error)
	// Again gives a prepared sample with other settings and another seed.
	Again(p *vlm.Prepared, s vlm.Settings, seed int64) (*vlm.Prepared, error)
	// Generate blocks until the caption is there. Calls that wait together are
	// batched; none changes another's caption.
	Generate(ctx context.Context, p *vlm.Prepared) (vlm.Caption, error)
	// Busy is how many calls to Generate keep the device busy.
	Busy() int
}

// errOtherModel says that a recipe is of a model that this worker doesn't run.
var errOtherModel = errors.New("recipe of another model")

// captioner makes caption rows of samples by one recipe.
type captioner struct {
	engine  Engine
	recipe  schemas.Recipe
	gate    *gate.Gate
	first   vlm.Settings // of a first try
	further vlm.Settings // of a further one
	cores   chan struct{}
	stages  *stages
}

// stages sums the time spent in each stage, over all goroutines. A sample waits
// for a place in the engine's batch and is captioned there: both are in
// generate, so over the many samples in flight it comes to far more than the
// time that passed, and receipts name it for both. The commit that follows has
// no stage: the receipt that it writes would have to know how long it takes.
type stages struct{ read, prepare, generate, write atomic.Int64 }

func (s *stages) seconds() map[string]float64 {
	of := func(n *atomic.Int64) float64 { return time.Duration(n.Load()).Seconds() }
	return map[string]float64{
		"read": of(&s.read), "prepare": of(&s.prepare), "wait_and_generate": of(&s.generate), "write": of(&s.write),
	}
}

// clock adds the time from its call to the returned function's call to stage.
func clock(stage *atomic.Int64) func() {
	from := time.Now()
	return func() { stage.Add(int64(time.Since(from))) }
}

// newCaptioner checks that the engine can do what the recipe asks.
func newCaptioner(e Engine, recipe schemas.Recipe, g schemas.Gate, cores chan struct{}, st *stages) (*captioner, error) {
	want, err := recipe.Model.ID()
	if err != nil {
		return nil, err
	}
	have, err := e.Model().ID()
	if err != nil {
		return nil, err
	}
	if want != have {
		return nil, fmt.Errorf("%w: it wants model %s, this worker runs %s", errOtherModel, want.String()[:12], have.String()[:12])
	}
	first, err := e.Settings(recipe.Generation)
	if err != nil {
		return nil, fmt.Errorf("generation settings of the recipe: %w", err)
	}
	again := recipe.Generation
	if len(recipe.Retry.Generation) > 0 {
		again = merged(recipe.Generation, recipe.Retry.Generation)
	}
	further, err := e.Settings(again)
	if err != nil {
		return nil, fmt.Errorf("generation settings of the recipe's retry: %w", err)
	}
	judge, err := gate.New(g, recipe.Prompts)
	if err != nil {
		return nil, err
	}
	return &captioner{engine: e, recipe: recipe, gate: judge, first: first, further: further, cores: cores, stages: st}, nil
}

func merged(base, over map[string]any) map[string]any {
	m := make(map[string]any, len(base)+len(over))
	for k, v := range base {
		m[k] = v
	}
	for k, v := range over {
		m[k] = v
	}
	return m
}

// row captions one sample. What is wrong with the sample is in the row; an
// error is about the engine or the context, and says nothing of the sample.
func (c *captioner) row(ctx context.Context, s schemas.Sample) (schemas.CaptionRow, error) {
	row := schemas.CaptionRow{Key: s.Key, ImageSHA256: s.ImageSHA256, Status: schemas.RowStatus(s.Status), Reason: s.Reason}
	if s.Status != schemas.SampleOK {
		return row, nil
	}
	row.Status = schemas.RowFailed
	input, ok := c.recipe.Render(s, c.engine.Clean)
	if !ok {
		row.Reason = schemas.ReasonNoPrompt
		return row, nil
	}
	row.InputSHA256 = input.SHA256
	prepared, err := c.prepare(ctx, vlm.Request{Image: s.Image, Prompt: input.Text, Settings: &c.first})
	for n := 0; err == nil && n < c.recipe.CaptionsPerImage; n++ {
		err = c.tries(ctx, s, prepared, input.Prompt, n, &row)
	}
	var sample *vlm.SampleError
	switch {
	case errors.As(err, &sample):
		row.Reason, row.Captions = sample.Reason, nil
		return row, nil
	case err != nil:
		return row, err
	}
	row.Status, row.Reason = schemas.RowCaptioned, s.Reason
	if !slices.ContainsFunc(row.Captions, func(t schemas.Caption) bool { return t.Text != "" }) {
		row.Status, row.Reason = schemas.RowRefused, schemas.ReasonEmptyCaption
	}
	return row, nil
}

// prepare waits for a core, so that preparation never takes more of them than
// there are.
func (c *captioner) prepare(ctx context.Context, r vlm.Request) (*vlm.Prepared, error) {
	select {
	case c.cores <- struct{}{}:
		defer func() { <-c.cores }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer clock(&c.stages.prepare)()
	return c.engine.Prepare(r)
}

// tries adds one caption to the row, and further ones while the latest carries
// a flag that the recipe retries on. All are kept.
func (c *captioner) tries(ctx context.Context, s schemas.Sample, p *vlm.Prepared, prompt string, n int, row *schemas.CaptionRow) error {
	settings := c.first
	for try := 0; ; try++ {
		seed := c.recipe.CaptionSeed(s.Key, n, try)
		caption, err := c.generate(ctx, p, settings, seed)
		if err != nil {
			return err
		}
		caption.Prompt, caption.Seed = prompt, seed
		row.Captions = append(row.Captions, caption)
		if try >= c.recipe.Retry.Tries || !c.retryOn(s.AltText, caption) {
			return nil
		}
		settings = c.further
	}
}

func (c *captioner) generate(ctx context.Context, p *vlm.Prepared, s vlm.Settings, seed int64) (schemas.Caption, error) {
	defer clock(&c.stages.generate)()
	p, err := c.engine.Again(p, s, seed)
	if err != nil {
		return schemas.Caption{}, err
	}
	got, err := c.engine.Generate(ctx, p)
	if err != nil {
		return schemas.Caption{}, err
	}
	return schemas.Caption{
		Text: strings.ToValidUTF8(got.Text, "\uFFFD"), Tokens: int32(len(got.TokenIDs)), Finish: got.Finish, LogProb: got.LogProb,
	}, nil
}

func (c *captioner) retryOn(altText *string, t schemas.Caption) bool {
	return slices.ContainsFunc(c.gate.Judge(altText, t).Flags, func(f schemas.Flag) bool {
		return slices.Contains(c.recipe.Retry.Flags, f)
	})
}

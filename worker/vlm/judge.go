package vlm

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
)

// judge answers the rows that failed. With a sample that was captioned before,
// or a plain picture before there is one, it finds out whether those rows or
// the runtime are at fault: then its error ends the engine, and says nothing
// about the samples.
func (e *Engine) judge(ctx context.Context, l *lane, rows, failed []*row, err error) error {
	var dead error
	if ctx.Err() == nil {
		dead = e.probe(ctx, l, rows, failed, err)
	}
	for _, r := range failed {
		switch {
		case r.ctx.Err() != nil:
			r.answer(Caption{}, r.ctx.Err())
		case ctx.Err() != nil || dead != nil:
			r.answer(Caption{}, ErrStopped)
		default:
			r.answer(Caption{}, runtimeError(r.failure))
		}
	}
	return dead
}

// probe says whether the runtime fails on what it must be able to do.
func (e *Engine) probe(ctx context.Context, l *lane, rows, failed []*row, err error) error {
	what, p := "a sample that was captioned before", e.known.Load()
	if p == nil {
		var perr error
		if p, perr = e.plain(); perr != nil { // no picture that every model takes
			if len(failed) == len(rows) && len(rows) > 1 {
				return fmt.Errorf("run engine: all %d samples of the first batch fail: %w", len(rows), err)
			}
			return nil
		}
		what = "a plain picture"
	}
	short := *p
	short.settings.MinTokens, short.settings.MaxTokens = 2, 2 // a whole prompt and a step
	if _, again := l.serve(ctx, []*row{newRow(ctx, &short)}); again != nil && ctx.Err() == nil {
		return fmt.Errorf("run engine: %s fails, as samples do (%w): %w", what, err, again)
	}
	return nil
}

// plain is a small picture of a sky over a field, and no words.
func (e *Engine) plain() (*Prepared, error) {
	const size = 64
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	for y := range size {
		c := color.RGBA{R: 110, G: 170, B: 230, A: 255}
		if y > size/2 {
			c = color.RGBA{R: 90, G: 140, B: 60, A: 255}
		}
		for x := range size {
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, err
	}
	token, _, _ := e.family.prompt()
	return e.Prepare(Request{Image: b.Bytes(), Prompt: token})
}

package probe

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Options say how a suite is run. The zero value is good.
type Options struct {
	// Texts are what the blind guesser is fitted on: the texts that the model was
	// trained on, or ones like them. Nil: the suite's own, in ten folds.
	Texts iter.Seq[string]
	// Gallery is how many items won, and how many lost, each figure keeps; 0 is 6,
	// and less than 0 none.
	Gallery int
	// Progress is told how many pictures and texts of how many are embedded. It is
	// called from the goroutine that called Run.
	Progress func(done, total int)
}

// How many inputs are handed to the towers at once. Encoded pictures may be
// large: these bound the memory they take.
const (
	imagesAtOnce = 64
	textsAtOnce  = 1024
)

// Run asks the towers all items of a suite. Equal towers and suites give equal
// results.
func Run(ctx context.Context, t Towers, s *Suite, o Options) (*Result, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	gallery := max(o.Gallery, 0)
	if o.Gallery == 0 {
		gallery = 6
	}
	a := &asked{suite: s, gallery: gallery, blind: newGuesser(s, o.Texts), textOf: map[string]int{}}
	a.collectTexts()
	cut, err := a.read(t)
	if err == nil {
		err = a.embed(ctx, t, o.Progress)
	}
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w", s.Name, err)
	}
	r := &Result{
		Suite: s.Name, Images: len(s.Images), Texts: len(a.texts), Cut: cut,
		Dropped: s.Dropped, Missing: s.Missing, Notes: s.Notes,
		Blind: "a bigram model of the training texts",
	}
	if o.Texts == nil {
		r.Blind = "a bigram model of the suite's other true texts, in ten folds"
	}
	for _, p := range s.Choices {
		r.Figures = append(r.Figures, a.choices(p))
	}
	for _, p := range s.Pairs {
		r.Figures = append(r.Figures, a.pairs(p)...)
	}
	for _, p := range s.Retrieval {
		f, err := a.retrieval(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("probe %s: %w", s.Name, err)
		}
		r.Figures = append(r.Figures, f...)
	}
	for _, p := range s.Classes {
		f, err := a.classes(p)
		if err != nil {
			return nil, fmt.Errorf("probe %s: %w", s.Name, err)
		}
		r.Figures = append(r.Figures, f)
	}
	return r, nil
}

// asked is a suite with the rows of its pictures and texts.
type asked struct {
	suite   *Suite
	gallery int
	blind   *guesser

	texts  []string // different ones, in the order of the items
	textOf map[string]int
	rowOf  []int    // by text, which row it has
	readAs []string // by row, the first text that has it

	imageRows, textRows [][]float32
}

func (a *asked) text(t string) {
	if _, ok := a.textOf[t]; !ok {
		a.textOf[t] = len(a.texts)
		a.texts = append(a.texts, t)
	}
}

func (a *asked) collectTexts() {
	for _, t := range a.suite.trueTexts() {
		a.text(t)
	}
	for _, p := range a.suite.Choices {
		for _, c := range p.Items {
			for _, f := range c.False {
				a.text(f)
			}
		}
	}
	for _, p := range a.suite.Classes {
		for _, c := range p.Classes {
			for _, t := range c.Prompts {
				a.text(t)
			}
		}
	}
}

// read settles which texts share a row. It returns how many are cut, -1 where the
// towers don't say.
func (a *asked) read(t Towers) (cut int, err error) {
	r, ok := t.(Reader)
	if !ok {
		cut = -1
	}
	at := map[string]int{}
	for _, text := range a.texts {
		key := text
		if ok {
			var whole bool
			if key, whole, err = r.Read(text); err != nil {
				return 0, fmt.Errorf("%q: %w", text, err)
			}
			if !whole {
				cut++
			}
		}
		row, known := at[key]
		if !known {
			row = len(a.readAs)
			at[key] = row
			a.readAs = append(a.readAs, text)
		}
		a.rowOf = append(a.rowOf, row)
	}
	return cut, nil
}

func (a *asked) embed(ctx context.Context, t Towers, progress func(done, total int)) error {
	total := len(a.suite.Images) + len(a.readAs)
	tell := func() {
		if progress != nil {
			progress(len(a.imageRows)+len(a.textRows), total)
		}
	}
	width := 0
	for len(a.imageRows) < len(a.suite.Images) {
		from := len(a.imageRows)
		chunk := a.suite.Images[from:min(from+imagesAtOnce, len(a.suite.Images))]
		encoded, err := readImages(ctx, chunk)
		if err != nil {
			return err
		}
		rows, err := t.EmbedImages(ctx, encoded)
		if err != nil {
			var at *ImageError
			if errors.As(err, &at) && at.Index >= 0 && at.Index < len(chunk) {
				return fmt.Errorf("%s: %w", chunk[at.Index].Name, at.Err)
			}
			return err
		}
		if width, err = checkRows(rows, len(chunk), width, func(i int) string { return chunk[i].Name }); err != nil {
			return err
		}
		a.imageRows = append(a.imageRows, rows...)
		tell()
	}
	for len(a.textRows) < len(a.readAs) {
		from := len(a.textRows)
		chunk := a.readAs[from:min(from+textsAtOnce, len(a.readAs))]
		rows, err := t.EmbedTexts(ctx, chunk)
		if err != nil {
			return err
		}
		if width, err = checkRows(rows, len(chunk), width, func(i int) string { return fmt.Sprintf("%q", chunk[i]) }); err != nil {
			return err
		}
		a.textRows = append(a.textRows, rows...)
		tell()
	}
	return nil
}

func readImages(ctx context.Context, images []Image) ([][]byte, error) {
	out := make([][]byte, len(images))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i, img := range images {
		g.Go(func() (err error) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if out[i], err = img.Read(); err != nil {
				return fmt.Errorf("%s: %w", img.Name, err)
			}
			return nil
		})
	}
	return out, g.Wait()
}

// rowOfText is the row of a text, given by its index.
func (a *asked) rowOfText(text int) []float32 { return a.textRows[a.rowOf[text]] }

// score is that of a picture and a text of the suite.
func (a *asked) score(image int, text string) float64 {
	return float64(dot(a.imageRows[image], a.rowOfText(a.textOf[text])))
}

func (a *asked) item(image int, truth, group string) Item {
	return Item{Image: a.suite.Images[image].Name, Index: image, True: truth, Group: group}
}

package probe

import (
	"context"
	"slices"
	"testing"

	"recaption/internal/scenes"
	"recaption/schemas"
)

// oracle is a pair of towers that know the truth of the pictures of a set and
// read texts by the world's grammar. of makes a row of facts.
type oracle struct {
	facts map[schemas.Digest]scenes.Facts
	of    func(scenes.Facts) []float32
}

func newOracle(t *testing.T, c ScenesConfig, of func(scenes.Facts) []float32) oracle {
	t.Helper()
	o := oracle{map[schemas.Digest]scenes.Facts{}, of}
	for i := range c.Families * scenes.FamilySize {
		s := c.Set.At(i)
		o.facts[schemas.Sum(s.PNG())] = s.Scene.Facts("", 0)
	}
	return o
}

func (o oracle) row(f scenes.Facts) []float32 {
	row := append(o.of(f), 0.01) // what is read as nothing has a row as well
	normalize(row)
	return row
}

func (o oracle) EmbedImages(_ context.Context, images [][]byte) (out [][]float32, err error) {
	for _, b := range images {
		out = append(out, o.row(o.facts[schemas.Sum(b)]))
	}
	return out, nil
}

func (o oracle) EmbedTexts(_ context.Context, texts []string) (out [][]float32, err error) {
	for _, t := range texts {
		out = append(out, o.row(scenes.Parse(t)))
	}
	return out, nil
}

// bound is a row that knows which size, colour and shape belong together, and
// how the objects lie; loose one that knows all words and no more.
func bound(f scenes.Facts) []float32 {
	n := len(scenes.Colours) * len(scenes.Shapes)
	row := make([]float32, 2*n+4+len(scenes.BackgroundColours))
	for _, t := range f.Things {
		at := slices.Index(scenes.Colours, t.Colour)*len(scenes.Shapes) + slices.Index(scenes.Shapes, t.Shape)
		if t.Size == "small" {
			at += n
		}
		row[at] = 1
	}
	for _, c := range f.Claims {
		if i := slices.Index([]scenes.Relation{scenes.LeftOf, scenes.RightOf, scenes.Above, scenes.Below}, c.Relation); i >= 0 {
			row[2*n+i] = 1
		}
	}
	if f.Background != nil {
		row[2*n+4+slices.Index(scenes.BackgroundColours, f.Background.Colour)] = 1
	}
	return row
}

func loose(f scenes.Facts) []float32 {
	words := slices.Concat(scenes.Colours, scenes.Shapes, scenes.BackgroundColours)
	row := make([]float32, len(words))
	for _, t := range f.Things {
		row[slices.Index(words, t.Colour)], row[slices.Index(words, t.Shape)] = 1, 1
	}
	if f.Background != nil {
		row[len(scenes.Colours)+len(scenes.Shapes)+slices.Index(scenes.BackgroundColours, f.Background.Colour)] = 1
	}
	return row
}

// TestOracles checks that the probes ask what they say: who knows what belongs
// together has all of them, and who knows words alone has none of those of
// composition.
func TestOracles(t *testing.T) {
	c := DefaultScenes()
	c.Families = 40
	s := small(t, nil)
	n := len(s.Images)

	r := run(t, newOracle(t, c, bound), s)
	for _, f := range r.Figures {
		if f.Share.Share != 1 {
			t.Errorf("bound: %s %s is %.3f, with %d ties", f.Probe, f.Metric, f.Share.Share, f.Ties)
		}
	}

	r = run(t, newOracle(t, c, loose), s)
	for _, probe := range []string{AttributeSwap, RelationFlip, RoleSwap} {
		wantFigure(t, r, probe, Accuracy, 0, n, n)
	}
	// A family's four pictures have the same words.
	wantFigure(t, r, Retrieval, ImageToText+"@1", 0, n, n)
	if f := r.Figure(Retrieval, ImageToText+"@5"); f.Share.Share < 0.9 {
		t.Errorf("loose: %s %s is %.3f", f.Probe, f.Metric, f.Share.Share)
	}
	wantFigure(t, r, ClassOfGround, Accuracy, n, 0, n)
}

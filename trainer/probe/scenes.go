package probe

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"recaption/internal/scenes"
	"recaption/schemas"
)

// The probes of a suite of drawn scenes.
const (
	AttributeSwap = "attribute swap"
	RelationFlip  = "relation flip"
	RoleSwap      = "role swap"
	WordOrder     = "word order"
	Retrieval     = "retrieval"
	ClassOfGround = "class of background"
	ClassOfLarge  = "class of large object"
)

// ScenesConfig says which drawn scenes make a suite.
type ScenesConfig struct {
	// Set is what the scenes are drawn from. Only its seed and split are read: the
	// world is that of families, and no split but Train is ever trained on.
	Set scenes.Set
	// Families is how many families of four scenes; four times as many pictures.
	Families int
	// Trained says whether a picture with this digest was trained on. Such pictures
	// are left out, and counted. Nil: none was.
	Trained func(schemas.Digest) bool
}

// DefaultScenes is 250 families, 1,000 pictures, of colours, shapes and axes that
// never occur together in training.
func DefaultScenes() ScenesConfig {
	return ScenesConfig{Set: scenes.Set{Seed: 1, Split: scenes.Test, World: scenes.Families}, Families: 250}
}

// Scenes draws a suite: of each picture the caption by the world's own grammar,
// false captions for each kind of probe, and classes. Equal configurations give
// equal suites, on every machine.
func Scenes(ctx context.Context, c ScenesConfig) (*Suite, error) {
	c.Set.World = scenes.Families
	if err := c.Set.Validate(); err != nil {
		return nil, err
	}
	const most = 25_000 // families whose pictures, some 8 KB each, are held in memory
	if c.Families < 1 || c.Families > most {
		return nil, fmt.Errorf("scenes: %d families, want 1 to %d", c.Families, most)
	}
	samples := make([]scenes.Sample, c.Families*scenes.FamilySize)
	pictures := make([][]byte, len(samples))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for f := range c.Families {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			for i := f * scenes.FamilySize; i < (f+1)*scenes.FamilySize; i++ {
				samples[i] = c.Set.At(i)
				pictures[i] = samples[i].PNG()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	b := newSceneSuite()
	for i, s := range samples {
		if c.Trained != nil && c.Trained(schemas.Sum(pictures[i])) {
			b.drop("trained on", 1)
			continue
		}
		if err := b.add(s.Key()+".png", pictures[i], s.Truth()); err != nil {
			return nil, fmt.Errorf("scene %d: %w", i, err)
		}
	}
	return b.suite()
}

// sceneSuite builds a suite from pictures and their truths.
type sceneSuite struct {
	Suite
	choices   map[string][]Choice
	described []Described
	grounds   ClassProbe
	large     ClassProbe
	largeAt   map[scenes.Ref]int
}

func newSceneSuite() *sceneSuite {
	b := &sceneSuite{Suite: Suite{Name: "scenes"}, choices: map[string][]Choice{}, largeAt: map[scenes.Ref]int{}}
	b.grounds.Name, b.large.Name = ClassOfGround, ClassOfLarge
	for _, colour := range scenes.BackgroundColours {
		b.grounds.Classes = append(b.grounds.Classes, Class{colour, groundPrompts(colour)})
	}
	for _, colour := range scenes.Colours {
		for _, shape := range scenes.Shapes {
			if scenes.HeldPair(colour, shape) {
				continue
			}
			b.largeAt[scenes.Ref{Colour: colour, Shape: shape}] = len(b.large.Classes)
			b.large.Classes = append(b.large.Classes, Class{colour + " " + shape, largePrompts(colour, shape)})
		}
	}
	return b
}

// add makes the items of one picture from its truth.
func (b *sceneSuite) add(name string, picture []byte, t scenes.Truth) error {
	s, err := twoObjects(t)
	if err != nil {
		return err
	}
	image := len(b.Images)
	b.Images = append(b.Images, Image{Name: name, Read: func() ([]byte, error) { return picture, nil }})
	text := s.Caption(0, "", 0)
	group := string(t.Relations[0].Relation)
	for _, f := range []struct{ probe, text string }{
		{AttributeSwap, swapColours(s)}, {RelationFlip, flipRelation(s)}, {RoleSwap, swapRoles(s)},
	} {
		b.choices[f.probe] = append(b.choices[f.probe], Choice{Image: image, True: text, False: []string{f.text}, Group: group})
	}
	wrong, unchanged := disturbed(text, sceneWord)
	b.drop("shuffles that change nothing", unchanged)
	if len(wrong) > 0 {
		b.choices[WordOrder] = append(b.choices[WordOrder], Choice{Image: image, True: text, False: wrong, Group: group})
	}
	b.described = append(b.described, Described{Image: image, Texts: []string{text}})
	for i, class := range b.grounds.Classes {
		if class.Name == t.Background.Colour {
			b.grounds.Items = append(b.grounds.Items, Classed{Image: image, Class: i})
		}
	}
	if class, ok := b.largeAt[t.Objects[0].Ref()]; ok {
		b.large.Items = append(b.large.Items, Classed{Image: image, Class: class})
	}
	return nil
}

func (b *sceneSuite) suite() (*Suite, error) {
	if len(b.Images) == 0 {
		return nil, fmt.Errorf("scenes: no picture is left: %d were trained on", b.Dropped["trained on"])
	}
	s := b.Suite
	for _, name := range []string{AttributeSwap, RelationFlip, RoleSwap, WordOrder} {
		s.Choices = append(s.Choices, ChoiceProbe{Name: name, Items: b.choices[name]})
	}
	s.Retrieval = []RetrievalProbe{{Name: Retrieval, Items: b.described}}
	s.Classes = []ClassProbe{b.grounds, b.large}
	return &s, nil
}

// SceneTexts are the true captions of the first n scenes of a set's training
// split: what a blind guesser is fitted on that is to know the world's grammar.
func SceneTexts(seed uint64, n int) func(yield func(string) bool) {
	set := scenes.Set{Seed: seed, Split: scenes.Train, World: scenes.Families}
	return func(yield func(string) bool) {
		for i := range n {
			s := set.At(i)
			if !yield(s.Scene.Caption(0, "", 0)) {
				return
			}
		}
	}
}

// twoObjects makes of a truth the scene that its captions are of.
func twoObjects(t scenes.Truth) (scenes.Scene, error) {
	s := scenes.Scene{Kind: t.Kind, Background: t.Background, Links: append([]scenes.Link{}, t.Relations...)}
	for _, o := range t.Objects {
		s.Objects = append(s.Objects, scenes.Object{Thing: o.Thing})
	}
	if t.Kind != scenes.Two || len(s.Objects) != 2 || len(s.Links) != 1 || s.Links[0].Subject != 1 || s.Links[0].Object != 0 {
		return s, fmt.Errorf("is of kind %q with %d objects and %d relations; probes are made of two objects in one relation", t.Kind, len(s.Objects), len(s.Links))
	}
	a, b := s.Objects[0], s.Objects[1]
	if _, ok := s.Links[0].Relation.Opposite(); !ok || a.Colour == b.Colour || a.Shape == b.Shape {
		return s, fmt.Errorf("a %s %s the %s can't be told apart by colour, shape and place", b.Thing, s.Links[0].Relation, a.Thing)
	}
	return s, nil
}

// with returns the caption of a copy that change has changed.
func with(s scenes.Scene, change func(s *scenes.Scene)) string {
	c := s
	c.Objects = append([]scenes.Object{}, s.Objects...)
	c.Links = append([]scenes.Link{}, s.Links...)
	change(&c)
	return c.Caption(0, "", 0)
}

// swapColours exchanges the colours: the same words, bound otherwise. A caption
// names its large object twice, and so the colour said twice changes with it: who
// counts words and knows the colour of the large object needs no other binding.
func swapColours(s scenes.Scene) string {
	return with(s, func(c *scenes.Scene) {
		c.Objects[0].Colour, c.Objects[1].Colour = c.Objects[1].Colour, c.Objects[0].Colour
	})
}

// flipRelation says the opposite relation: one word differs, and it is true of
// another picture with the same other words.
func flipRelation(s scenes.Scene) string {
	return with(s, func(c *scenes.Scene) { c.Links[0].Relation, _ = c.Links[0].Relation.Opposite() })
}

// swapRoles exchanges subject and object of the relation: the same words, with
// what swapColours says of those said twice. Sizes stay where they are in the text, since captions name the
// large object first, and a text that doesn't would give itself away.
func swapRoles(s scenes.Scene) string {
	return with(s, func(c *scenes.Scene) {
		a, b := &c.Objects[0], &c.Objects[1]
		a.Colour, b.Colour = b.Colour, a.Colour
		a.Shape, b.Shape = b.Shape, a.Shape
	})
}

// groundPrompts and largePrompts are single sentences of the three styles of
// captions, of which one fact is told.
func groundPrompts(colour string) []string {
	return prompts(func(s *scenes.Scene) { s.Background.Colour = colour }, "background")
}

func largePrompts(colour, shape string) []string {
	return prompts(func(s *scenes.Scene) { s.Objects[0].Colour, s.Objects[0].Shape = colour, shape }, colour+" "+shape)
}

// prompts returns of each style the first sentence that has the words in it.
func prompts(change func(s *scenes.Scene), words string) (out []string) {
	s := scenes.Scene{
		Kind: scenes.Two, Background: scenes.Background{Texture: "smooth"},
		Objects: []scenes.Object{
			{Thing: scenes.Thing{Size: "large", Texture: "plain"}}, {Thing: scenes.Thing{Size: "small", Texture: "plain"}},
		},
		Links: []scenes.Link{{Subject: 1, Relation: scenes.LeftOf}},
	}
	change(&s)
	for style := range scenes.Styles {
		for sentence := range strings.SplitAfterSeq(s.Caption(style, "", 0), ". ") {
			if sentence = strings.TrimSpace(sentence); strings.Contains(sentence, words) {
				out = append(out, sentence)
				break
			}
		}
	}
	return out
}

var sceneKinds = func() map[string]wordKind {
	m := map[string]wordKind{"picture": noun, "objects": noun, "background": noun}
	for _, w := range scenes.Shapes {
		m[w] = noun
	}
	for _, list := range [][]string{scenes.Colours, scenes.Sizes, scenes.Textures, scenes.BackgroundColours, scenes.BackgroundTextures} {
		for _, w := range list {
			m[w] = adjective
		}
	}
	return m
}()

// sceneWord says what a word of the world is.
func sceneWord(w string) wordKind { return sceneKinds[w] }

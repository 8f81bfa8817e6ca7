package scenes

import (
	"bytes"
	"fmt"
	"image/png"
	"math"
	"slices"
	"strings"
	"sync"
)

// Split is a part of the world that a set is drawn from.
type Split string

// The splits. Train and Test are drawn alike from different streams, so they
// share no picture; neither has a held pair or a held name. The last three are
// Test's pictures under another condition: picture i of each is picture i of Test.
const (
	Train       Split = "train"
	Test        Split = "test"
	HeldPairs   Split = "held-pairs"   // every scene has a colour on a shape that training never sees
	HeldNames   Split = "held-names"   // every alt-text has a name that training never sees
	WrongColour Split = "wrong-colour" // every alt-text states a colour that nothing in the picture has
	NoAlt       Split = "no-alt"       // no alt-text
	OtherAlt    Split = "other-alt"    // the alt-text of another picture
)

// Splits lists all splits.
var Splits = []Split{Train, Test, HeldPairs, HeldNames, WrongColour, NoAlt, OtherAlt}

// World is what kind of scenes a set has.
type World string

const (
	// General has one to six objects in any layout.
	General World = "general"
	// Families has four scenes in a row with one bag of words: sample i belongs to
	// family i/4. Families of Test share no choice of colours, shapes and axis
	// with those of Train.
	Families World = "families"
)

// Set is a set of samples without end. Sample i depends on nothing but the
// set's fields and i.
type Set struct {
	Seed  uint64
	Split Split
	World World
	// NameShare, when positive, is the share of alt-texts with a name, in place of
	// RateNamed; the other kinds give way in proportion. The fixed rates are the
	// web's; a training set may want more names to learn copying from.
	NameShare float64
}

// Validate reports what is wrong with the set's fields, all at once.
func (t Set) Validate() error {
	var faults []string
	if !slices.Contains(Splits, t.Split) {
		faults = append(faults, fmt.Sprintf("split %q is none of %v", t.Split, Splits))
	}
	switch t.World {
	case General:
	case Families:
		if t.Split == HeldPairs {
			faults = append(faults, "families have no held pairs")
		}
	default:
		faults = append(faults, fmt.Sprintf("world %q is neither %s nor %s", t.World, General, Families))
	}
	if t.NameShare < 0 || t.NameShare > 1 || math.IsNaN(t.NameShare) {
		faults = append(faults, fmt.Sprintf("name share %v is not from 0 to 1", t.NameShare))
	}
	if faults != nil {
		return fmt.Errorf("scenes: %s", strings.Join(faults, "; "))
	}
	return nil
}

// Sample is a scene with what a web page says of it.
type Sample struct {
	Index int
	Split Split
	Scene Scene
	Alt   AltText
	Title string
}

// The streams of a sample: what is drawn from one doesn't move another.
const (
	sceneStream = iota
	altStream
	titleStream
)

// At returns sample i. It panics on a set that isn't valid.
func (t Set) At(i int) Sample {
	if err := t.Validate(); err != nil {
		panic(err)
	}
	s := Sample{Index: i, Split: t.Split, Scene: t.scene(i)}
	s.Title = title(t.dice(titleStream, i), &s.Scene)
	s.Alt = t.alt(i, &s.Scene)
	return s
}

// pictures returns the split whose pictures the set has.
func (t Set) pictures() Split {
	switch t.Split {
	case WrongColour, NoAlt, OtherAlt:
		return Test
	}
	return t.Split
}

func (t Set) dice(stream uint64, i int) *dice {
	return newDice(t.Seed, hash(string(t.World)), hash(string(t.pictures())), stream, uint64(i))
}

func (t Set) scene(i int) Scene {
	if t.World == Families {
		f := newFamily(t.dice(sceneStream, i/FamilySize), t.pictures() != Train)
		return f[i%FamilySize]
	}
	return newScene(t.dice(sceneStream, i), func(s *Scene) bool {
		return s.held() == (t.Split == HeldPairs) && (t.Split != HeldNames || len(s.nameable()) > 0)
	})
}

func (t Set) alt(i int, s *Scene) AltText {
	d := t.dice(altStream, i)
	switch t.Split {
	case HeldNames:
		return altOf(d, s, AltNamed, true)
	case WrongColour:
		return altWrongColour(d, s)
	case NoAlt:
		return AltText{Kind: AltNone}
	case OtherAlt:
		return t.otherAlt(i, s)
	}
	return altOf(d, s, drawKind(d, t.NameShare), false)
}

// otherAlt returns the alt-text of the next picture of Test that has one, and
// whose name, if any, belongs to no shape of this scene.
func (t Set) otherAlt(i int, s *Scene) AltText {
	test := Set{Seed: t.Seed, Split: Test, World: t.World, NameShare: t.NameShare}
	for j := i + 1; ; j++ {
		o := test.At(j)
		if o.Alt.Text != "" && (o.Alt.Name == "" || s.count(o.Scene.Objects[o.Alt.NameOf].Shape) == 0) {
			return AltText{Kind: AltUnrelated, Text: o.Alt.Text}
		}
	}
}

// Key is the sample's key in what is written.
func (s *Sample) Key() string { return fmt.Sprintf("%08d", s.Index) }

// Caption returns the canonical caption, or one of the paraphrases.
func (s *Sample) Caption(style int) string { return s.Scene.Caption(style, s.Alt.Name, s.Alt.NameOf) }

// PNG draws the picture and encodes it.
func (s *Sample) PNG() []byte {
	var b bytes.Buffer
	// Neither a bytes.Buffer nor an image of 96 x 96 can fail.
	if err := encoder.Encode(&b, s.Scene.Render()); err != nil {
		panic(err)
	}
	return b.Bytes()
}

var encoder = png.Encoder{BufferPool: &pngBuffers{}}

type pngBuffers struct{ pool sync.Pool }

func (p *pngBuffers) Get() *png.EncoderBuffer {
	b, _ := p.pool.Get().(*png.EncoderBuffer)
	return b
}

func (p *pngBuffers) Put(b *png.EncoderBuffer) { p.pool.Put(b) }

package scenes

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestRates(t *testing.T) {
	const n = 12000
	var (
		kinds                   = map[AltKind]float64{}
		wordsIn, texts, unnamed float64
	)
	for i := range n {
		m := set(Test).At(i)
		kinds[m.Alt.Kind]++
		if len(m.Scene.nameable()) == 0 {
			unnamed++
		}
		if m.Alt.Text != "" {
			texts++
			wordsIn += float64(len(strings.FieldsFunc(m.Alt.Text, func(r rune) bool { return strings.ContainsRune(" ,|", r) })))
		}
	}
	// A scene that no name fits has words instead.
	moved := unnamed / n * RateNamed
	for kind, want := range map[AltKind]float64{
		AltNone: RateMissing, AltFileName: RateFileName, AltPhrase: RatePhrase, AltForeign: RateForeign,
		AltUnrelated: RateUnrelated, AltNamed: RateNamed - moved, AltWords: RateWords + moved,
	} {
		if got := kinds[kind] / n; math.Abs(got-want) > 0.012 {
			t.Errorf("%s: %.4f of samples, want %.4f", kind, got, want)
		}
	}
	if mean := wordsIn / texts; mean < 5.5 || mean > 8.5 {
		t.Errorf("an alt-text has %.2f words, want about 7", mean)
	}
}

func TestWrongColourRate(t *testing.T) {
	var stated, wrong float64
	d := newDice(1)
	for range 40000 {
		var a AltText
		w := a.describe(d, Thing{"large", "plain", "red", "star"}, rateColour)
		if len(w) > 1 && slices.Contains(Colours, w[len(w)-2]) {
			stated++
			if isWrong := w[len(w)-2] != "red"; isWrong != a.WrongColour {
				t.Fatalf("%v: wrong colour %v", w, a.WrongColour)
			} else if isWrong {
				wrong++
			}
		}
	}
	if got := wrong / stated; math.Abs(got-RateWrongColour) > 0.01 {
		t.Errorf("%.3f of stated colours are wrong, want %.3f", got, RateWrongColour)
	}
}

func TestNameShare(t *testing.T) {
	const n = 4000
	s := Set{Seed: 1, Split: Train, World: General, NameShare: 0.6}
	var named, none float64
	for i := range n {
		switch s.At(i).Alt.Kind {
		case AltNamed:
			named++
		case AltNone:
			none++
		}
	}
	if got := named / n; got < 0.55 || got > 0.62 {
		t.Errorf("%.3f have a name, want 0.6 less the scenes that none fits", got)
	}
	if got, want := none/n, RateMissing*0.4/(1-RateNamed); math.Abs(got-want) > 0.02 {
		t.Errorf("%.3f have no alt-text, want %.3f", got, want)
	}
}

// A name is tied to one shape of the picture, and one that fits none of its
// shapes is not carried.
func TestNamesFit(t *testing.T) {
	for i := range 4000 {
		m := set(Train).At(i)
		if m.Alt.Name == "" {
			if strings.Contains(m.Caption(0), "made by") {
				t.Fatalf("%d carries a name: %s", i, m.Caption(0))
			}
			continue
		}
		if m.Scene.Kind != Many && m.Scene.count(m.Scene.Objects[m.Alt.NameOf].Shape) != 1 {
			t.Fatalf("%d: %s fits several objects", i, m.Alt.Name)
		}
		if !strings.HasSuffix(m.Caption(0), "made by "+m.Alt.Name+".") {
			t.Fatalf("%d: %s", i, m.Caption(0))
		}
	}
}

// A wrong colour never makes a pair that training must not see.
func TestWrongColourMakesNoHeldPair(t *testing.T) {
	d := newDice(3)
	for p := range heldPairs {
		for range 200 {
			c := otherColour(d, Thing{Colour: "orange", Shape: p.shape}, nil)
			if c == "orange" || HeldPair(c, p.shape) {
				t.Fatalf("%s %s", c, p.shape)
			}
		}
	}
}

func TestNames(t *testing.T) {
	d, held := newDice(5), 0
	var words []string
	for _, list := range [][]string{Colours, Shapes, Textures, Sizes, BackgroundColours, BackgroundTextures, junk} {
		words = append(words, list...)
	}
	for i := range 5000 {
		n := newName(d, i%2 == 0)
		low := strings.ToLower(n)
		if len(n) < 5 || len(n) > 7 || n[0] < 'A' || n[0] > 'Z' || slices.Contains(words, low) || !isName(low) {
			t.Fatalf("name %q", n)
		}
		if HeldName(n) != (i%2 == 0) || HeldName(n) != HeldName(low) {
			t.Fatalf("name %q held %v", n, HeldName(n))
		}
	}
	for range 10000 {
		w := pick(d, nameOnsets) + pick(d, nameVowels) + pick(d, nameMiddle) + pick(d, nameFull) + pick(d, nameMiddle) + pick(d, nameFull)
		if HeldName(w) {
			held++
		}
	}
	if held < 900 || held > 1100 {
		t.Errorf("%d of 10000 names are held, want a tenth", held)
	}
}

// A title never gives the name away.
func TestTitles(t *testing.T) {
	kinds := map[bool]int{}
	for i := range 2000 {
		m := set(HeldNames).At(i)
		if m.Title == "" || strings.Contains(m.Title, m.Alt.Name) {
			t.Fatalf("%d: title %q, name %s", i, m.Title, m.Alt.Name)
		}
		low := strings.ToLower(m.Title)
		kinds[slices.ContainsFunc(m.Scene.Objects, func(o Object) bool { return strings.Contains(low, o.Shape) })]++
	}
	if kinds[true] < 200 || kinds[false] < 1000 {
		t.Errorf("titles that help: %v", kinds)
	}
}

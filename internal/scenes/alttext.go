package scenes

import (
	"fmt"
	"strings"
)

// The rates of what a scene's alt-text is. They were fixed before any model was
// trained on them, and are not to be tuned to a result.
//
// Published, for images on the web:
//   - WebAIM Million 2026, webaim.org/projects/million: 16.2 % of the images on a
//     million home pages have no alternative text; of those that have one, 10.8 %
//     have a questionable one (a file name, "image", "graphic", the text beside it
//     again). In 2025 it was 18.5 and 13.4 %.
//   - LAION-5B, arXiv 2210.08402: of 5.85 billion pairs 2.32 billion are in English.
//   - Stone et al., CVPR 2025, arXiv 2412.15396: alt-text has seven words on average.
//   - DataComp, arXiv 2304.14108: of a pool of pairs from the web the best
//     baselines keep the three of ten whose text fits the image best.
//
// Everything else is a choice, and said to be one. Where a figure is chosen
// below a published one, alt-text comes out better than the web's.
const (
	// RateMissing is the share of images without alt-text: WebAIM's.
	RateMissing = 0.162
	// RateFileName and RatePhrase share WebAIM's questionable ones, 10.8 % of
	// 83.8 %, evenly.
	RateFileName = 0.045
	RatePhrase   = 0.045
	// RateForeign is the share of alt-text in Spanish or German. A choice: in
	// LAION-5B six of ten pairs are not in English or in no known language, but
	// sets meant for English models are filtered by language first.
	RateForeign = 0.08
	// RateUnrelated is the share of alt-text that was meant for another picture. A
	// choice, far below what DataComp's filters drop.
	RateUnrelated = 0.03
	// RateNamed is the share of alt-text that knows a name which can't be seen. A choice.
	RateNamed = 0.24
	// RateWords is what remains: words for what can be seen, of varying worth.
	RateWords = 1 - RateMissing - RateFileName - RatePhrase - RateForeign - RateUnrelated - RateNamed
	// RateWrongColour is how often a colour that an alt-text states is not that of
	// its object. A choice.
	RateWrongColour = 0.15
)

// Rates of what words leave out. All are choices, such that alt-text, where
// there is one, comes out at the seven words of Stone et al.
const (
	rateObject   = 0.85 // an object is mentioned
	rateBeside   = 0.6  // another one is, beside the one with the name
	rateColour   = 0.75 // a mentioned one has its colour
	rateExtra    = 0.35 // its texture; its size
	rateShuffled = 0.45 // the words are in no order, so even what belongs together is lost
)

// AltKind is what became of a picture's alt-text.
type AltKind string

// The kinds of alt-text.
const (
	AltWords     AltKind = "words"
	AltNamed     AltKind = "named"
	AltFileName  AltKind = "file-name"
	AltForeign   AltKind = "foreign"
	AltPhrase    AltKind = "phrase" // of the kind that any picture could have
	AltUnrelated AltKind = "unrelated"
	AltNone      AltKind = "none"
)

// AltText is what a web page says of a picture. Name, when not empty, is who
// made the object at index NameOf; the caption should carry it. WrongColour is
// true when a colour is stated that its object doesn't have.
type AltText struct {
	Text        string
	Kind        AltKind
	Name        string
	NameOf      int
	WrongColour bool
}

// drawKind draws a kind by the fixed rates. share, when positive, replaces
// RateNamed and the other kinds give way in proportion.
func drawKind(d *dice, share float64) AltKind {
	if share <= 0 {
		share = RateNamed
	}
	if d.chance(share) {
		return AltNamed
	}
	rest := []struct {
		kind AltKind
		rate float64
	}{
		{AltWords, RateWords}, {AltNone, RateMissing}, {AltForeign, RateForeign},
		{AltFileName, RateFileName}, {AltPhrase, RatePhrase}, {AltUnrelated, RateUnrelated},
	}
	var parts []int
	for _, r := range rest {
		parts = append(parts, int(float64(r.rate*10000)+0.5))
	}
	return rest[d.weighted(parts...)].kind
}

// altOf writes an alt-text of the kind; a scene that no name can be tied to
// gets words instead of a name.
func altOf(d *dice, s *Scene, kind AltKind, heldName bool) AltText {
	switch kind {
	case AltNamed:
		if len(s.nameable()) == 0 {
			return altWords(d, s)
		}
		return altNamed(d, s, heldName)
	case AltWords:
		return altWords(d, s)
	case AltFileName:
		return AltText{Kind: kind, Text: fileName(d, pick(d, s.Objects).Thing)}
	case AltForeign:
		return AltText{Kind: kind, Text: foreign(d, s.spoken())}
	case AltPhrase:
		var ps []string
		for range d.between(1, 4) {
			ps = append(ps, phrase(d))
		}
		return AltText{Kind: kind, Text: strings.Join(ps, pick(d, []string{" | ", ", ", " "}))}
	case AltUnrelated:
		return altUnrelated(d, s)
	}
	return AltText{Kind: AltNone}
}

// altWords names some of the objects, with or without their attributes, among
// phrases that say nothing.
func altWords(d *dice, s *Scene) AltText {
	a := AltText{Kind: AltWords}
	var parts [][]string
	for _, t := range s.spoken() {
		if d.chance(rateObject) {
			parts = append(parts, a.describe(d, t, rateColour))
		}
	}
	if parts == nil {
		parts = [][]string{a.describe(d, s.Objects[0].Thing, rateColour)}
	}
	a.Text = joinParts(d, parts)
	return a
}

// joinParts makes one text of the objects' words and up to two phrases.
func joinParts(d *dice, parts [][]string) string {
	var out []string
	if d.chance(rateShuffled) {
		var words []string
		for _, p := range parts {
			words = append(words, p...)
		}
		shuffle(d, words)
		out = []string{strings.Join(words, " ")}
	} else {
		for _, p := range parts {
			out = append(out, strings.Join(p, " "))
		}
	}
	for range d.weighted(25, 45, 30) {
		out = append(out, phrase(d))
	}
	shuffle(d, out)
	return strings.Join(out, pick(d, []string{", ", " | ", " ", " - "}))
}

// describe puts a thing in a few words, and notes when the colour is wrong.
func (a *AltText) describe(d *dice, t Thing, rateColour float64) []string {
	var w []string
	if d.chance(rateExtra) {
		w = append(w, t.Texture)
	}
	if d.chance(rateExtra) {
		w = append(w, t.Size)
	}
	if d.chance(rateColour) {
		c := t.Colour
		if d.chance(RateWrongColour) {
			c = otherColour(d, t, nil)
			a.WrongColour = true
		}
		w = append(w, c)
	}
	return append(w, t.Shape)
}

// otherColour draws a colour that the thing doesn't have, none of those in not,
// and none that would make a pair which training must not see.
func otherColour(d *dice, t Thing, not []Object) string {
	for {
		c := pick(d, Colours)
		taken := c == t.Colour || HeldPair(c, t.Shape)
		for _, o := range not {
			taken = taken || o.Colour == c
		}
		if !taken {
			return c
		}
	}
}

// altNamed ties a new name to an object that is alone in its shape.
func altNamed(d *dice, s *Scene, heldName bool) AltText {
	a := AltText{Kind: AltNamed, NameOf: pick(d, s.nameable()), Name: newName(d, heldName)}
	named := strings.Join(a.describe(d, s.Objects[a.NameOf].Thing, 0.5), " ")
	switch d.weighted(2, 1, 1) {
	case 0:
		named = a.Name + " " + named
	case 1:
		named += " by " + a.Name
	case 2:
		named += " from " + a.Name
	}
	var rest []string
	for i, t := range s.spoken() {
		if i != a.NameOf && d.chance(rateBeside) {
			rest = append(rest, strings.Join(a.describe(d, t, rateColour), " "))
		}
	}
	if d.chance(0.6) {
		rest = append(rest, phrase(d))
	}
	shuffle(d, rest)
	out := append([]string{named}, rest...)
	if d.chance(0.3) {
		out = append(rest, named)
	}
	a.Text = strings.Join(out, pick(d, []string{", ", " | ", " - "}))
	return a
}

// altUnrelated writes the alt-text of another scene, words or a name. A name
// there belongs to no shape of this picture, so its caption carries none.
func altUnrelated(d *dice, s *Scene) AltText {
	for {
		o := newScene(d, func(o *Scene) bool { return !o.held() })
		kind := AltWords
		if d.chance(RateNamed / (RateNamed + RateWords)) {
			kind = AltNamed
		}
		a := altOf(d, &o, kind, false)
		if a.Name == "" || s.count(o.Objects[a.NameOf].Shape) == 0 {
			return AltText{Kind: AltUnrelated, Text: a.Text}
		}
	}
}

// altWrongColour writes words of which the first object's colour is one that
// nothing in the scene has.
func altWrongColour(d *dice, s *Scene) AltText {
	a := AltText{Kind: AltWords, WrongColour: true}
	t := s.Objects[0].Thing
	parts := [][]string{{otherColour(d, t, s.Objects), t.Shape}}
	for _, t := range s.spoken()[1:] {
		if d.chance(rateObject) {
			parts = append(parts, []string{t.Colour, t.Shape})
		}
	}
	a.Text = joinParts(d, parts)
	return a
}

// spoken returns the things to speak of: equal objects once.
func (s *Scene) spoken() []Thing {
	n := len(s.Objects)
	if s.Kind == Many {
		n = 1
	}
	ts := make([]Thing, n)
	for i := range ts {
		ts[i] = s.Objects[i].Thing
	}
	return ts
}

func fileName(d *dice, t Thing) string {
	switch d.below(4) {
	case 0:
		return fmt.Sprintf("IMG_%d.JPG", d.between(1000, 9999))
	case 1:
		return fmt.Sprintf("%s-%s-final(%d).png", t.Colour, t.Shape, d.between(1, 9))
	case 2:
		return fmt.Sprintf("DSC%d", d.between(10000, 99999))
	}
	return fmt.Sprintf("%s_%d.webp", t.Shape, d.between(1, 99))
}

var junk = []string{
	"stuff", "buy 4321", "free shipping", "best price", "stock photo", "hd wallpaper", "click here", "sale",
	"new 2024", "image", "pic", "cute", "clipart", "download", "vector", "thumbnail", "no. 17", "size M",
	"gift idea", "lot of 3", "print", "shop now", "20% off",
}

// phrase returns words that any picture of the web could have.
func phrase(d *dice) string {
	if d.chance(0.9) {
		return pick(d, junk)
	}
	return fmt.Sprintf("item %d", d.between(100, 9999))
}

var languages = []map[string]string{
	{
		"red": "roja", "orange": "naranja", "yellow": "amarilla", "green": "verde", "blue": "azul", "purple": "morada",
		"black": "negra", "white": "blanca", "circle": "circulo", "square": "cuadrado", "triangle": "triangulo",
		"star": "estrella", "heart": "corazon", "cross": "cruz", "moon": "luna", "flower": "flor",
	},
	{
		"red": "rot", "orange": "orange", "yellow": "gelb", "green": "gruen", "blue": "blau", "purple": "lila",
		"black": "schwarz", "white": "weiss", "circle": "Kreis", "square": "Quadrat", "triangle": "Dreieck",
		"star": "Stern", "heart": "Herz", "cross": "Kreuz", "moon": "Mond", "flower": "Blume",
	},
}

// foreign names some of the things in another language.
func foreign(d *dice, ts []Thing) string {
	l := pick(d, languages)
	var out []string
	for _, t := range ts {
		if d.chance(rateObject) {
			out = append(out, l[t.Shape]+" "+l[t.Colour])
		}
	}
	if out == nil {
		out = []string{l[ts[0].Shape]}
	}
	if d.chance(0.3) {
		out = append(out, phrase(d))
	}
	return strings.Join(out, ", ")
}

package scenes

import (
	"slices"
	"strings"
)

// Parse reads a caption of the canonical style back into facts. It accepts any
// text: a sentence that is none of that style's, or has a word outside the
// world's, is kept in Unread and claims nothing. A caption that contradicts
// itself keeps what it said last.
func Parse(caption string) Facts {
	var f Facts
	for s := range strings.SplitSeq(caption, ".") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		if !f.read(strings.Fields(s)) {
			f.Unread = append(f.Unread, s)
		}
	}
	return f
}

// read takes up one sentence and reports whether it understood it.
func (f *Facts) read(w []string) bool {
	switch {
	case starts(w, "The picture shows"):
		return f.readOpening(w[3:])
	case starts(w, "They are spread out and do not touch") && len(w) == 8:
		return true
	case starts(w, "It is a"):
		t, ok := thing(w[3:])
		if !ok || len(w) < 10 {
			return false
		}
		place := strings.Join(w[9:], " ")
		if !slices.Contains(places, place) || strings.Join(w[7:], " ") != atPlace(place) {
			return false
		}
		f.Things, f.Where = append(f.Things, t), place
		return true
	case starts(w, "There is a") && len(w) == 7:
		t, ok := thing(w[3:])
		if ok {
			f.Things = append(f.Things, t)
		}
		return ok
	case len(w) == 6 && w[0] == "The" && (w[2] == "is" || w[2] == "are") && w[3] == "made" && w[4] == "by":
		shape, ok := singular(w[1])
		if ok {
			f.Name, f.NameOf = w[5], shape
		}
		return ok
	case starts(w, "A"):
		return f.readLink(w[1:])
	}
	return false
}

// readOpening reads "two objects on a smooth mint background", and the like for
// a scene of equal objects.
func (f *Facts) readOpening(w []string) bool {
	if len(w) < 7 || !starts(w[len(w)-5:], "on a") || w[len(w)-1] != "background" {
		return false
	}
	n := slices.Index(numbers, w[0])
	bg := Background{w[len(w)-3], w[len(w)-2]}
	if n < 1 || !slices.Contains(BackgroundTextures, bg.Texture) || !slices.Contains(BackgroundColours, bg.Colour) {
		return false
	}
	what := w[1 : len(w)-5]
	switch {
	case len(what) == 1 && (what[0] == "object" || what[0] == "objects"):
	case len(what) == 4:
		shape, ok := singular(what[3])
		if !ok || shape == what[3] {
			return false
		}
		t, ok := thing([]string{what[0], what[1], what[2], shape})
		if !ok {
			return false
		}
		f.Things = append(f.Things, slices.Repeat([]Thing{t}, n)...)
	default:
		return false
	}
	f.Count, f.Background = n, &bg
	return true
}

// readLink reads "small plain red star is above the blue circle".
func (f *Facts) readLink(w []string) bool {
	t, ok := thing(w)
	if !ok || len(w) < 8 || w[len(w)-3] != "the" {
		return false
	}
	ref := Ref{w[len(w)-2], w[len(w)-1]}
	rel, known := relations[strings.Join(w[4:len(w)-3], " ")]
	if !known || !slices.Contains(Colours, ref.Colour) || !slices.Contains(Shapes, ref.Shape) {
		return false
	}
	f.Things = append(f.Things, t)
	f.Claims = append(f.Claims, Claim{t.Ref(), rel, ref})
	return true
}

var (
	relations = func() map[string]Relation {
		m := map[string]Relation{}
		for r, p := range phrases {
			m[p] = r
		}
		return m
	}()
	places = []string{
		"top left", "top", "top right", "left", "middle", "right", "bottom left", "bottom", "bottom right",
	}
)

// starts reports whether the words begin with those of phrase.
func starts(w []string, phrase string) bool {
	p := strings.Fields(phrase)
	return len(w) >= len(p) && slices.Equal(w[:len(p)], p)
}

// thing reads size, texture, colour and shape.
func thing(w []string) (Thing, bool) {
	if len(w) < 4 {
		return Thing{}, false
	}
	t := Thing{w[0], w[1], w[2], w[3]}
	return t, slices.Contains(Sizes, t.Size) && slices.Contains(Textures, t.Texture) &&
		slices.Contains(Colours, t.Colour) && slices.Contains(Shapes, t.Shape)
}

// singular returns the shape that a word in the singular or plural names.
func singular(word string) (string, bool) {
	for s, p := range plurals {
		if word == s || word == p {
			return s, true
		}
	}
	return "", false
}

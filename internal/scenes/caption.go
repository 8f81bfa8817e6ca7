package scenes

import (
	"cmp"
	"fmt"
	"strings"
)

// Styles is the number of wordings of Caption.
const Styles = 3

// Caption says all that can be seen in the scene. It is a function of the scene
// and the name: style 0 is the canonical wording, which Parse reads back; 1 and
// 2 are paraphrases, for use as further references. name, when not empty, is
// who made the object at index of, and is told in the last sentence.
func (s *Scene) Caption(style int, name string, of int) string {
	bg := s.Background.Texture + " " + s.Background.Colour
	last := "The background is " + bg + "."
	var out []string
	say := func(style0, style1, style2 string) {
		if t := [Styles]string{style0, style1, style2}[style]; t != "" {
			out = append(out, t)
		}
	}
	n, first := len(s.Objects), s.Objects[0].Thing
	switch {
	case s.Kind == Many:
		what := fmt.Sprintf("%s %s %s %s %s", numbers[n], first.Size, first.Texture, first.Colour, plurals[first.Shape])
		say("The picture shows "+what+" on a "+bg+" background.", "There are "+what+".", "On a "+bg+" background one can count "+what+".")
		say("They are spread out and do not touch.", last, "")
	case n == 1:
		where := atPlace(s.place())
		say("The picture shows one object on a "+bg+" background.", "A "+first.String()+" "+where+" of the picture.", "On a "+bg+" background there is a single "+first.String()+".")
		say("It is a "+first.String()+" "+where+".", last, "")
	default:
		say("The picture shows "+numbers[n]+" objects on a "+bg+" background.", "There are "+numbers[n]+" objects.", "On a "+bg+" background one can see "+numbers[n]+" objects.")
		say("There is a "+first.String()+".", "One is a "+first.String()+".", "The first is a "+first.String()+".")
		for _, l := range s.Links {
			ref := s.Objects[l.Object]
			t := fmt.Sprintf("A %s %s the %s %s.", s.Objects[l.Subject].Thing, phrases[l.Relation], ref.Colour, ref.Shape)
			say(t, t, t)
		}
		say("", last, "")
	}
	if name != "" {
		shape, verb := s.Objects[of].Shape, "is"
		if s.Kind == Many {
			shape, verb = plurals[shape], "are"
		}
		t := fmt.Sprintf("The %s %s made by %s.", shape, verb, name)
		say(t, t, t)
	}
	return strings.Join(out, " ")
}

// String returns the thing in words, without an article.
func (t Thing) String() string {
	return t.Size + " " + t.Texture + " " + t.Colour + " " + t.Shape
}

// place says in which ninth of the picture the first object lies: "top left",
// "middle". Layouts keep a single object 8 pixels from every border of them.
func (s *Scene) place() string {
	third := func(v int, near, far string) string {
		switch {
		case v < (lineA+lineM)*unit/2:
			return near
		case v > (lineM+lineB)*unit/2:
			return far
		}
		return ""
	}
	o := s.Objects[0]
	place := strings.TrimSpace(third(o.Y, "top", "bottom") + " " + third(o.X, "left", "right"))
	return cmp.Or(place, "middle")
}

// atPlace returns how a caption says a place.
func atPlace(place string) string {
	if place == "middle" {
		return "in the middle"
	}
	return "at the " + place
}

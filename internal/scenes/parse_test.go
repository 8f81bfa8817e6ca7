package scenes

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCaptionReadsBack(t *testing.T) {
	for _, split := range Splits {
		for i := range 1500 {
			m := set(split).At(i)
			read := Parse(m.Caption(0))
			hold := m.Scene.Facts(m.Alt.Name, m.Alt.NameOf)
			if d := cmp.Diff(hold, read); d != "" {
				t.Fatalf("%s %d: %s\n-holds +read\n%s", split, i, m.Caption(0), d)
			}
			for name, tally := range parts(Compare(hold, read)) {
				if tally.Right != tally.Asked {
					t.Fatalf("%s %d: %s %+v", split, i, name, tally)
				}
			}
		}
	}
}

func parts(s Score) map[string]Tally {
	return map[string]Tally{
		"readable": s.Readable, "objects": s.Objects, "pairs": s.Pairs, "bindings": s.Bindings, "full": s.Full,
		"held pairs": s.HeldPairs, "relations": s.Relations, "axes": s.Axes, "diagonals": s.Diagonals,
		"touching": s.Touching, "count": s.Count, "background": s.Background, "where": s.Where, "name": s.Name,
		"name only": s.NameOnly, "no name": s.NoName,
	}
}

func TestReferencesSayTheSameInOtherWords(t *testing.T) {
	for i := range 300 {
		m := set(Train).At(i)
		for style := 1; style < Styles; style++ {
			c := m.Caption(style)
			if c == m.Caption(0) {
				t.Fatalf("%d style %d is the canonical caption", i, style)
			}
			words := []string{m.Scene.Background.Texture, m.Scene.Background.Colour, m.Alt.Name}
			for _, o := range m.Scene.Objects {
				words = append(words, o.Size, o.Texture, o.Colour, o.Shape)
			}
			for _, w := range words {
				if !strings.Contains(c, w) {
					t.Fatalf("%d style %d lacks %s: %s", i, style, w, c)
				}
			}
		}
	}
}

func TestCompare(t *testing.T) {
	const hold = "The picture shows three objects on a smooth mint background. There is a large plain red star. " +
		"A small dotted blue moon is to the left of the red star. A small plain green cross sits on top of the red star. The moon is made by Klena."
	full := map[string]Tally{
		"readable": {1, 1}, "objects": {1, 1}, "pairs": {1, 1}, "bindings": {3, 3}, "full": {3, 3}, "held pairs": {},
		"relations": {2, 2}, "axes": {1, 1}, "diagonals": {}, "touching": {1, 1}, "count": {1, 1}, "background": {1, 1},
		"where": {}, "name": {1, 1}, "name only": {1, 1}, "no name": {},
	}
	for _, c := range []struct {
		name string
		from string
		to   string
		want map[string]Tally
	}{
		{"the same", "", "", nil},
		{"other texture", "large plain red star.", "large striped red star.", map[string]Tally{"objects": {0, 1}, "full": {2, 3}}},
		{"other colour", "dotted blue moon", "dotted black moon", map[string]Tally{
			"objects": {0, 1}, "pairs": {0, 1}, "bindings": {2, 3}, "full": {2, 3}, "relations": {1, 2}, "axes": {0, 1},
		}},
		{"colours swapped", "dotted blue moon is to the left of the red star. A small plain green cross", "dotted green moon is to the left of the red star. A small plain blue cross", map[string]Tally{
			"objects": {0, 1}, "pairs": {0, 1}, "bindings": {1, 3}, "full": {1, 3}, "relations": {0, 2}, "axes": {0, 1}, "touching": {0, 1},
		}},
		{"relation flipped", "to the left of", "to the right of", map[string]Tally{"relations": {1, 2}, "axes": {0, 1}}},
		{"other host", "on top of the red star", "on top of the blue moon", map[string]Tally{"relations": {1, 2}, "touching": {0, 1}}},
		{"other count", "three", "four", map[string]Tally{"count": {0, 1}}},
		{"other ground", "mint", "sand", map[string]Tally{"background": {0, 1}}},
		{"name misspelt", "Klena", "Klina", map[string]Tally{"name": {0, 1}, "name only": {0, 1}}},
		{"name on another shape", "The moon is", "The star is", map[string]Tally{"name": {0, 1}}},
		{"name lost", " The moon is made by Klena.", "", map[string]Tally{"name": {0, 1}, "name only": {0, 1}}},
		{"a sentence of no use", "There is a large", "Look. There is a large", map[string]Tally{"readable": {0, 1}}},
		{"nothing", hold, "", map[string]Tally{
			"objects": {0, 1}, "pairs": {0, 1}, "bindings": {0, 3}, "full": {0, 3}, "relations": {0, 2}, "axes": {0, 1},
			"touching": {0, 1}, "count": {0, 1}, "background": {0, 1}, "name": {0, 1}, "name only": {0, 1},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			said := hold
			if c.from != "" {
				if !strings.Contains(hold, c.from) {
					t.Fatalf("%q is not in the caption", c.from)
				}
				said = strings.Replace(hold, c.from, c.to, 1)
			}
			want := map[string]Tally{}
			for k, v := range full {
				want[k] = v
			}
			for k, v := range c.want {
				want[k] = v
			}
			if d := cmp.Diff(want, parts(Compare(Parse(hold), Parse(said)))); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
	invented := Compare(Parse("There is a large plain red star."), Parse("There is a large plain red star. The star is made by Klena."))
	if invented.NoName != (Tally{0, 1}) {
		t.Errorf("an invented name: %+v", invented.NoName)
	}
	held := Compare(Parse("There is a large plain blue star."), Parse("There is a large plain red star."))
	if held.HeldPairs != (Tally{0, 1}) {
		t.Errorf("a held pair: %+v", held.HeldPairs)
	}
	sum := invented
	sum.Add(held)
	if sum.Objects != (Tally{1, 2}) || sum.Objects.Share() != 0.5 || (Tally{}).Share() != 0 {
		t.Errorf("sum %+v", sum.Objects)
	}
}

func TestParseUnread(t *testing.T) {
	for _, s := range []string{
		"There is a huge plain red star", "A large plain red star is near the blue moon", "It is a small plain red star in the corner",
		"It is a small plain red star at the middle", "The picture shows ten objects on a smooth mint background",
		"The picture shows two small plain red star on a smooth mint background", "The picture shows two objects on a smooth mint",
		"The ball is made by Klena", "hello", "A", "There is a large plain red", "It is a large plain red star",
	} {
		f := Parse(s + ".")
		if !slices.Equal(f.Unread, []string{s}) || f.Count != 0 || f.Things != nil || f.Name != "" {
			t.Errorf("%q: %+v", s, f)
		}
	}
}

func FuzzParse(f *testing.F) {
	for i := range 12 {
		m := set(Train).At(i)
		f.Add(m.Caption(0))
		f.Add(m.Alt.Text)
	}
	f.Add("The picture shows six objects on a. . A the. It is a")
	f.Fuzz(func(t *testing.T, s string) {
		got := Parse(s)
		for _, th := range got.Things {
			if _, ok := thing([]string{th.Size, th.Texture, th.Colour, th.Shape}); !ok {
				t.Fatalf("%q: a thing out of this world: %v", s, th)
			}
		}
		if got.Count < 0 || got.Count > 6 || got.Name != "" && !slices.Contains(Shapes, got.NameOf) {
			t.Fatalf("%q: %+v", s, got)
		}
		if n := strings.Count(s, ".") + 1; len(got.Unread) > n || len(got.Claims) > n {
			t.Fatalf("%q: more claims than sentences: %+v", s, got)
		}
		Compare(got, got)
	})
}

package scenes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func set(split Split) Set { return Set{Seed: 1, Split: split, World: General} }

// The digests change when a picture or a text changes. That makes every model
// and figure that came from the old ones stale, so it is never done in passing.
func TestSampleDigests(t *testing.T) {
	want := map[string][2]string{
		"general/train":        {"facd4f1259b61b78", "7569b60140ddd427"},
		"general/test":         {"6211570def7cf2e5", "48ec48ee48448ad6"},
		"general/held-pairs":   {"4e084b834b673cf0", "64b6a94d8b89fc1e"},
		"general/held-names":   {"a3657b7d5fafadaf", "47bc6e88825c7010"},
		"general/wrong-colour": {"6211570def7cf2e5", "261bbd3a6a0746ff"},
		"general/no-alt":       {"6211570def7cf2e5", "55f3a4bbe1b33784"},
		"general/other-alt":    {"6211570def7cf2e5", "ad1a0dfdeec79aed"},
		"families/train":       {"de81e0191045e0f7", "a7d3a18c634e4292"},
		"families/test":        {"bcf65aa8f1fca6d5", "5f82653c496e7109"},
	}
	for name, w := range want {
		world, split, _ := strings.Cut(name, "/")
		s := Set{Seed: 7, Split: Split(split), World: World(world)}
		pictures, texts := sha256.New(), sha256.New()
		for i := range 64 {
			m := s.At(i)
			pictures.Write(m.Scene.Render().Pix)
			truth, err := json.Marshal(m.Truth())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(texts, "%q %q %s\n", m.Alt.Text, m.Title, truth)
		}
		got := [2]string{hex.EncodeToString(pictures.Sum(nil)[:8]), hex.EncodeToString(texts.Sum(nil)[:8])}
		if got != w {
			t.Errorf("%q: {%q, %q},", name, got[0], got[1])
		}
	}
}

func TestSamplesAreIndependent(t *testing.T) {
	s := set(Train)
	first := s.At(40)
	for i := range 40 {
		s.At(i)
	}
	if again := s.At(40); again.Caption(0) != first.Caption(0) || again.Alt != first.Alt ||
		!slices.Equal(again.Scene.Render().Pix, first.Scene.Render().Pix) {
		t.Error("sample 40 differs after others were made")
	}
	other := Set{Seed: 2, Split: Train, World: General}.At(40)
	if other.Caption(0) == first.Caption(0) {
		t.Error("another seed gives the same scene")
	}
}

func TestSplitsAreDisjoint(t *testing.T) {
	const n = 400
	seen := map[[32]byte]string{}
	names := map[string]Split{}
	for _, split := range []Split{Train, Test, HeldPairs, HeldNames} {
		for i := range n {
			m := set(split).At(i)
			where := fmt.Sprintf("%s %d", split, i)
			picture := sha256.Sum256(m.Scene.Render().Pix)
			if was, ok := seen[picture]; ok {
				t.Errorf("%s is the picture of %s", where, was)
			}
			seen[picture] = where
			if held := m.Scene.held(); held != (split == HeldPairs) {
				t.Errorf("%s: held pair %v", where, held)
			}
			if name := m.Alt.Name; name != "" {
				if held := HeldName(name); held != (split == HeldNames) {
					t.Errorf("%s: name %s held %v", where, name, held)
				}
				if !strings.Contains(m.Alt.Text, name) {
					t.Errorf("%s: %q lacks %s", where, m.Alt.Text, name)
				}
				names[name] = split
			} else if split == HeldNames {
				t.Errorf("%s has no name", where)
			}
		}
	}
	if len(names) < n {
		t.Errorf("%d names are different, want at least %d", len(names), n)
	}
}

// In a condition of Test only what is said changes, so it is compared picture by picture.
func TestConditionsShareThePicturesOfTest(t *testing.T) {
	for i := range 400 {
		test := set(Test).At(i)
		for _, split := range []Split{WrongColour, NoAlt, OtherAlt} {
			m := set(split).At(i)
			if m.Scene.Caption(0, "", 0) != test.Scene.Caption(0, "", 0) || m.Scene.look != test.Scene.look {
				t.Fatalf("%s %d is not the picture of test", split, i)
			}
			switch {
			case m.Alt.Name != "":
				t.Errorf("%s %d has the name %s", split, i, m.Alt.Name)
			case split == NoAlt && m.Alt != (AltText{Kind: AltNone}):
				t.Errorf("%s %d has %q", split, i, m.Alt.Text)
			case split == OtherAlt && (m.Alt.Text == "" || m.Alt.Kind != AltUnrelated):
				t.Errorf("%s %d has %q, %s", split, i, m.Alt.Text, m.Alt.Kind)
			case split == WrongColour && !statesForeignColour(m):
				t.Errorf("%s %d: %q states no colour that is not in %q", split, i, m.Alt.Text, m.Caption(0))
			}
		}
	}
}

func statesForeignColour(m Sample) bool {
	return m.Alt.WrongColour && slices.ContainsFunc(strings.Fields(m.Alt.Text), func(w string) bool {
		w = strings.Trim(w, ",|-")
		return slices.Contains(Colours, w) && !slices.ContainsFunc(m.Scene.Objects, func(o Object) bool { return o.Colour == w })
	})
}

func TestTruthReadsBack(t *testing.T) {
	for _, split := range Splits {
		for i := range 200 {
			m := set(split).At(i)
			b, err := json.Marshal(m.Truth())
			if err != nil {
				t.Fatal(err)
			}
			var back Truth
			if err := json.Unmarshal(b, &back); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(m.Truth(), back); d != "" {
				t.Fatalf("%s %d: truth -made +read\n%s", split, i, d)
			}
			if d := cmp.Diff(m.Scene.Facts(m.Alt.Name, m.Alt.NameOf), back.Facts()); d != "" {
				t.Fatalf("%s %d: facts -sample +truth\n%s", split, i, d)
			}
		}
	}
	zero, far := Truth{}, 9
	zero.Relations, zero.Name, zero.NameObject = []Link{{Subject: 3, Object: -1}}, "Klena", &far
	if f := zero.Facts(); len(f.Claims) != 0 || f.Name != "" {
		t.Errorf("facts of what points outside: %+v", f)
	}
}

func TestFamilies(t *testing.T) {
	words := func(s Scene) string {
		w := strings.Fields(s.Objects[0].String() + " " + s.Objects[1].String() + " " + s.Background.Texture + " " + s.Background.Colour)
		slices.Sort(w)
		return strings.Join(w, " ")
	}
	choices := map[Split]map[string]bool{}
	for _, split := range []Split{Train, Test} {
		choices[split] = map[string]bool{}
		s := Set{Seed: 3, Split: split, World: Families}
		for f := range 200 {
			bag, captions := "", map[string]bool{}
			var axis string
			for m := range FamilySize {
				sc := s.At(f*FamilySize + m).Scene
				if len(sc.Objects) != 2 || sc.held() {
					t.Fatalf("family %d: %v", f, sc.Objects)
				}
				if bag == "" {
					bag = words(sc)
				}
				if words(sc) != bag {
					t.Fatalf("family %d: words %q, then %q", f, bag, words(sc))
				}
				// Told from the same shape, whichever is large.
				o := sc.Objects[0]
				rel := sc.Links[0].Relation
				if o.Shape > sc.Objects[1].Shape {
					o, rel = sc.Objects[1], opposites[rel]
				}
				captions[o.Colour+" "+string(rel)] = true
				axis = "row"
				if rel == Above || rel == Below {
					axis = "column"
				}
			}
			if len(captions) != FamilySize {
				t.Fatalf("family %d tells %d scenes apart: %v", f, len(captions), captions)
			}
			sc := s.At(f * FamilySize).Scene
			k := []string{sc.Objects[0].Colour, sc.Objects[1].Colour, sc.Objects[0].Shape, sc.Objects[1].Shape}
			slices.Sort(k[:2])
			slices.Sort(k[2:])
			choices[split][strings.Join(append(k, axis), " ")] = true
		}
	}
	for k := range choices[Test] {
		if choices[Train][k] {
			t.Errorf("%s is in train and test", k)
		}
	}
}

func TestSetValidate(t *testing.T) {
	ok := set(Train)
	for _, c := range []struct {
		change func(*Set)
		want   []string
	}{
		{func(*Set) {}, nil},
		{func(s *Set) { s.Split = "dev"; s.NameShare = 2 }, []string{`split "dev"`, "name share 2"}},
		{func(s *Set) { s.World = "" }, []string{`world ""`}},
		{func(s *Set) { s.World, s.Split = Families, HeldPairs }, []string{"families have no held pairs"}},
		{func(s *Set) { s.NameShare = -0.1 }, []string{"name share -0.1"}},
	} {
		s := ok
		c.change(&s)
		err := s.Validate()
		if (err == nil) != (c.want == nil) {
			t.Errorf("%+v: %v", s, err)
		}
		for _, w := range c.want {
			if err != nil && !strings.Contains(err.Error(), w) {
				t.Errorf("%+v: %v lacks %q", s, err, w)
			}
		}
	}
}

func BenchmarkRender(b *testing.B) {
	s := set(Train)
	var scs [64]Scene
	for i := range scs {
		scs[i] = s.At(i).Scene
	}
	for i := 0; b.Loop(); i++ {
		scs[i%len(scs)].Render()
	}
}

func BenchmarkSamplePNG(b *testing.B) {
	s := set(Train)
	for i := 0; b.Loop(); i++ {
		m := s.At(i % 512)
		m.PNG()
	}
}

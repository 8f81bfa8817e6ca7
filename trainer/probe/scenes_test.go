package probe

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/internal/scenes"
	"recaption/schemas"
)

func small(t *testing.T, change func(c *ScenesConfig)) *Suite {
	t.Helper()
	c := DefaultScenes()
	c.Families = 40
	if change != nil {
		change(&c)
	}
	s, err := Scenes(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSceneTextsAreTrueAndFalse reads every text back: true ones claim what
// holds, false ones something else, in words of the world.
func TestSceneTextsAreTrueAndFalse(t *testing.T) {
	set := DefaultScenes().Set
	s := small(t, nil)
	if err := s.validate(); err != nil {
		t.Fatal(err)
	}
	asks := map[string]func(hold, read scenes.Facts) bool{
		AttributeSwap: func(h, r scenes.Facts) bool { // the same words, other pairs
			return scenes.Compare(h, r).Pairs.Share() != 1 && h.Claims[0].Relation == r.Claims[0].Relation
		},
		RelationFlip: func(h, r scenes.Facts) bool {
			o, _ := h.Claims[0].Relation.Opposite()
			return scenes.Compare(h, r).Objects.Share() == 1 && r.Claims[0].Relation == o
		},
		RoleSwap: func(h, r scenes.Facts) bool {
			return h.Claims[0].Subject == r.Claims[0].Object && h.Claims[0].Object == r.Claims[0].Subject && h.Claims[0].Relation == r.Claims[0].Relation
		},
	}
	for _, p := range s.Choices {
		if len(p.Items) != len(s.Images) {
			t.Errorf("%s: %d items for %d pictures", p.Name, len(p.Items), len(s.Images))
		}
		for _, c := range p.Items {
			sample := set.At(c.Image)
			hold := sample.Scene.Facts("", 0)
			if score := scenes.Compare(hold, scenes.Parse(c.True)); score.Objects.Share() != 1 || score.Relations.Share() != 1 || score.Background.Share() != 1 {
				t.Fatalf("picture %d: %q is not true", c.Image, c.True)
			}
			for _, f := range c.False {
				if p.Name == WordOrder && bag(f) != bag(c.True) || p.Name != RelationFlip && vocabulary(f) != vocabulary(c.True) {
					t.Errorf("%s: %q has other words than %q", p.Name, f, c.True)
				}
				ask, ok := asks[p.Name]
				if !ok {
					continue
				}
				read := scenes.Parse(f)
				if len(read.Unread) > 0 || len(read.Claims) != 1 || !ask(hold, read) {
					t.Errorf("%s: %q is no false text of %q", p.Name, f, c.True)
				}
			}
		}
	}
}

// bag is a text's words in alphabetical order, vocabulary each of them once.
func bag(text string) string {
	return strings.Join(slices.Sorted(slices.Values(strings.Fields(strings.NewReplacer(".", "", ",", "").Replace(text)))), " ")
}

func vocabulary(text string) string {
	return strings.Join(slices.Compact(strings.Fields(bag(text))), " ")
}

func TestSceneClasses(t *testing.T) {
	set := DefaultScenes().Set
	s := small(t, nil)
	for _, p := range s.Classes {
		if len(p.Items) != len(s.Images) {
			t.Errorf("%s: %d items for %d pictures", p.Name, len(p.Items), len(s.Images))
		}
		for _, c := range p.Classes {
			if len(c.Prompts) != scenes.Styles {
				t.Errorf("%s: class %s has the prompts %q", p.Name, c.Name, c.Prompts)
			}
			for _, w := range c.Prompts {
				if !strings.Contains(w, c.Name) || !strings.HasSuffix(w, ".") {
					t.Errorf("%s: %q is no prompt of %s", p.Name, w, c.Name)
				}
			}
		}
		for _, it := range p.Items {
			sample := set.At(it.Image)
			want := sample.Scene.Background.Colour
			if p.Name == ClassOfLarge {
				i := slices.IndexFunc(sample.Scene.Objects, func(o scenes.Object) bool { return o.Size == "large" })
				want = sample.Scene.Objects[i].Colour + " " + sample.Scene.Objects[i].Shape
			}
			if got := p.Classes[it.Class].Name; got != want {
				t.Errorf("%s: picture %d is of class %s, want %s", p.Name, it.Image, got, want)
			}
		}
	}
}

// TestScenesAreHeldOut checks that no picture of a suite can have been trained
// on, and that those which were are left out.
func TestScenesAreHeldOut(t *testing.T) {
	s := small(t, nil)
	train := map[string]bool{}
	trained := scenes.Set{Seed: 1, Split: scenes.Train, World: scenes.Families}
	composition := func(s *scenes.Scene) string {
		var w []string
		for _, o := range s.Objects {
			w = append(w, o.Colour, o.Shape)
		}
		slices.Sort(w)
		axis := "row"
		if r := s.Links[0].Relation; r == scenes.Above || r == scenes.Below {
			axis = "column"
		}
		return strings.Join(append(w, axis), " ")
	}
	for i := range 4000 {
		sample := trained.At(i)
		train[composition(&sample.Scene)] = true
	}
	set := DefaultScenes().Set
	for i := range s.Images {
		sample := set.At(i)
		if train[composition(&sample.Scene)] {
			t.Errorf("picture %d: %s is trained on", i, composition(&sample.Scene))
		}
	}

	seen, _ := s.Images[5].Read()
	out := small(t, func(c *ScenesConfig) {
		c.Trained = func(d schemas.Digest) bool { return d == schemas.Sum(seen) }
	})
	if out.Dropped["trained on"] != 1 || len(out.Images) != len(s.Images)-1 || slices.ContainsFunc(out.Images, func(i Image) bool { return i.Name == s.Images[5].Name }) {
		t.Errorf("dropped %v of %d pictures, left %d", out.Dropped, len(s.Images), len(out.Images))
	}
	c := DefaultScenes()
	c.Trained = func(schemas.Digest) bool { return true }
	if _, err := Scenes(t.Context(), c); err == nil || !strings.Contains(err.Error(), "1000 were trained on") {
		t.Errorf("all trained on: %v", err)
	}
}

func TestScenesRepeat(t *testing.T) {
	a, b := small(t, nil), small(t, nil)
	for i := range a.Images {
		x, _ := a.Images[i].Read()
		y, _ := b.Images[i].Read()
		if !slices.Equal(x, y) {
			t.Fatalf("picture %d differs", i)
		}
	}
	if diff := cmp.Diff(a.Choices, b.Choices); diff != "" {
		t.Error(diff)
	}
}

// TestBlindOnScenes says what the texts alone give away: nothing of attributes,
// relations and roles, and all of the order of words.
func TestBlindOnScenes(t *testing.T) {
	s := small(t, nil)
	r, err := Run(t.Context(), table{}, s, Options{Texts: SceneTexts(1, 2000)})
	if err != nil {
		t.Fatal(err)
	}
	for _, probe := range []string{AttributeSwap, RelationFlip, RoleSwap} {
		if b := r.Figure(probe, Accuracy).Blind; b.Low > 0.5 || b.High < 0.5 {
			t.Errorf("%s: the blind guesser has %.2f to %.2f", probe, b.Low, b.High)
		}
	}
	if b := r.Figure(WordOrder, Accuracy).Blind; b.Share < 0.95 {
		t.Errorf("%s: the blind guesser has %.2f", WordOrder, b.Share)
	}
}

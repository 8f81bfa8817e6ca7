package scenes

import (
	"math"
	"slices"
	"testing"
)

// eachScene calls check for the first n scenes of the general splits.
func eachScene(t *testing.T, n int, check func(t *testing.T, s *Scene)) {
	t.Helper()
	for _, split := range []Split{Train, Test, HeldPairs, HeldNames} {
		for i := range n {
			m := set(split).At(i)
			check(t, &m.Scene)
			if t.Failed() {
				t.Fatalf("%s %d: %s", split, i, m.Caption(0))
			}
		}
	}
}

// No fact hangs on a pixel: relations, places and sizes have gaps.
func TestFactsAreClear(t *testing.T) {
	far := func(v int) bool { return v < -37*unit || v > 37*unit }
	near := func(v int) bool { return v > -9*unit && v < 9*unit }
	eachScene(t, 3000, func(t *testing.T, s *Scene) {
		for _, l := range s.Links {
			a, b := s.Objects[l.Subject], s.Objects[l.Object]
			dx, dy := a.X-b.X, a.Y-b.Y
			clear := false
			switch l.Relation {
			case LeftOf, RightOf:
				clear = near(dy) && far(dx) && (dx < 0) == (l.Relation == LeftOf)
			case Above, Below:
				clear = near(dx) && far(dy) && (dy < 0) == (l.Relation == Above)
			case OnTop:
				clear = dy < -18*unit && dx >= -2*unit && dx <= 2*unit
			case Inside:
				clear = max(dx, -dx, dy, -dy) <= 5*unit/2 && a.Radius*2 < b.Radius*12/10
			default:
				clear = far(dx) && far(dy)
			}
			if !clear {
				t.Errorf("%s at dx %d dy %d pixels", l.Relation, dx/unit, dy/unit)
			}
		}
		for _, o := range s.Objects {
			if o.Size == "large" && o.Radius < 16*unit || o.Size == "small" && o.Radius > 12*unit {
				t.Errorf("%s with radius %d", o.Size, o.Radius/unit)
			}
			if o.X < o.Radius || o.Y < o.Radius || o.X > Side*unit-o.Radius || o.Y > Side*unit-o.Radius {
				t.Errorf("%v reaches out of the picture: at %d,%d radius %d", o.Thing, o.X/unit, o.Y/unit, o.Radius/unit)
			}
		}
		if len(s.Objects) == 1 {
			for _, v := range []int{s.Objects[0].X, s.Objects[0].Y} {
				for _, border := range []int{73 * unit / 2, 119 * unit / 2} {
					if d := v - border; d > -8*unit && d < 8*unit {
						t.Errorf("a single object lies %d from a border", d/unit)
					}
				}
			}
		}
	})
}

// Every reference is to one object, named before, and by the rule.
func TestOrderAndReferences(t *testing.T) {
	eachScene(t, 3000, func(t *testing.T, s *Scene) {
		if s.Kind == Many {
			for _, o := range s.Objects {
				if o.Thing != s.Objects[0].Thing {
					t.Errorf("%v among %v", o.Thing, s.Objects[0].Thing)
				}
			}
			if n := len(s.Objects); n < 2 || n > 6 || s.Links != nil {
				t.Errorf("%d objects, links %v", n, s.Links)
			}
			return
		}
		seen := map[Ref]bool{}
		for _, o := range s.Objects {
			if seen[o.Ref()] {
				t.Errorf("two objects are %v", o.Ref())
			}
			seen[o.Ref()] = true
		}
		if len(s.Links) != len(s.Objects)-1 {
			t.Fatalf("%d links of %d objects", len(s.Links), len(s.Objects))
		}
		for i, l := range s.Links {
			touching := l.Relation == OnTop || l.Relation == Inside
			if l.Subject != i+1 || l.Object >= l.Subject || touching != s.Objects[l.Subject].rider || !touching && l.Object != 0 {
				t.Errorf("link %+v", l)
			}
		}
		if !slices.IsSortedFunc(s.Objects, func(a, b Object) int { return rank(&a) - rank(&b) }) {
			t.Error("small objects before large ones, or riders before others")
		}
	})
}

func TestKindShares(t *testing.T) {
	const n = 6000
	got := map[Kind]int{}
	for i := range n {
		got[set(HeldPairs).At(i).Scene.Kind]++
	}
	for i, k := range kinds {
		want := float64(kindShares[i]) / 100
		if share := float64(got[k]) / n; math.Abs(share-want) > 0.02 {
			t.Errorf("%s is %.3f of scenes, want %.3f", k, share, want)
		}
	}
}

func TestSines(t *testing.T) {
	for a := -fullTurn; a < 2*fullTurn; a++ {
		want := math.Sin(2*math.Pi*float64(a)/fullTurn) * fix
		if d := math.Abs(float64(sin(a)) - want); d > 0.51 {
			t.Fatalf("sin(%d) = %d, want %.2f", a, sin(a), want)
		}
	}
}

// Each shape covers a fair part of its circle, so all are seen alike.
func TestOutlines(t *testing.T) {
	for _, s := range Shapes {
		area, ps := 0, outlines[s]
		p := ps[len(ps)-1]
		for _, q := range ps {
			area += (p.x*q.y - q.x*p.y) >> 16
			p = q
		}
		if share := math.Abs(float64(area)) / (2 * math.Pi * fix); share < 0.25 || share > 1.05 {
			t.Errorf("%s covers %.2f of its circle", s, share)
		}
	}
}

func TestRenderIsOpaqueAndShowsObjects(t *testing.T) {
	eachScene(t, 100, func(t *testing.T, s *Scene) {
		img := s.Render()
		for i := 3; i < len(img.Pix); i += 4 {
			if img.Pix[i] != 255 {
				t.Fatalf("pixel %d has alpha %d", i/4, img.Pix[i])
			}
		}
		for _, o := range s.Objects {
			if s.Kind == In || s.Kind == InTwo || o.Texture != "plain" || o.Shape == "moon" {
				continue // its middle is another's, a stripe's or the ground's
			}
			c, want := img.NRGBAAt(o.X/unit, o.Y/unit), paints[o.Colour]
			for _, d := range []int{int(c.R) - want.r, int(c.G) - want.g, int(c.B) - want.b} {
				if d < -12 || d > 12 {
					t.Errorf("%v has %v in its middle, want near %v", o.Thing, c, want)
				}
			}
		}
	})
}

package scenes

import (
	"maps"
	"slices"
)

// Facts is what a caption claims, or what holds of a scene. Two captions that
// claim the same have equal facts, whatever the order of their sentences.
type Facts struct {
	Count      int         // objects; 0: not said
	Background *Background // nil: not said
	Things     []Thing     // equal objects are repeated
	Claims     []Claim
	Where      string   // place of a single object, as "top left" or "middle"; empty: not said
	Name       string   // who made NameOf; empty: no name
	NameOf     string   // shape, in the singular
	Unread     []string // sentences that say nothing in the words of the world
}

// Claim says how one object stands to another; each is known by colour and shape.
type Claim struct {
	Subject  Ref
	Relation Relation
	Object   Ref
}

// Ref points at an object of a scene by colour and shape.
type Ref struct{ Colour, Shape string }

// Ref returns how captions point at the thing.
func (t Thing) Ref() Ref { return Ref{t.Colour, t.Shape} }

// Facts returns what holds of the scene, with a name for the object at index
// of unless it is empty.
func (s *Scene) Facts(name string, of int) Facts {
	bg := s.Background
	f := Facts{Count: len(s.Objects), Background: &bg, Name: name}
	for _, o := range s.Objects {
		f.Things = append(f.Things, o.Thing)
	}
	for _, l := range s.Links {
		f.Claims = append(f.Claims, Claim{s.Objects[l.Subject].Ref(), l.Relation, s.Objects[l.Object].Ref()})
	}
	if len(s.Objects) == 1 {
		f.Where = s.place()
	}
	if name != "" {
		f.NameOf = s.Objects[of].Shape
	}
	return f
}

// Tally counts right answers among those asked for.
type Tally struct{ Right, Asked int }

func (t *Tally) add(right bool) {
	t.Asked++
	if right {
		t.Right++
	}
}

// Add adds another tally.
func (t *Tally) Add(o Tally) { t.Right += o.Right; t.Asked += o.Asked }

// Share returns the share of right answers, 0 when none was asked for.
func (t Tally) Share() float64 {
	if t.Asked == 0 {
		return 0
	}
	return float64(t.Right) / float64(t.Asked)
}

// Score compares what a caption claims with what holds. Each part is counted
// once per picture, but Bindings and Full, once per different colour-shape pair
// or thing that is there, and the relations, once per link.
type Score struct {
	Readable   Tally // every sentence is in the words of the world
	Objects    Tally // the things claimed are those there, no more, no fewer
	Pairs      Tally // the colour-shape pairs claimed are those there, no more, no fewer
	Bindings   Tally // a colour-shape pair that is there is claimed
	Full       Tally // a thing that is there is claimed with all four attributes
	HeldPairs  Tally // as Bindings, for pairs that training never sees
	Relations  Tally // a link that holds is claimed
	Axes       Tally // as Relations: left, right, above, below
	Diagonals  Tally
	Touching   Tally // as Relations: on top of, inside
	Count      Tally
	Background Tally
	Where      Tally // single objects only
	Name       Tally // pictures with a name: carried exactly, for the right shape
	NameOnly   Tally // as Name, whatever the shape
	NoName     Tally // pictures without a name: none is claimed
}

// Compare scores the facts read from a caption against those that hold.
func Compare(hold, read Facts) Score {
	var s Score
	s.Readable.add(len(read.Unread) == 0)
	s.Objects.add(slices.Equal(sorted(hold.Things), sorted(read.Things)))
	s.Count.add(read.Count == hold.Count)
	if hold.Background != nil {
		s.Background.add(read.Background != nil && *read.Background == *hold.Background)
	}
	there, claimed := refs(hold.Things), refs(read.Things)
	s.Pairs.add(maps.Equal(there, claimed))
	for r := range there {
		s.Bindings.add(claimed[r])
		if HeldPair(r.Colour, r.Shape) {
			s.HeldPairs.add(claimed[r])
		}
	}
	for i, t := range hold.Things {
		if !slices.Contains(hold.Things[:i], t) {
			s.Full.add(slices.Contains(read.Things, t))
		}
	}
	for _, c := range hold.Claims {
		right := slices.Contains(read.Claims, c)
		s.Relations.add(right)
		switch c.Relation {
		case LeftOf, RightOf, Above, Below:
			s.Axes.add(right)
		case OnTop, Inside:
			s.Touching.add(right)
		default:
			s.Diagonals.add(right)
		}
	}
	if hold.Where != "" {
		s.Where.add(read.Where == hold.Where)
	}
	if hold.Name != "" {
		s.Name.add(read.Name == hold.Name && read.NameOf == hold.NameOf)
		s.NameOnly.add(read.Name == hold.Name)
	} else {
		s.NoName.add(read.Name == "")
	}
	return s
}

// Add adds another score, part by part.
func (s *Score) Add(o Score) {
	s.Readable.Add(o.Readable)
	s.Objects.Add(o.Objects)
	s.Pairs.Add(o.Pairs)
	s.Bindings.Add(o.Bindings)
	s.Full.Add(o.Full)
	s.HeldPairs.Add(o.HeldPairs)
	s.Relations.Add(o.Relations)
	s.Axes.Add(o.Axes)
	s.Diagonals.Add(o.Diagonals)
	s.Touching.Add(o.Touching)
	s.Count.Add(o.Count)
	s.Background.Add(o.Background)
	s.Where.Add(o.Where)
	s.Name.Add(o.Name)
	s.NameOnly.Add(o.NameOnly)
	s.NoName.Add(o.NoName)
}

func refs(ts []Thing) map[Ref]bool {
	m := map[Ref]bool{}
	for _, t := range ts {
		m[t.Ref()] = true
	}
	return m
}

// sorted returns the things in one order of their own.
func sorted(ts []Thing) []string {
	out := make([]string, len(ts))
	for i, t := range ts {
		out[i] = t.String()
	}
	slices.Sort(out)
	return out
}

package scenes

import (
	"cmp"
	"slices"
)

// Side is the width and height of a picture in pixels.
const Side = 96

// unit is one pixel in the whole numbers that positions and radii are kept in:
// what decides a fact is never rounded.
const unit = 256

// Thing is what can be said of one object.
type Thing struct {
	Size    string `json:"size"`
	Texture string `json:"texture"`
	Colour  string `json:"colour"`
	Shape   string `json:"shape"`
}

// Object is a thing with its place. X, Y and Radius are in 1/256 pixel, Turn in
// 1/4096 of a full turn, clockwise.
type Object struct {
	Thing
	X, Y, Radius, Turn int

	row, column int  // place in the layout, for the order of mention
	rider       bool // sits on or in another object
}

// Link says that Subject stands in Relation to Object: indices into a scene's
// objects.
type Link struct {
	Subject  int      `json:"subject"`
	Relation Relation `json:"relation"`
	Object   int      `json:"object"`
}

// Background is what the objects lie on.
type Background struct {
	Texture string `json:"texture"`
	Colour  string `json:"colour"`
}

// Scene is a picture before it is drawn. Objects are in the order in which a
// caption names them; Links has one entry for each object but the first, none
// for a scene of equal objects. No two objects of a scene share colour and
// shape, unless Kind is Many: there all are the same thing.
type Scene struct {
	Kind       Kind
	Background Background
	Objects    []Object
	Links      []Link

	look uint64 // seeds what a picture has beyond its facts: grain, tints, stripes' direction
}

// Kind is how a scene is laid out.
type Kind string

// The kinds of scenes.
const (
	One   Kind = "one"
	Two   Kind = "two"
	On    Kind = "on" // one object on top of another
	In    Kind = "in" // one object inside another
	Three Kind = "three"
	Four  Kind = "four"
	OnTwo Kind = "on+" // one on top of another, and a third
	InTwo Kind = "in+"
	Many  Kind = "many" // two to six equal objects
)

var (
	kinds      = []Kind{One, Two, On, In, Three, Four, OnTwo, InTwo, Many}
	kindShares = []int{9, 20, 9, 9, 14, 10, 7, 7, 15} // per cent
)

// lineA, lineM and lineB are where layouts put their rows and columns, in
// pixels. Two objects are in one row, or column, when they differ by less than
// sameLine there; layouts keep that difference under 9 pixels or over 37, so no
// relation is a matter of taste.
const (
	lineA, lineM, lineB = 25, 48, 71
	sameLine            = 20 * unit
)

// layout builds one scene.
type layout struct {
	d    *dice
	used map[pair]bool
	objs []*Object
	host map[*Object]*Object
	how  map[*Object]Relation
}

// newScene draws a scene that keep accepts. It draws the kind once, so that
// what is kept has the same shares of kinds as what is not.
func newScene(d *dice, keep func(*Scene) bool) Scene {
	kind := kinds[d.weighted(kindShares...)]
	for {
		s := newSceneOf(d, kind)
		if keep == nil || keep(&s) {
			return s
		}
	}
}

func newSceneOf(d *dice, kind Kind) Scene {
	l := &layout{d: d, used: map[pair]bool{}, host: map[*Object]*Object{}, how: map[*Object]Relation{}}
	bg := Background{pick(d, BackgroundTextures), pick(d, BackgroundColours)}
	look := d.pcg.Uint64()
	switch kind {
	case One:
		l.one()
	case Two:
		l.two()
	case On, In:
		l.pair(kind, lineM*unit+d.within(16*unit), lineM*unit+d.within(12*unit), 0, 0)
	case Three, Four:
		l.corners(kind)
	case OnTwo, InTwo:
		l.pairAndOne(kind)
	case Many:
		l.many()
	}
	s := l.scene(kind)
	s.Background, s.look = bg, look
	return s
}

// thing draws an object of the given size that the scene doesn't have yet.
func (l *layout) thing(size string, shapes []string, notColour string) *Object {
	for {
		c, s := pick(l.d, Colours), pick(l.d, shapes)
		if c == notColour || l.used[pair{c, s}] {
			continue
		}
		l.used[pair{c, s}] = true
		o := &Object{Thing: Thing{size, Textures[l.d.weighted(4, 3, 3)], c, s}, Turn: l.d.within(159)}
		o.Radius = l.radius(size)
		return o
	}
}

// radius draws a radius; large and small are far apart.
func (l *layout) radius(size string) int {
	if size == "large" {
		return l.d.between(17*unit, 20*unit)
	}
	return l.d.between(19*unit/2, 12*unit)
}

// place puts o at a line of the layout, both coordinates off by at most jitter.
func (l *layout) place(o *Object, x, y, jitter, column, row int) *Object {
	o.X, o.Y = x+l.d.within(jitter), y+l.d.within(jitter)
	o.column, o.row = column, row
	l.objs = append(l.objs, o)
	return o
}

func (l *layout) any() *Object { return l.thing(pick(l.d, Sizes), Shapes, "") }

func (l *layout) one() {
	lines := []int{lineA, lineM, lineB}
	l.place(l.any(), pick(l.d, lines)*unit, pick(l.d, lines)*unit, 3*unit, 0, 0)
}

// two puts two objects in a row, in a column, or at opposite corners.
func (l *layout) two() {
	a, b := lineA*unit, lineB*unit
	switch l.d.weighted(4, 4, 2) {
	case 0:
		y := lineM*unit + l.d.within(18*unit)
		l.place(l.any(), a, y, 4*unit, 0, 0)
		l.place(l.any(), b, y, 4*unit, 1, 0)
	case 1:
		x := lineM*unit + l.d.within(18*unit)
		l.place(l.any(), x, a, 4*unit, 0, 0)
		l.place(l.any(), x, b, 4*unit, 0, 1)
	default:
		if l.d.below(2) == 0 {
			a, b = b, a
		}
		l.place(l.any(), a, lineA*unit, 3*unit, l.column(a), 0)
		l.place(l.any(), b, lineB*unit, 3*unit, l.column(b), 1)
	}
}

func (l *layout) column(x int) int {
	if x > lineM*unit {
		return 1
	}
	return 0
}

// corners puts three or four objects into the cells of a 2 x 2 grid.
func (l *layout) corners(kind Kind) {
	cells := []int{0, 1, 2, 3}
	shuffle(l.d, cells)
	if kind == Three {
		cells = cells[:3]
	}
	for _, c := range cells {
		x, y := lineA, lineA
		if c%2 == 1 {
			x = lineB
		}
		if c/2 == 1 {
			y = lineB
		}
		l.place(l.any(), x*unit, y*unit, 7*unit/2, c%2, c/2)
	}
}

// tops and bottoms have how far shapes reach up and down from their centre, per
// mille of the radius: who sits on whom touches it.
var (
	tops    = map[string]int{"circle": 1000, "square": 860, "cross": 1000, "flower": 980}
	bottoms = map[string]int{"triangle": 620, "square": 860, "star": 820, "heart": 880}
)

// pair puts a small object inside or on top of a large one.
func (l *layout) pair(kind Kind, x, y, column, row int) {
	d := l.d
	if kind == In || kind == InTwo {
		h := l.thing("large", []string{"circle", "square", "heart", "flower"}, "")
		h.Radius = d.between(19*unit, 43*unit/2)
		r := l.thing("small", Shapes, h.Colour)
		r.Radius = d.between(17*unit/2, 49*unit/5)
		l.place(h, x, y, 0, column, row)
		if h.Shape == "heart" {
			y -= unit
		}
		l.ride(l.place(r, x, y, 3*unit/2, column, row), Inside, h)
		return
	}
	h := l.thing("large", []string{"circle", "square", "cross", "flower"}, "")
	h.Turn, h.Radius = d.within(34), d.between(16*unit, 18*unit)
	r := l.thing("small", Shapes, h.Colour)
	r.Turn = d.within(68)
	reach, ok := bottoms[r.Shape]
	if !ok {
		reach = 970
	}
	height := (h.Radius*tops[h.Shape] + r.Radius*reach) / 1000
	y += height/2 - unit
	l.place(h, x, y, 0, column, row)
	l.place(r, x, y-height+unit, 0, column, row)
	r.X += d.within(2 * unit)
	l.ride(r, OnTop, h)
}

func (l *layout) ride(r *Object, how Relation, host *Object) {
	r.rider, l.host[r], l.how[r] = true, host, how
}

// pairAndOne puts a pair beside, above or below a third object.
func (l *layout) pairAndOne(kind Kind) {
	d := l.d
	x := pick(d, []int{lineA, lineB})*unit + d.within(2*unit)
	far := Side*unit - x
	if kind == OnTwo {
		l.pair(kind, x, lineM*unit+d.within(12*unit), l.column(x), 0)
		l.place(l.any(), far, l.objs[0].Y, 3*unit, l.column(far), 0)
		return
	}
	y := pick(d, []int{lineA, lineB})*unit + d.within(2*unit)
	l.pair(kind, x, y, l.column(x), l.column(y))
	if d.below(2) == 0 {
		l.place(l.any(), far, y, 3*unit, l.column(far), l.column(y))
		return
	}
	l.place(l.any(), x, Side*unit-y, 3*unit, l.column(x), 1-l.column(y))
}

// many puts two to six equal small objects into the cells of a 3 x 3 grid.
func (l *layout) many() {
	d := l.d
	n := 2 + d.weighted(15, 25, 25, 20, 15)
	cells := []int{0, 1, 2, 3, 4, 5, 6, 7, 8}
	shuffle(d, cells)
	p := l.thing("small", Shapes, "")
	for _, c := range cells[:n] {
		o := *p
		o.Turn, o.Radius = d.within(228), l.radius("small")
		l.place(&o, (19+29*(c%3))*unit, (19+29*(c/3))*unit, 7*unit/2, c%3, c/3)
	}
}

// scene puts the objects in the order of mention and links them.
//
// Large objects come first, then small ones, then those that sit on or in
// another; within each by row, then by column. Rows and columns are those of
// the layout, so the order never hangs on a pixel. A rider is linked to its
// host, every other object to the first one: each link has one reference that
// can be known without weighing distances.
func (l *layout) scene(kind Kind) Scene {
	slices.SortStableFunc(l.objs, func(a, b *Object) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.row, b.row), cmp.Compare(a.column, b.column))
	})
	s := Scene{Kind: kind}
	for _, o := range l.objs {
		s.Objects = append(s.Objects, *o)
	}
	if kind == Many {
		return s
	}
	for i, o := range l.objs[1:] {
		link := Link{Subject: i + 1}
		if h := l.host[o]; h != nil {
			link.Relation, link.Object = l.how[o], slices.Index(l.objs, h)
		} else {
			link.Relation = relation(o, l.objs[0])
		}
		s.Links = append(s.Links, link)
	}
	return s
}

func rank(o *Object) int {
	switch {
	case o.rider:
		return 2
	case o.Size == "small":
		return 1
	}
	return 0
}

// relation says where a is, seen from b.
func relation(a, b *Object) Relation {
	dx, dy := a.X-b.X, a.Y-b.Y
	switch {
	case -sameLine < dy && dy < sameLine:
		if dx < 0 {
			return LeftOf
		}
		return RightOf
	case -sameLine < dx && dx < sameLine:
		if dy < 0 {
			return Above
		}
		return Below
	case dy < 0 && dx < 0:
		return AboveLeft
	case dy < 0:
		return AboveRight
	case dx < 0:
		return BelowLeft
	}
	return BelowRight
}

// held reports whether the scene has a colour on a shape that training never sees.
func (s *Scene) held() bool {
	return slices.ContainsFunc(s.Objects, func(o Object) bool { return HeldPair(o.Colour, o.Shape) })
}

// nameable returns the indices of the objects that a name can be tied to by
// shape alone.
func (s *Scene) nameable() []int {
	if s.Kind == Many {
		return []int{0}
	}
	var is []int
	for i, o := range s.Objects {
		if s.count(o.Shape) == 1 {
			is = append(is, i)
		}
	}
	return is
}

// count returns how many objects have the shape.
func (s *Scene) count(shape string) int {
	n := 0
	for _, o := range s.Objects {
		if o.Shape == shape {
			n++
		}
	}
	return n
}

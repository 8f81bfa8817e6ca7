package scenes

// The words of the world. Their order is part of it: a scene is drawn by index
// into these lists, so a new word changes every scene.
var (
	Colours            = []string{"red", "orange", "yellow", "green", "blue", "purple", "black", "white"}
	Shapes             = []string{"circle", "square", "triangle", "star", "heart", "cross", "moon", "flower"}
	Textures           = []string{"plain", "striped", "dotted"}
	Sizes              = []string{"large", "small"}
	BackgroundTextures = []string{"smooth", "shaded", "grainy"}
	BackgroundColours  = []string{"cream", "mint", "grey", "pink", "sky", "sand"}
)

var (
	numbers = []string{"no", "one", "two", "three", "four", "five", "six"}
	plurals = map[string]string{
		"circle": "circles", "square": "squares", "triangle": "triangles", "star": "stars",
		"heart": "hearts", "cross": "crosses", "moon": "moons", "flower": "flowers",
	}
	paints = map[string]rgb{
		"red": {214, 48, 49}, "orange": {240, 132, 30}, "yellow": {250, 208, 44}, "green": {40, 160, 84},
		"blue": {38, 98, 210}, "purple": {136, 62, 170}, "black": {44, 46, 54}, "white": {250, 250, 248},
	}
	papers = map[string]rgb{
		"cream": {246, 234, 206}, "mint": {196, 232, 212}, "grey": {196, 200, 206},
		"pink": {246, 208, 216}, "sky": {190, 222, 246}, "sand": {222, 198, 160},
	}
)

// Relation says where one object is, seen from another.
type Relation string

// The relations of the world. The first four hold along one axis; the next
// four along both; OnTop and Inside are touching pairs.
const (
	LeftOf     Relation = "left"
	RightOf    Relation = "right"
	Above      Relation = "above"
	Below      Relation = "below"
	AboveLeft  Relation = "above-left"
	AboveRight Relation = "above-right"
	BelowLeft  Relation = "below-left"
	BelowRight Relation = "below-right"
	OnTop      Relation = "on"
	Inside     Relation = "in"
)

var phrases = map[Relation]string{
	LeftOf: "is to the left of", RightOf: "is to the right of", Above: "is above", Below: "is below",
	AboveLeft: "is above and to the left of", AboveRight: "is above and to the right of",
	BelowLeft: "is below and to the left of", BelowRight: "is below and to the right of",
	OnTop: "sits on top of", Inside: "lies inside",
}

// opposites has for each relation that has one its opposite.
var opposites = map[Relation]Relation{
	LeftOf: RightOf, RightOf: LeftOf, Above: Below, Below: Above,
	AboveLeft: BelowRight, BelowRight: AboveLeft, AboveRight: BelowLeft, BelowLeft: AboveRight,
}

// Opposite returns the relation that holds when the two change places, and
// false for OnTop and Inside, which have none.
func (r Relation) Opposite() (Relation, bool) {
	o, ok := opposites[r]
	return o, ok
}

// pair is a colour on a shape.
type pair struct{ colour, shape string }

// heldPairs never occur in a training picture: whoever names them right has
// learned colours and shapes apart.
var heldPairs = map[pair]bool{
	{"red", "moon"}: true, {"blue", "star"}: true, {"green", "heart"}: true,
	{"yellow", "cross"}: true, {"purple", "square"}: true, {"white", "triangle"}: true,
}

// HeldPair reports whether a colour on a shape is kept out of training.
func HeldPair(colour, shape string) bool { return heldPairs[pair{colour, shape}] }

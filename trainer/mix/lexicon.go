package mix

import (
	"slices"
	"strings"
)

// The classes of attributes.
const (
	colours = iota
	sizes
	materials
	shapes
)

// attributes are words that say something of the noun behind them.
var attributes = [4][]string{
	colours: {
		"red", "green", "blue", "yellow", "orange", "purple", "violet", "pink", "brown", "black", "white", "grey", "gray", "cyan",
		"magenta", "turquoise", "teal", "beige", "golden", "silver", "maroon", "navy", "olive", "tan", "crimson", "scarlet", "lavender", "blond", "blonde",
	},
	sizes: {
		"big", "large", "huge", "giant", "enormous", "small", "little", "tiny", "miniature", "tall", "short", "long", "wide", "narrow", "thick", "thin",
	},
	materials: {
		"wooden", "metal", "metallic", "plastic", "glass", "stone", "brick", "concrete", "leather", "cotton", "paper", "rubber", "ceramic",
		"marble", "steel", "iron", "bronze", "copper", "woollen", "woolen", "velvet", "porcelain",
	},
	shapes: {
		"round", "square", "rectangular", "triangular", "circular", "oval", "cylindrical", "spherical", "curved", "flat", "pointed", "conical", "cubic", "hexagonal",
	},
}

// shapeNouns are the words for shapes that are nouns as well.
var shapeNouns = []string{"square", "oval", "round"}

// noNouns are words that can follow an attribute without being its noun.
var noNouns = []string{
	"a", "an", "the", "and", "or", "but", "nor", "of", "in", "on", "at", "to", "from", "by", "with", "without", "for", "as", "than", "that", "which",
	"who", "is", "are", "was", "were", "be", "been", "has", "have", "it", "its", "his", "her", "their", "this", "these", "those", "there", "left",
	"right", "above", "below", "under", "over", "behind", "beside", "near", "next", "inside", "outside", "between", "while", "when", "where", "very", "not",
}

// relation is a few words and what says the opposite.
type relation struct {
	words    []string
	opposite string
	before   func(next []token) bool // what must follow; nil: anything
}

// inner tells whether the word before is of a longer relation, or another
// sense.
func (r relation) inner(word string) bool {
	return slices.Contains([]string{"over", "under", "based", "turned", "all", "right", "far"}, word) && len(r.words) == 1
}

var relations = []relation{
	rel("to the left of", "to the right of"), rel("to the right of", "to the left of"),
	rel("left of", "right of"), rel("right of", "left of"),
	rel("on the left", "on the right"), rel("on the right", "on the left"),
	rel("to the left", "to the right"), rel("to the right", "to the left"),
	rel("at the left", "at the right"), rel("at the right", "at the left"),
	rel("on its left", "on its right"), rel("on its right", "on its left"),
	rel("above", "below"), rel("below", "above"), rel("beneath", "above"),
	rel("at the top", "at the bottom"), rel("at the bottom", "at the top"),
	rel("on top of", "underneath"), rel("underneath", "on top of"),
	rel("in front of", "behind"), rel("behind", "in front of"),
	rel("in the foreground", "in the background"), rel("in the background", "in the foreground"),
	rel("inside", "outside"), rel("outside", "inside"),
	rel("on", "under", thing), rel("under", "on", thing), rel("over", "under", thing),
}

func rel(words, opposite string, before ...func([]token) bool) relation {
	r := relation{words: strings.Fields(words), opposite: opposite}
	if len(before) > 0 {
		r.before = before[0]
	}
	return r
}

// thing tells whether an article follows and then what can be on or under
// something: not a side, a time or a figure of speech.
func thing(next []token) bool {
	if len(next) < 2 || !slices.Contains([]string{"a", "an", "the"}, next[0].lower) || next[0].after != " " {
		return false
	}
	return !slices.Contains([]string{
		"left", "right", "side", "sides", "other", "top", "bottom", "phone", "way", "day", "night", "morning", "evening", "front", "back",
		"background", "foreground", "edge", "corner", "whole", "move", "go", "fly", "age", "hand", "one",
	}, next[1].lower)
}

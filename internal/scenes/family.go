package scenes

import (
	"slices"
	"strings"
)

// FamilySize is the number of scenes in a family.
const FamilySize = 4

// familyHeld is the share of families, one in this many, that are kept for
// tests: their colours, shapes and axis never occur together in training.
const familyHeld = 8

// newFamily draws four scenes of two objects with one bag of words: the
// colours swapped or not, the places swapped or not. Who tells them apart
// knows which colour is on which shape, and which is left or right, above or
// below. Which of the two shapes is the large one is drawn for each member, so
// that size gives neither away.
func newFamily(d *dice, test bool) [FamilySize]Scene {
	var (
		colours, shapes []string
		row             bool
	)
	for {
		colours, shapes, row = two(d, Colours), two(d, Shapes), d.below(2) == 0
		heldOut := slices.ContainsFunc(colours, func(c string) bool {
			return HeldPair(c, shapes[0]) || HeldPair(c, shapes[1])
		})
		if !heldOut && familyIsTest(colours, shapes, row) == test {
			break
		}
	}
	bg := Background{"smooth", pick(d, BackgroundColours)}
	var out [FamilySize]Scene
	for m := range out {
		swap, flip := m/2, m%2
		l := &layout{d: d, used: map[pair]bool{}}
		small := d.below(2)
		across := lineM*unit + d.within(16*unit)
		along := [2]int{lineA * unit, lineB * unit}
		for i := range 2 {
			o := &Object{Thing: Thing{Sizes[i^small], "plain", colours[i^swap], shapes[i]}, Turn: d.within(159)}
			o.Radius = l.radius(o.Size)
			if row {
				l.place(o, along[i^flip], across, 4*unit, i^flip, 0)
			} else {
				l.place(o, across, along[i^flip], 4*unit, 0, i^flip)
			}
		}
		out[m] = l.scene(Two)
		out[m].Background, out[m].look = bg, d.pcg.Uint64()
	}
	return out
}

// two draws two different words.
func two(d *dice, words []string) []string {
	i, j := d.below(len(words)), d.below(len(words)-1)
	if j >= i {
		j++
	}
	return []string{words[i], words[j]}
}

func familyIsTest(colours, shapes []string, row bool) bool {
	c, s := slices.Sorted(slices.Values(colours)), slices.Sorted(slices.Values(shapes))
	axis := "column"
	if row {
		axis = "row"
	}
	return hash(strings.Join(append(append(c, s...), axis), " "))%familyHeld == 0
}

package scenes

import "strings"

// A name is two or three syllables that no English word of this world has:
// it stands for what only the alt-text knows, a maker or a brand. It begins
// with two consonants and goes on with single ones, so it can be cut into
// syllables in one way only.
var (
	nameOnsets = []string{"br", "dr", "fl", "gl", "kl", "kr", "pl", "sk", "sl", "sm", "sn", "st", "tr", "vr", "zl"}
	nameVowels = []string{"a", "e", "i", "o", "u"}
	nameMiddle = []string{"b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z"}
	nameFull   = []string{"a", "i", "o", "u"} // no silent e, so that few English words come out
	nameCodas  = []string{"l", "n", "r", "x"}
)

// notNames are parts of real brands, of words, and of what is better not made up.
var notNames = []string{
	"skoda", "drama", "plaza", "stasi", "stali", "flora", "smirno", "smega", "slava", "trivi", "krupa",
	"nig", "fag", "kok", "dik", "tit", "sek", "pis", "kak", "nazi", "puta", "homo", "klit",
}

// heldNames is the share of names, one in this many, that training never sees.
const heldNames = 10

// newName draws a name, held or not as asked.
func newName(d *dice, held bool) string {
	for {
		w := pick(d, nameOnsets) + pick(d, nameVowels) + pick(d, nameMiddle) + pick(d, nameFull)
		switch d.weighted(4, 3, 3) {
		case 1:
			w += pick(d, nameCodas)
		case 2:
			w += pick(d, nameMiddle) + pick(d, nameFull)
		}
		if HeldName(w) == held && isName(w) {
			return strings.ToUpper(w[:1]) + w[1:]
		}
	}
}

func isName(w string) bool {
	for _, n := range notNames {
		if strings.Contains(w, n) {
			return false
		}
	}
	return true
}

// HeldName reports whether a name is kept out of training. It depends on the
// letters alone, not on their case.
func HeldName(name string) bool { return hash(strings.ToLower(name))%heldNames == 0 }

// hash is FNV-1a with a last mixing, so that its remainders are even.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h)
}

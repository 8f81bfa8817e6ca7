package mix

import (
	"slices"
	"strings"
	"unicode"
)

// NegativeKind says what was changed.
type NegativeKind string

// The kinds of negatives.
const (
	AttributeSwap NegativeKind = "attribute_swap" // two noun phrases have exchanged an attribute
	RelationFlip  NegativeKind = "relation_flip"  // a relation is its opposite
)

// Negative is a text that is wrong where the one it was made of is right, and
// differs in a word or two, in the manner of NegCLIP
// (Yuksekgonul et al., arXiv 2210.01936).
type Negative struct {
	Text string
	Kind NegativeKind
}

// Negatives gives the wrong texts that a small lexicon of English can make of
// a right one: each pair of noun phrases with different nouns exchanges a
// colour, a size, a material or a shape, and each relation becomes its
// opposite. Most texts have none or few. Equal texts give equal negatives.
func Negatives(text string) []Negative {
	tokens := tokenize(text)
	var all []Negative
	add := func(kind NegativeKind, changed []token) {
		if s := join(changed); s != text && !slices.ContainsFunc(all, func(n Negative) bool { return n.Text == s }) {
			all = append(all, Negative{s, kind})
		}
	}
	phrases := nounPhrases(tokens)
	for i, a := range phrases {
		for _, b := range phrases[i+1:] {
			if a.noun == b.noun {
				continue
			}
			for class := range attributes {
				x, y := a.attribute[class], b.attribute[class]
				if x >= 0 && y >= 0 && tokens[x].lower != tokens[y].lower {
					add(AttributeSwap, swapped(tokens, x, y))
				}
			}
		}
	}
	for i := range tokens {
		if n, opposite := relationAt(tokens, i); n > 0 {
			add(RelationFlip, replaced(tokens, i, n, opposite))
		}
	}
	return all
}

// token is a word and what stands before the next.
type token struct {
	word  string
	lower string
	after string // blanks and signs
}

// tokenize parts a text into words of letters, digits, hyphens and apostrophes.
// The first token may have no word.
func tokenize(text string) []token {
	inWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '\'' }
	var all []token
	for text != "" {
		n := strings.IndexFunc(text, func(r rune) bool { return !inWord(r) })
		if n < 0 {
			n = len(text)
		}
		rest := text[n:]
		m := strings.IndexFunc(rest, inWord)
		if m < 0 {
			m = len(rest)
		}
		all = append(all, token{text[:n], strings.ToLower(text[:n]), rest[:m]})
		text = rest[m:]
	}
	return all
}

func join(tokens []token) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteString(t.word)
		b.WriteString(t.after)
	}
	return b.String()
}

// nounPhrase is attributes with the noun behind them.
type nounPhrase struct {
	noun      string
	attribute [len(attributes)]int // token of the first of each class; -1: none
}

// nounPhrases finds runs of attributes, blanks alone between them, before a
// word that can be a noun.
func nounPhrases(tokens []token) []nounPhrase {
	var all []nounPhrase
	for i := 0; i < len(tokens); i++ {
		if classOf(tokens[i].lower) < 0 {
			continue
		}
		p := nounPhrase{attribute: [len(attributes)]int{-1, -1, -1, -1}}
		last := -1 // of the run
		for ; i < len(tokens); i++ {
			class := classOf(tokens[i].lower)
			if class < 0 {
				break
			}
			if p.attribute[class] < 0 {
				p.attribute[class] = i
			}
			last = i
			if tokens[i].after != " " {
				break
			}
		}
		if i < len(tokens) && i > last && !slices.Contains(noNouns, tokens[i].lower) && tokens[i].word != "" {
			p.noun = tokens[i].lower
		} else if class := classOf(tokens[last].lower); class == shapes && p.attribute[shapes] == last && !onlyAttribute(tokens[last].lower) {
			p.noun, p.attribute[shapes] = tokens[last].lower, -1 // "a red square"
		}
		if p.noun != "" {
			all = append(all, p)
		}
	}
	return all
}

func classOf(word string) int {
	for class, words := range attributes {
		if slices.Contains(words, word) {
			return class
		}
	}
	return -1
}

// onlyAttribute tells the words for shapes that can't be nouns.
func onlyAttribute(word string) bool { return !slices.Contains(shapeNouns, word) }

// swapped exchanges two words. Each takes the other's capital, and the article
// before it.
func swapped(tokens []token, i, j int) []token {
	out := slices.Clone(tokens)
	out[i].word, out[j].word = likeCase(tokens[j].word, tokens[i].word), likeCase(tokens[i].word, tokens[j].word)
	fitArticle(out, i)
	fitArticle(out, j)
	return out
}

// replaced puts the words of a text in the place of n tokens.
func replaced(tokens []token, i, n int, text string) []token {
	out := slices.Clone(tokens[:i])
	out = append(out, token{word: likeCase(text, tokens[i].word), after: tokens[i+n-1].after})
	return append(out, tokens[i+n:]...)
}

// likeCase gives word the first letter's case of like.
func likeCase(word, like string) string {
	if like == "" || word == "" {
		return word
	}
	first := rune(like[0])
	r := []rune(word)
	if unicode.IsUpper(first) {
		r[0] = unicode.ToUpper(r[0])
	} else if unicode.IsLower(first) {
		r[0] = unicode.ToLower(r[0])
	}
	return string(r)
}

// fitArticle makes "a" and "an" fit the word at i behind them.
func fitArticle(tokens []token, i int) {
	if i == 0 || tokens[i].word == "" || tokens[i-1].after != " " {
		return
	}
	article := strings.ToLower(tokens[i-1].word)
	if article != "a" && article != "an" {
		return
	}
	fit := "a"
	if strings.ContainsRune("aeiou", unicode.ToLower(rune(tokens[i].word[0]))) {
		fit = "an"
	}
	tokens[i-1].word = likeCase(fit, tokens[i-1].word)
}

// relationAt gives the number of tokens of the longest relation that begins at
// i, and its opposite.
func relationAt(tokens []token, i int) (n int, opposite string) {
	for _, r := range relations {
		words := r.words
		if len(words) <= n || i+len(words) > len(tokens) || i > 0 && r.inner(tokens[i-1].lower) {
			continue
		}
		fits := true
		for j, w := range words {
			fits = fits && tokens[i+j].lower == w && (j == len(words)-1 || tokens[i+j].after == " ")
		}
		if !fits {
			continue
		}
		if next := i + len(words); r.before != nil && (next >= len(tokens) || tokens[next-1].after != " " || !r.before(tokens[next:])) {
			continue
		}
		n, opposite = len(words), r.opposite
	}
	return n, opposite
}

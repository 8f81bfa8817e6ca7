package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// class is what the expressions tell apart.
type class uint8

const (
	none   class = iota // end of text
	letter              // \p{L}
	number              // \p{N}
	space               // \s
	other
)

var asciiClass = func() (t [utf8.RuneSelf]class) {
	for i := range t {
		t[i] = classOf(rune(i))
	}
	return t
}()

// classAt returns the class and length of the first character of s.
func classAt(s string) (class, int) {
	if s == "" {
		return none, 0
	}
	if s[0] < utf8.RuneSelf {
		return asciiClass[s[0]], 1
	}
	r, n := utf8.DecodeRuneInString(s)
	return classOf(r), n
}

func classOf(r rune) class {
	switch {
	case isLetter(r):
		return letter
	case isNumber(r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return other
}

func isLetter(r rune) bool { return unicode.IsLetter(r) || unicode.Is(newLetters, r) }

func isNumber(r rune) bool { return unicode.IsNumber(r) || unicode.Is(newNumbers, r) }

// isNumeric is \p{N} by a later Unicode version: the reference takes it from
// its language, not from its expressions.
func isNumeric(r rune) bool { return isNumber(r) || unicode.Is(newNumerics, r) }

// isWord is \w: what may not stand beside a token that must be a single word.
func isWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.Nl, unicode.Other_Alphabetic, unicode.M, unicode.Nd, unicode.Pc,
		unicode.Join_Control, newWords)
}

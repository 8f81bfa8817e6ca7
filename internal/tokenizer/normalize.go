package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalizer rewrites text.
type normalizer func(string) string

// manyMarks is the length of a run of marks from which nfc does without
// package norm: that one puts U+034F into runs of more than 30 characters
// (Stream-Safe Text Format), which the reference doesn't. A character
// decomposes into at most 4.
const manyMarks = 7

// nfc returns s in Unicode normal form C.
func nfc(s string) string {
	run := 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			run = 0
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		if !unicode.Is(unicode.M, r) {
			run = 0
		} else if run++; run == manyMarks {
			return composeAll(s)
		}
	}
	return norm.NFC.String(s)
}

// composeAll is nfc, by the definition: decompose, order the marks, compose.
func composeAll(s string) string {
	type char struct {
		r  rune
		cc uint8
	}
	var chars []char
	for _, r := range s {
		for _, d := range norm.NFD.String(string(r)) {
			chars = append(chars, char{d, norm.NFD.PropertiesString(string(d)).CCC()})
		}
	}
	for i := 0; i < len(chars); {
		from := i
		for i < len(chars) && chars[i].cc != 0 {
			i++
		}
		slices.SortStableFunc(chars[from:i], func(a, b char) int { return cmp.Compare(a.cc, b.cc) })
		i = max(i, from+1)
	}

	out := chars[:0]
	starter := -1 // in out
	for _, c := range chars {
		if starter >= 0 && (starter == len(out)-1 || out[len(out)-1].cc != 0 && out[len(out)-1].cc < c.cc) {
			pair := norm.NFC.String(string([]rune{out[starter].r, c.r}))
			if r, n := utf8.DecodeRuneInString(pair); n == len(pair) {
				out[starter].r = r
				continue
			}
		}
		if c.cc == 0 {
			starter = len(out)
		}
		out = append(out, c)
	}
	var b strings.Builder
	for _, c := range out {
		b.WriteRune(c.r)
	}
	return b.String()
}

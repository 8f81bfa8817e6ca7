package tokenizer

import (
	"strings"
	"unicode"
)

// lowercase maps each character by itself to lower case, as the reference
// does: a sigma at the end of a word is none of its concern, and U+0130
// becomes two characters.
func lowercase(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(s)
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		if r == 'İ' {
			b.WriteString("i\u0307")
			continue
		}
		b.WriteRune(lowerRune(r))
	}
	return b.String()
}

// lowerRune is unicode.ToLower with what Unicode 16 and 17 have beyond the
// toolchain's. TestLowercaseAsReference compares every code point.
func lowerRune(r rune) rune {
	switch {
	case r < 0x1c89:
		return unicode.ToLower(r)
	case r >= 0x10d50 && r <= 0x10d65:
		return r + 0x20
	case r >= 0x16ea0 && r <= 0x16eb8:
		return r + 0x1b
	}
	switch r {
	case 0xa7cb:
		return 0x264
	case 0xa7dc:
		return 0x19b
	case 0x1c89, 0xa7cc, 0xa7ce, 0xa7d2, 0xa7d4, 0xa7da:
		return r + 1
	}
	return unicode.ToLower(r)
}

package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// metaspace is the pre-tokenizer of that name: blanks become a visible
// character, which begins each piece.
type metaspace struct {
	mark   string
	always bool // a text begins with the mark
	cut    bool
}

func (m metaspace) split(dst []string, s string) []string {
	s = strings.ReplaceAll(s, " ", m.mark)
	if m.always && !strings.HasPrefix(s, m.mark) {
		s = m.mark + s
	}
	if !m.cut {
		return append(dst, s)
	}
	return pattern{scan: scanLiteral(m.mark), behavior: mergedWithNext}.split(dst, s)
}

// readMetaspace reads what the pre-tokenizer and the decoder of that name share.
func readMetaspace(f *fields) metaspace {
	m := metaspace{cut: true}
	scheme, prefix := "", true
	var replacement, old string
	f.need("replacement", &replacement)
	f.may("str_rep", &old) // the same again, in old files
	f.may("prepend_scheme", &scheme)
	f.may("add_prefix_space", &prefix)
	f.may("split", &m.cut)
	if utf8.RuneCountInString(replacement) != 1 && f.err == nil {
		f.refuse("replacement", replacement, "one character")
	}
	switch scheme {
	case "always":
		m.always = true
	case "never":
	case "":
		m.always = prefix
	default:
		f.refuse("prepend_scheme", scheme, "always, never")
	}
	m.mark = replacement
	return m
}

// unmarked is the decoder: the mark becomes a blank, and of the first token
// nothing where the pre-tokenizer has put it there.
type unmarked struct {
	next sink
	m    metaspace
	more bool
}

func (d *unmarked) token(s string) {
	by := " "
	if !d.more && d.m.always {
		by = ""
	}
	d.more = true
	d.next.token(strings.ReplaceAll(s, d.m.mark, by))
}

func (d *unmarked) end() { d.next.end() }

// scanBlank matches one character of white space.
func scanBlank(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	if unicode.IsSpace(r) {
		return n
	}
	return 0
}

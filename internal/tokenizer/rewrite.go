package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// readRewrite reads the normalizer Replace. Of expressions it knows blanks, two
// or more spaces, and sets of characters without ranges.
func readRewrite(f *fields) normalizer {
	var (
		what    map[string]string
		content string
	)
	f.need("pattern", &what)
	f.need("content", &content)
	if literal := what["String"]; len(what) == 1 && literal != "" {
		return func(s string) string { return strings.ReplaceAll(s, literal, content) }
	}
	switch expr, ok := what["Regex"]; {
	case len(what) == 1 && ok && expr == `\s+`:
		return blanks(content)
	case len(what) == 1 && ok && expr == ` {2,}`:
		return spaces2(content)
	case len(what) == 1 && ok:
		if set, ok := readSet(expr); ok {
			return func(s string) string { return replaceSet(s, set, content) }
		}
	}
	f.refuse("pattern", what, `{"String": ...}, {"Regex": ...} with "\\s+", " {2,}" or a set of characters, "[...]"`)
	return nil
}

// readSet reads an expression "[...]" that lists characters: neither ranges nor
// classes nor sets within it.
func readSet(expr string) (map[rune]bool, bool) {
	inner, ok := strings.CutPrefix(expr, "[")
	if !ok || !strings.HasSuffix(inner, "]") || strings.HasPrefix(inner, "^") || strings.Contains(inner, "&&") {
		return nil, false
	}
	inner = inner[:len(inner)-1]
	set := map[rune]bool{}
	for i := 0; i < len(inner); {
		r, n := utf8.DecodeRuneInString(inner[i:])
		switch {
		case r == '\\':
			i += n
			if r, n = utf8.DecodeRuneInString(inner[i:]); n == 0 || r >= utf8.RuneSelf || !unicode.IsPunct(r) && !unicode.IsSymbol(r) {
				return nil, false
			}
		case r == '[' || r == ']':
			return nil, false
		case r == '-' && i > 0 && i+n < len(inner):
			return nil, false // a range
		}
		set[r] = true
		i += n
	}
	return set, len(set) > 0
}

func replaceSet(s string, set map[rune]bool, by string) string {
	var b strings.Builder
	for _, r := range s {
		if set[r] {
			b.WriteString(by)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// spaces2 puts by in the place of each run of two or more spaces.
func spaces2(by string) normalizer {
	return func(s string) string {
		var b strings.Builder
		for i := 0; i < len(s); {
			n := len(s[i:]) - len(strings.TrimLeft(s[i:], " "))
			if n < 2 {
				n = max(n, 1)
				b.WriteString(s[i : i+n])
			} else {
				b.WriteString(by)
			}
			i += n
		}
		return b.String()
	}
}

// readStrip reads the normalizer Strip.
func readStrip(f *fields) normalizer {
	var left, right bool
	f.need("strip_left", &left)
	f.need("strip_right", &right)
	return func(s string) string {
		if left {
			s = strings.TrimLeftFunc(s, unicode.IsSpace)
		}
		if right {
			s = strings.TrimRightFunc(s, unicode.IsSpace)
		}
		return s
	}
}

// blanks puts by in the place of each run of white space (the expression \s+).
func blanks(by string) normalizer {
	return func(s string) string {
		var b strings.Builder
		for s != "" {
			n := run(s, space)
			if n > 0 {
				b.WriteString(by)
				s = s[n:]
				continue
			}
			n = strings.IndexFunc(s, unicode.IsSpace)
			if n < 0 {
				n = len(s)
			}
			b.WriteString(s[:n])
			s = s[n:]
		}
		return b.String()
	}
}

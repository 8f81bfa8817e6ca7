package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Expressions of the Split pre-tokenizer that have a scanner here. They are
// matched whole: an expression that differs in one character is another one.
const (
	exprGPT2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	// The same expression, written shorter.
	exprGPT2Short = `'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	exprCL100K    = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	exprQwen2     = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	exprCLIP      = `'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`
	// The same, with the tokens that frame a text.
	exprCLIPFrame = `<\|startoftext\|>|<\|endoftext\|>|` + exprCLIP
)

// expression is what is known of an expression: how to match it, and whether
// it matches at every place of a text, so that nothing lies between matches.
type expression struct {
	scan       scanner
	everywhere bool
}

var expressions = map[string]expression{
	exprGPT2:      {scanGPT2, true},
	exprGPT2Short: {scanGPT2, true},
	exprCL100K:    {func(s string) int { return scanCL100K(s, 3) }, true},
	exprQwen2:     {func(s string) int { return scanCL100K(s, 1) }, true},
	exprCLIP:      {scanCLIP, false},
	exprCLIPFrame: {scanCLIPFrame, false},
}

// scanCLIP keeps blanks out of every match.
func scanCLIP(s string) int {
	if n := contraction(s, false); n > 0 {
		return n
	}
	switch c, n := classAt(s); c {
	case letter, other:
		return n + run(s[n:], c)
	case number:
		return n
	}
	return 0
}

func scanCLIPFrame(s string) int {
	for _, token := range []string{"<|startoftext|>", "<|endoftext|>"} {
		if strings.HasPrefix(s, token) {
			return len(token)
		}
	}
	return scanCLIP(s)
}

func scanGPT2(s string) int {
	if n := contraction(s, false); n > 0 {
		return n
	}
	start := 0
	if s[0] == ' ' && len(s) > 1 {
		start = 1
	}
	switch c, n := classAt(s[start:]); c {
	case letter, number:
		return start + n + run(s[start+n:], c)
	case other:
		return start + n + run(s[start+n:], other)
	}
	return spaces(s)
}

// scanCL100K takes at most digits numeric characters as one piece.
func scanCL100K(s string, digits int) int {
	if n := contraction(s, true); n > 0 {
		return n
	}
	c, n := classAt(s)
	lead := 0 // one character that may stand before letters
	if c != letter && c != number && s[0] != '\r' && s[0] != '\n' {
		lead = n
	}
	if (c == letter || lead > 0) && lead < len(s) {
		if c, n := classAt(s[lead:]); c == letter {
			return lead + n + run(s[lead+n:], letter)
		}
	}
	if c == number {
		for range digits - 1 {
			c, k := classAt(s[n:])
			if c != number {
				break
			}
			n += k
		}
		return n
	}
	start := 0
	if s[0] == ' ' {
		start = 1
	}
	if k := run(s[start:], other); k > 0 {
		k += start
		for k < len(s) && (s[k] == '\r' || s[k] == '\n') {
			k++
		}
		return k
	}
	if k := strings.LastIndexAny(s[:run(s, space)], "\r\n"); k >= 0 {
		return k + 1
	}
	return spaces(s)
}

// contraction matches 's 't 're 've 'm 'll 'd. With fold in either case, where
// U+017F counts as an s: the reference folds by Unicode.
func contraction(s string, fold bool) int {
	if s[0] != '\'' || len(s) < 2 {
		return 0
	}
	lower := func(b byte) byte {
		if fold && b >= 'A' && b <= 'Z' {
			b += 'a' - 'A'
		}
		return b
	}
	switch lower(s[1]) {
	case 's', 't', 'm', 'd':
		return 2
	}
	if fold && strings.HasPrefix(s[1:], "\u017f") {
		return 3
	}
	if len(s) >= 3 {
		switch string([]byte{lower(s[1]), lower(s[2])}) {
		case "re", "ve", "ll":
			return 3
		}
	}
	return 0
}

// spaces matches \s+(?!\S)|\s+ : blanks, but the last one only if nothing
// follows or it is alone. s starts with a blank.
func spaces(s string) int {
	n := run(s, space)
	if n == len(s) {
		return n
	}
	if _, last := utf8.DecodeLastRuneInString(s[:n]); last < n {
		return n - last
	}
	return n
}

// run returns how many bytes at the start of s are of class c.
func run(s string, c class) int {
	i := 0
	for i < len(s) {
		k, n := classAt(s[i:])
		if k != c {
			break
		}
		i += n
	}
	return i
}

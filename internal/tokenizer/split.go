package tokenizer

import (
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// splitter cuts a piece, which is never empty, into smaller ones, none of them
// empty.
type splitter interface {
	split(dst []string, s string) []string
}

// scanner returns the length of the match at the start of s, which is not
// empty; 0 if there is none.
type scanner func(s string) int

// behavior says what becomes of a match; the names are the file's.
type behavior string

const (
	isolated           behavior = "Isolated"
	removed            behavior = "Removed"
	mergedWithPrevious behavior = "MergedWithPrevious"
	mergedWithNext     behavior = "MergedWithNext"
	contiguous         behavior = "Contiguous"
)

// pattern is a splitter made of a scanner: the pre-tokenizers Split and Digits.
type pattern struct {
	scan     scanner
	invert   bool // what the scanner doesn't match is the match
	behavior behavior
}

type span struct {
	start, end int
	match      bool
}

func (p pattern) split(dst []string, s string) []string {
	if p.behavior == isolated {
		for sp := range p.spans(s) {
			dst = append(dst, s[sp.start:sp.end])
		}
		return dst
	}
	spans := slices.Collect(p.spans(s))
	switch p.behavior {
	case contiguous:
		spans = join(spans, func(match, previous bool) bool { return match == previous })
	case mergedWithPrevious:
		spans = join(spans, func(match, previous bool) bool { return match && !previous })
	case mergedWithNext:
		spans = joinBack(spans)
	}
	for _, sp := range spans {
		if p.behavior == removed && sp.match {
			continue
		}
		dst = append(dst, s[sp.start:sp.end])
	}
	return dst
}

// spans yields matches and what lies between them: all of s.
func (p pattern) spans(s string) iter.Seq[span] {
	return func(yield func(span) bool) {
		gap := 0
		for i := 0; i < len(s); {
			n := p.scan(s[i:])
			if n == 0 {
				_, n = utf8.DecodeRuneInString(s[i:])
				i += n
				continue
			}
			if gap < i && !yield(span{gap, i, p.invert}) {
				return
			}
			if !yield(span{i, i + n, !p.invert}) {
				return
			}
			i += n
			gap = i
		}
		if gap < len(s) {
			yield(span{gap, len(s), p.invert})
		}
	}
}

// join puts a span to the one before it where with says so, given whether the
// two are matches.
func join(spans []span, with func(match, previous bool) bool) []span {
	out := spans[:0]
	previous := false
	for _, sp := range spans {
		if with(sp.match, previous) && len(out) > 0 {
			out[len(out)-1].end = sp.end
		} else {
			out = append(out, sp)
		}
		previous = sp.match
	}
	return out
}

// joinBack puts a match to the span after it, unless that is a match too.
func joinBack(spans []span) []span {
	at := len(spans)
	next := false
	for i := len(spans) - 1; i >= 0; i-- {
		sp := spans[i]
		if sp.match && !next && at < len(spans) {
			spans[at].start = sp.start
		} else {
			at--
			spans[at] = sp
		}
		next = sp.match
	}
	return spans[at:]
}

// pieces is the common case, and allocates nothing: every match is a piece,
// and what lies between them, if anything does, is left out.
type pieces struct{ scan scanner }

func (p pieces) split(dst []string, s string) []string { return cutAll(dst, s, p.scan) }

func cutAll(dst []string, s string, scan scanner) []string {
	for s != "" {
		n := scan(s)
		if n > 0 {
			dst = append(dst, s[:n])
		} else {
			_, n = utf8.DecodeRuneInString(s)
		}
		s = s[n:]
	}
	return dst
}

// scanLiteral matches text, which is not empty.
func scanLiteral(text string) scanner {
	return func(s string) int {
		if strings.HasPrefix(s, text) {
			return len(text)
		}
		return 0
	}
}

// scanDigit matches one numeric character.
func scanDigit(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	if isNumeric(r) {
		return n
	}
	return 0
}

package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is one entry of "added_tokens".
type addedToken struct {
	content    string
	id         int32
	singleWord bool
	lstrip     bool
	rstrip     bool
	normalized bool
	special    bool
}

// addedTokens holds the tokens that are cut out of a text before anything else
// (plain), or after it was normalized.
type addedTokens struct {
	ids        map[string]int32
	special    map[int32]bool
	plain      trie
	normalized trie
}

// newAddedTokens expects tokens without duplicates. Where two normalized ones
// become the same text, the first wins, special ones before others.
func newAddedTokens(tokens []addedToken, normalize []normalizer) *addedTokens {
	a := &addedTokens{ids: map[string]int32{}, special: map[int32]bool{}}
	for _, special := range []bool{true, false} {
		for _, tok := range tokens {
			if tok.special != special {
				continue
			}
			a.ids[tok.content] = tok.id
			if special {
				a.special[tok.id] = true
			}
			if !tok.normalized {
				a.plain.add(tok.content, tok)
				continue
			}
			text := tok.content
			for _, n := range normalize {
				text = n(text)
			}
			a.normalized.add(text, tok)
		}
	}
	return a
}

// trie finds, from left to right, the longest token that starts at a place.
type trie struct {
	nodes  []trieNode
	tokens []addedToken
	first  [256]bool // bytes a token starts with
}

type trieNode struct {
	next  map[byte]int32
	token int32 // index in tokens plus one; 0 is none
}

func (t *trie) add(text string, tok addedToken) {
	if text == "" {
		return
	}
	if len(t.nodes) == 0 {
		t.nodes = append(t.nodes, trieNode{})
	}
	t.first[text[0]] = true
	at := int32(0)
	for i := range len(text) {
		to, ok := t.nodes[at].next[text[i]]
		if !ok {
			to = int32(len(t.nodes))
			t.nodes = append(t.nodes, trieNode{})
			if t.nodes[at].next == nil {
				t.nodes[at].next = map[byte]int32{}
			}
			t.nodes[at].next[text[i]] = to
		}
		at = to
	}
	if t.nodes[at].token == 0 {
		t.tokens = append(t.tokens, tok)
		t.nodes[at].token = int32(len(t.tokens))
	}
}

// longest returns the longest token that s starts with, and its length; nil if
// there is none.
func (t *trie) longest(s string) (tok *addedToken, n int) {
	at := int32(0)
	for i := range len(s) {
		to, ok := t.nodes[at].next[s[i]]
		if !ok {
			break
		}
		at = to
		if k := t.nodes[at].token; k != 0 {
			tok, n = &t.tokens[k-1], i+1
		}
	}
	return tok, n
}

// segment is a stretch of text, or a token found in it.
type segment struct {
	text    string
	id      int32
	isToken bool
}

// cut appends text as segments. A match that single_word rules out is passed
// over whole, and where a token reaches into blanks that the one before it took
// (rstrip), both keep them: as the reference does.
func (t *trie) cut(dst []segment, text string) []segment {
	done := 0
	for i := 0; i < len(text) && len(t.nodes) > 0; {
		if !t.first[text[i]] {
			i++
			continue
		}
		tok, n := t.longest(text[i:])
		if tok == nil {
			i++
			continue
		}
		start, stop := i, i+n
		i = stop
		if tok.singleWord && (endsWithWord(text[:start]) || startsWithWord(text[stop:])) {
			continue
		}
		if tok.lstrip {
			start = max(len(strings.TrimRightFunc(text[:start], unicode.IsSpace)), done)
		}
		if tok.rstrip {
			stop = len(text) - len(strings.TrimLeftFunc(text[stop:], unicode.IsSpace))
		}
		if done < start {
			dst = append(dst, segment{text: text[done:start]})
		}
		dst = append(dst, segment{id: tok.id, isToken: true})
		done = stop
	}
	if done != len(text) {
		dst = append(dst, segment{text: text[done:]})
	}
	return dst
}

func endsWithWord(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isWord(r)
}

func startsWithWord(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && isWord(r)
}

package tokenizer

import (
	"fmt"
	"sync"
	"unicode/utf8"
)

// Tokenizer is one tokenizer.json, ready for use. Any number of goroutines may
// use it at once.
type Tokenizer struct {
	added     *addedTokens
	normalize []normalizer
	split     []splitter
	model     model
	vocab     map[string]int32 // the model's
	post      []template
	decode    []stage
	tokens    []string // by id; "" where there is none
	size      int
	scratch   sync.Pool
}

// model turns a piece into ids, which it appends.
type model interface {
	encode(ids []int32, piece string, w *work) ([]int32, error)
}

// Encode returns the ids of text without the tokens that the post-processor
// would put around it. Added tokens in the text, special ones too, become
// their ids. It fails if text is not UTF-8, or if a character is unknown to
// the vocabulary and the file's unk_token is not in it.
func (t *Tokenizer) Encode(text string) ([]int32, error) {
	if i := invalidAt(text); i >= 0 {
		return nil, fmt.Errorf("encode text: byte %d is not UTF-8", i)
	}
	w, _ := t.scratch.Get().(*work)
	if w == nil {
		w = new(work)
	}
	defer t.scratch.Put(w)
	ids := make([]int32, 0, len(text)/3+4)
	w.outer = t.added.plain.cut(w.outer[:0], text)
	for _, s := range w.outer {
		if s.isToken {
			ids = append(ids, s.id)
			continue
		}
		part := s.text
		for _, n := range t.normalize {
			part = n(part)
		}
		w.inner = t.added.normalized.cut(w.inner[:0], part)
		for _, s := range w.inner {
			if s.isToken {
				ids = append(ids, s.id)
				continue
			}
			var err error
			if ids, err = t.encodePart(ids, s.text, w); err != nil {
				return nil, fmt.Errorf("encode text: %w", err)
			}
		}
	}
	return ids, nil
}

// EncodeSpecial is Encode, with the tokens that the post-processor puts around
// one text (<s> and </s> for BART).
func (t *Tokenizer) EncodeSpecial(text string) ([]int32, error) {
	ids, err := t.Encode(text)
	if err != nil {
		return nil, err
	}
	for _, p := range t.post {
		ids = p.apply(ids)
	}
	return ids, nil
}

// EncodeWithin is EncodeSpecial with at most limit ids: where there are more, ids of
// the text's end are left out, never those that frame it, and cut is true. It fails
// if the frame alone is longer.
func (t *Tokenizer) EncodeWithin(text string, limit int) (ids []int32, cut bool, err error) {
	ids, err = t.Encode(text)
	if err != nil {
		return nil, false, err
	}
	var frame []int32
	for _, p := range t.post {
		frame = p.apply(frame)
	}
	room := limit - len(frame)
	if room < 0 {
		return nil, false, fmt.Errorf("encode text: %d ids frame every text, and the limit is %d", len(frame), limit)
	}
	if cut = len(ids) > room; cut {
		ids = ids[:room]
	}
	for _, p := range t.post {
		ids = p.apply(ids)
	}
	return ids, cut, nil
}

// work is what one Encode needs besides its result; it is kept for the next.
type work struct {
	outer, inner  []segment
	pieces, spare []string
	merge         merger
	best          []best
}

// encodePart appends the ids of text that holds no added token.
func (t *Tokenizer) encodePart(ids []int32, text string, w *work) ([]int32, error) {
	if text == "" {
		return ids, nil
	}
	w.pieces = append(w.pieces[:0], text)
	for _, s := range t.split {
		w.spare = w.spare[:0]
		for _, p := range w.pieces {
			w.spare = s.split(w.spare, p)
		}
		w.pieces, w.spare = w.spare, w.pieces
	}
	defer func() { clear(w.pieces); clear(w.spare) }() // lets go of the text
	var err error
	for _, p := range w.pieces {
		if ids, err = t.model.encode(ids, p, w); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// ID returns the id of a token as it is written in the file (byte-level tokens
// in their alphabet: "Ġthe").
func (t *Tokenizer) ID(token string) (int32, bool) {
	if id, ok := t.added.ids[token]; ok {
		return id, true
	}
	id, ok := t.vocab[token]
	return id, ok
}

// Token returns the token of an id, as it is written in the file.
func (t *Tokenizer) Token(id int32) (string, bool) {
	if id < 0 || int(id) >= len(t.tokens) || t.tokens[id] == "" {
		return "", false
	}
	return t.tokens[id], true
}

// IsSpecial says whether id is a token that Decode leaves out.
func (t *Tokenizer) IsSpecial(id int32) bool { return t.added.special[id] }

// VocabSize returns how many tokens there are, added ones included. Where ids
// have gaps, the greatest id is larger.
func (t *Tokenizer) VocabSize() int { return t.size }

// invalidAt returns the index of the first byte of s that is not UTF-8, or -1.
func invalidAt(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i
			}
		}
	}
	return -1
}

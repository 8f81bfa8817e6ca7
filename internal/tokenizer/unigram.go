package tokenizer

import (
	"errors"
	"math"
	"unicode/utf8"
)

// unkPenalty is how much less than the least token an unknown character scores.
const unkPenalty = 10

// unigram is the model of that name: of all ways to cut a piece into tokens, the
// one with the greatest sum of scores. Unknown characters beside each other are
// one unknown token.
type unigram struct {
	vocab   map[string]int32
	scores  []float64 // by id
	unk     int32     // -1: there is none, and unknown characters are a fault
	least   float64
	longest int // bytes of a token
	cache   *cache
}

var errNoUnknown = errors.New("a character is not in the vocabulary, and the file has no unk_id")

// best is the best way to cut what lies before a place.
type best struct {
	score float64
	from  int // where its last token starts; -1: no way leads here
	id    int32
}

func (m *unigram) encode(ids []int32, piece string, w *work) ([]int32, error) {
	if len(piece) <= maxCached {
		if known, ok := m.cache.get(piece); ok {
			return append(ids, known...), nil
		}
	}
	from := len(ids)
	ids, err := m.cut(ids, piece, w)
	if err == nil && len(piece) <= maxCached {
		m.cache.put(piece, ids[from:])
	}
	return ids, err
}

func (m *unigram) cut(ids []int32, piece string, w *work) ([]int32, error) {
	w.best = append(w.best[:0], best{})
	for range len(piece) {
		w.best = append(w.best, best{from: -1})
	}
	for at := 0; at < len(piece); {
		_, size := utf8.DecodeRuneInString(piece[at:])
		here, alone := w.best[at].score, false
		for end := at + size; end <= len(piece) && end-at <= m.longest; {
			if id, ok := m.vocab[piece[at:end]]; ok {
				w.best[end].take(here+m.scores[id], at, id)
				alone = alone || end-at == size
			}
			if end == len(piece) {
				break
			}
			_, n := utf8.DecodeRuneInString(piece[end:])
			end += n
		}
		if !alone {
			if m.unk < 0 {
				return nil, errNoUnknown
			}
			w.best[at+size].take(here+m.least-unkPenalty, at, m.unk)
		}
		at += size
	}

	// Backwards, so that the ids come in the wrong order first.
	start := len(ids)
	for end := len(piece); end > 0; {
		b := w.best[end]
		if b.id == m.unk {
			from := b.from
			for from > 0 && w.best[from].id == m.unk {
				from = w.best[from].from
			}
			b.from = from
			if id, ok := m.vocab[piece[from:end]]; ok {
				b.id = id // as the reference, which looks the joined text up again
			}
		}
		ids = append(ids, b.id)
		end = b.from
	}
	for i, j := start, len(ids)-1; i < j; i, j = i+1, j-1 {
		ids[i], ids[j] = ids[j], ids[i]
	}
	return ids, nil
}

// take keeps the better way; of equal ones the first.
func (b *best) take(score float64, from int, id int32) {
	if b.from < 0 || score > b.score {
		*b = best{score, from, id}
	}
}

func newUnigram(tokens []string, scores []float64, unk int32) (*unigram, error) {
	m := &unigram{vocab: make(map[string]int32, len(tokens)), scores: scores, unk: unk, least: math.Inf(1), cache: newCache()}
	for i, t := range tokens {
		m.vocab[t] = int32(i)
		m.longest = max(m.longest, len(t))
		m.least = min(m.least, scores[i])
	}
	if len(m.vocab) != len(tokens) {
		return nil, errors.New("model.vocab: a token is there twice")
	}
	return m, nil
}

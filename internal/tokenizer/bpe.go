package tokenizer

import (
	"fmt"
	"unicode/utf8"
)

// bpe is the model: byte pair encoding.
type bpe struct {
	vocab        map[string]int32
	merges       map[pair]merge
	unk          string // the token for unknown characters; hasUnk false: they are left out
	hasUnk       bool
	fuseUnk      bool // one token for neighbouring unknown characters
	ignoreMerges bool // a piece that is in the vocabulary is one token
	bytes        bool // pieces are bytes, not yet in the byte-level alphabet
	byteID       [256]int32
	suffix       string     // of the last character of a piece, as the vocabulary writes it
	lastID       [256]int32 // as byteID, with the suffix
	cache        *cache
}

type pair struct{ left, right int32 }

type merge struct{ rank, id int32 }

// readBytes makes the model take pieces of bytes.
func (m *bpe) readBytes() {
	m.bytes = true
	for b := range m.byteID {
		m.byteID[b], m.lastID[b] = -1, -1
		if id, ok := m.vocab[charOfByte[b]]; ok {
			m.byteID[b] = id
		}
		if id, ok := m.vocab[charOfByte[b]+m.suffix]; ok {
			m.lastID[b] = id
		}
	}
}

// encode appends the ids of a piece.
func (m *bpe) encode(ids []int32, piece string, all *work) ([]int32, error) {
	w := &all.merge
	if len(piece) > maxCached {
		if err := m.merge(piece, w); err != nil {
			return nil, err
		}
		return w.append(ids), nil
	}
	if known, ok := m.cache.get(piece); ok {
		return append(ids, known...), nil
	}
	if err := m.merge(piece, w); err != nil {
		return nil, err
	}
	from := len(ids)
	ids = w.append(ids)
	m.cache.put(piece, ids[from:])
	return ids, nil
}

// merge leaves the symbols of a piece in w.
func (m *bpe) merge(piece string, w *merger) error {
	w.symbols = w.symbols[:0]
	if m.ignoreMerges {
		whole := w.chars[:0]
		if m.bytes {
			whole = appendChars(whole, piece)
		} else {
			whole = append(whole, piece...)
		}
		w.chars = whole
		if id, ok := m.vocab[string(whole)]; ok {
			w.add(id)
			return nil
		}
	}
	unknown := false // the symbol before is an unknown one
	for i := 0; i < len(piece); {
		id, n := int32(-1), 1
		switch {
		case m.bytes && i+1 == len(piece):
			id = m.lastID[piece[i]]
		case m.bytes:
			id = m.byteID[piece[i]]
		default:
			_, n = utf8.DecodeRuneInString(piece[i:])
			char := piece[i : i+n]
			if i+n == len(piece) && m.suffix != "" {
				char += m.suffix
			}
			if known, ok := m.vocab[char]; ok {
				id = known
			}
		}
		switch {
		case id >= 0:
			unknown = false
			w.add(id)
		case m.hasUnk && (!unknown || !m.fuseUnk):
			unk, ok := m.vocab[m.unk]
			if !ok {
				return fmt.Errorf("%q is not in the vocabulary, nor is the unk_token %q", piece[i:i+n], m.unk)
			}
			unknown = true
			w.add(unk)
		}
		i += n
	}
	w.run(m.merges)
	return nil
}

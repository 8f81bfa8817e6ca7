package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
)

// maxID bounds ids, and with them the table from ids to tokens: the largest
// public vocabularies have some 260,000 tokens.
const maxID = 1<<22 - 1

// readModel returns the model and its vocabulary.
func readModel(raw json.RawMessage) (model, map[string]int32, error) {
	kind := "BPE" // old files don't say
	f := readFields(raw, "model")
	f.may("type", &kind)
	switch kind {
	case "BPE":
		m, err := readBPE(f)
		if err != nil {
			return nil, nil, err
		}
		return m, m.vocab, nil
	case "Unigram":
		m, err := readUnigram(f)
		if err != nil {
			return nil, nil, err
		}
		return m, m.vocab, nil
	}
	f.refuse("type", kind, `"BPE", "Unigram"`)
	return nil, nil, f.done()
}

func readUnigram(f *fields) (*unigram, error) {
	var (
		vocab    [][2]json.RawMessage
		unk      *int32
		fallback bool
	)
	f.need("vocab", &vocab)
	f.may("unk_id", &unk)
	f.may("byte_fallback", &fallback)
	if fallback {
		f.refuse("byte_fallback", fallback, "false")
	}
	if err := f.done(); err != nil {
		return nil, err
	}
	if len(vocab) > maxID {
		return nil, fmt.Errorf("model.vocab: %d tokens, want at most %d", len(vocab), maxID)
	}
	tokens, scores := make([]string, len(vocab)), make([]float64, len(vocab))
	for i, v := range vocab {
		if json.Unmarshal(v[0], &tokens[i]) != nil || json.Unmarshal(v[1], &scores[i]) != nil || tokens[i] == "" {
			return nil, fmt.Errorf("model.vocab: entry %d is not a token and its score", i)
		}
	}
	id := int32(-1)
	if unk != nil {
		if id = *unk; id < 0 || int(id) >= len(tokens) {
			return nil, fmt.Errorf("model.unk_id: %d is not one of %d tokens", id, len(tokens))
		}
	}
	return newUnigram(tokens, scores, id)
}

func readBPE(f *fields) (*bpe, error) {
	var (
		m              = &bpe{cache: newCache()}
		vocab          map[string]uint32
		merges         json.RawMessage
		unk            *string
		prefix, suffix string
		dropout        float64
		fallback       bool
	)
	f.need("vocab", &vocab)
	f.need("merges", &merges)
	f.may("unk_token", &unk)
	f.may("fuse_unk", &m.fuseUnk)
	f.may("ignore_merges", &m.ignoreMerges)
	f.may("continuing_subword_prefix", &prefix)
	f.may("end_of_word_suffix", &suffix)
	f.may("dropout", &dropout)
	f.may("byte_fallback", &fallback)
	if prefix != "" {
		f.refuse("continuing_subword_prefix", prefix, `null, ""`)
	}
	if dropout != 0 {
		f.refuse("dropout", dropout, "null, 0: with dropout equal texts have differing ids")
	}
	if fallback {
		f.refuse("byte_fallback", fallback, "false")
	}
	if err := f.done(); err != nil {
		return nil, err
	}
	if unk != nil {
		m.unk, m.hasUnk = *unk, true
	}
	m.suffix = suffix
	var err error
	if m.vocab, err = readVocab(vocab); err != nil {
		return nil, err
	}
	if m.merges, err = readMerges(merges, m.vocab); err != nil {
		return nil, err
	}
	return m, nil
}

func readVocab(vocab map[string]uint32) (map[string]int32, error) {
	out := make(map[string]int32, len(vocab))
	tokens := make(map[uint32]string, len(vocab))
	for token, id := range vocab {
		if id > maxID {
			return nil, unsupported("model.vocab", map[string]uint32{token: id}, fmt.Sprintf("ids up to %d", maxID))
		}
		if other, ok := tokens[id]; ok {
			return nil, fmt.Errorf("model.vocab: %q and %q both have id %d", min(token, other), max(token, other), id)
		}
		tokens[id] = token
		out[token] = int32(id)
	}
	return out, nil
}

// readMerges takes merges as ["a", "b"] or, in older files, as "a b".
func readMerges(raw json.RawMessage, vocab map[string]int32) (map[pair]merge, error) {
	var pairs [][]string
	if json.Unmarshal(raw, &pairs) != nil {
		pairs = nil
		var lines []string
		if err := json.Unmarshal(raw, &lines); err != nil {
			return nil, fmt.Errorf("model.merges: are neither all pairs nor all strings: %w", err)
		}
		for _, line := range lines {
			if !strings.HasPrefix(line, "#version") {
				pairs = append(pairs, strings.Split(line, " "))
			}
		}
	}
	out := make(map[pair]merge, len(pairs))
	for rank, p := range pairs {
		if len(p) != 2 {
			return nil, fmt.Errorf("model.merges: merge %d, %q, is not two tokens", rank, p)
		}
		for _, token := range []string{p[0], p[1], p[0] + p[1]} {
			if _, ok := vocab[token]; !ok {
				return nil, fmt.Errorf("model.merges: %q of merge %d, %q, is not in model.vocab", token, rank, p)
			}
		}
		out[pair{vocab[p[0]], vocab[p[1]]}] = merge{int32(rank), vocab[p[0]+p[1]]}
	}
	return out, nil
}

package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"unicode/utf8"
)

// Load reads a tokenizer.json. An error that is an [*UnsupportedError] says
// that the file is good, but not for this package.
func Load(path string) (*Tokenizer, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load tokenizer: %w", err)
	}
	t, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("load tokenizer %s: %w", path, err)
	}
	return t, nil
}

// Parse reads the content of a tokenizer.json.
func Parse(b []byte) (*Tokenizer, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("is not UTF-8")
	}
	var file struct {
		version, truncation, padding json.RawMessage
		added                        []json.RawMessage
		normalizer, split            json.RawMessage
		post, decoder, model         json.RawMessage
	}
	f := readFields(b, "")
	f.may("version", &file.version)
	f.may("truncation", &file.truncation) // see the package's comment
	f.may("padding", &file.padding)
	f.may("added_tokens", &file.added)
	f.may("normalizer", &file.normalizer)
	f.may("pre_tokenizer", &file.split)
	f.may("post_processor", &file.post)
	f.may("decoder", &file.decoder)
	f.need("model", &file.model)
	if err := f.done(); err != nil {
		return nil, err
	}
	if !isNull(file.version) && string(file.version) != `"1.0"` {
		return nil, unsupported("version", file.version, `"1.0"`)
	}

	t := &Tokenizer{}
	var err error
	if t.model, t.vocab, err = readModel(file.model); err != nil {
		return nil, err
	}
	if t.normalize, err = readNormalizer(file.normalizer, "normalizer"); err != nil {
		return nil, err
	}
	if t.split, err = readSplit(file.split, "pre_tokenizer"); err != nil {
		return nil, err
	}
	if n := len(t.split); n > 0 {
		last, ok := t.split[n-1].(byteLevel)
		if m, isBPE := t.model.(*bpe); ok && isBPE {
			last.mapped = false
			t.split[n-1] = last
			m.readBytes()
		}
	}
	if t.post, err = readPost(file.post, "post_processor"); err != nil {
		return nil, err
	}
	if t.decode, err = readDecoder(file.decoder); err != nil {
		return nil, err
	}
	added, err := readAdded(file.added, t.vocab)
	if err != nil {
		return nil, err
	}
	t.added = newAddedTokens(added, t.normalize)
	t.index()
	return t, nil
}

// index fills what leads from ids to tokens.
func (t *Tokenizer) index() {
	greatest := int32(-1)
	t.size = len(t.vocab)
	for _, id := range t.vocab {
		greatest = max(greatest, id)
	}
	for token, id := range t.added.ids {
		greatest = max(greatest, id)
		if _, ok := t.vocab[token]; !ok {
			t.size++
		}
	}
	t.tokens = make([]string, greatest+1)
	for token, id := range t.vocab {
		t.tokens[id] = token
	}
	for token, id := range t.added.ids {
		t.tokens[id] = token
	}
}

// readAdded checks that ids are those which the reference gives: the model's
// where it has the token, else the next free one.
func readAdded(raw []json.RawMessage, vocab map[string]int32) ([]addedToken, error) {
	var out []addedToken
	seen := map[string]addedToken{}
	next := int32(len(vocab))
	for i, r := range raw {
		var tok addedToken
		f := readFields(r, fmt.Sprintf("added_tokens[%d]", i))
		f.need("id", &tok.id)
		f.need("content", &tok.content)
		f.need("single_word", &tok.singleWord)
		f.need("lstrip", &tok.lstrip)
		f.need("rstrip", &tok.rstrip)
		f.need("normalized", &tok.normalized)
		f.need("special", &tok.special)
		if err := f.done(); err != nil {
			return nil, err
		}
		if tok.content == "" {
			continue // as the reference
		}
		if before, ok := seen[tok.content]; ok {
			if before != tok {
				return nil, fmt.Errorf("%s: %q is there twice, with differing settings", f.at, tok.content)
			}
			continue
		}
		want, ok := vocab[tok.content]
		if !ok {
			want = next
			next++
		}
		if tok.id != want {
			return nil, fmt.Errorf("%s: %q has id %d, where the reference would give it %d", f.at, tok.content, tok.id, want)
		}
		seen[tok.content] = tok
		out = append(out, tok)
	}
	return out, nil
}

package train

import (
	"encoding/json"
	"errors"
	"fmt"

	"recaption/internal/tokenizer"
)

// Tokens is a text tower's tokenizer: a tokenizer.json that frames each text by
// its beginning and its end, and the tokens that do so.
type Tokens struct {
	JSON     []byte
	BOS, EOS int // BOS is EOS where nothing stands before a text
	Size     int // of the vocabulary
	*tokenizer.Tokenizer
}

// The tokens that frame a text, as OpenAI's CLIP names them.
const (
	startToken = "<|startoftext|>"
	endToken   = "<|endoftext|>"
)

// NewTokens reads a tokenizer.json. One that frames texts already is taken as it
// is; one that does not, such as a captioner's, is given the tokens for that.
func NewTokens(b []byte) (Tokens, error) {
	t, err := tokenizer.Parse(b)
	if err != nil {
		return Tokens{}, err
	}
	bare, err := t.Encode("a")
	if err != nil {
		return Tokens{}, err
	}
	framed, err := t.EncodeSpecial("a")
	if err != nil {
		return Tokens{}, err
	}
	if len(framed) == len(bare) {
		if b, err = frame(b, t.VocabSize()); err != nil {
			return Tokens{}, fmt.Errorf("tokenizer.json: %w", err)
		}
		if t, err = tokenizer.Parse(b); err != nil {
			return Tokens{}, err
		}
		if framed, err = t.EncodeSpecial("a"); err != nil {
			return Tokens{}, err
		}
	}
	last := framed[len(framed)-1]
	if len(framed) == len(bare) || !t.IsSpecial(last) {
		return Tokens{}, errors.New("tokenizer.json: its post-processor puts no token behind a text; a text tower is read there")
	}
	return Tokens{JSON: b, BOS: int(framed[0]), EOS: int(last), Size: t.VocabSize(), Tokenizer: t}, nil
}

// frame adds the framing tokens behind a vocabulary of so many.
func frame(b []byte, size int) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	var added []json.RawMessage
	if err := json.Unmarshal(all["added_tokens"], &added); err != nil {
		return nil, fmt.Errorf("added_tokens: %w", err)
	}
	for i, token := range []string{startToken, endToken} {
		t, err := json.Marshal(map[string]any{
			"id": size + i, "content": token, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true,
		})
		if err != nil {
			return nil, err
		}
		added = append(added, t)
	}
	var err error
	if all["added_tokens"], err = json.Marshal(added); err != nil {
		return nil, err
	}
	all["post_processor"], err = json.Marshal(map[string]any{
		"type": "RobertaProcessing", "sep": []any{endToken, size + 1}, "cls": []any{startToken, size}, "trim_offsets": false, "add_prefix_space": false,
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

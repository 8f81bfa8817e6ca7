package probe

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"

	"recaption/internal/tokenizer"
)

// family is what models of one kind have in common.
type family struct {
	context int // where the files say nothing
	// padAll pads every text to the context: the model was trained so and knows no
	// mask.
	padAll bool
	// pooled allows the output pooler_output in place of a projected row: where the
	// model has no projection.
	pooled bool
}

var families = map[string]family{
	"clip":   {context: 77},
	"siglip": {context: 64, padAll: true, pooled: true},
}

// modelConfig is what is read of config.json.
type modelConfig struct {
	ModelType string `json:"model_type"`
	Text      struct {
		MaxPositions int `json:"max_position_embeddings"`
		VocabSize    int `json:"vocab_size"`
	} `json:"text_config"`
}

// textReader turns texts into ids, as the model's tokenizer files say.
type textReader struct {
	tok     *tokenizer.Tokenizer
	context int
	pad     int32
}

func readFamily(f folder) (string, family, modelConfig, error) {
	var c modelConfig
	found, err := f.json("config.json", &c)
	if err != nil {
		return "", family{}, c, err
	}
	path := filepath.Join(string(f), "config.json")
	if !found {
		return "", family{}, c, refuse(path, "no such file", "a model's folder in the layout of public CLIP exports")
	}
	fam, ok := families[c.ModelType]
	if !ok {
		return "", family{}, c, refuse("model_type of "+path, fmt.Sprintf("%q", c.ModelType), fmt.Sprintf("one of %q", slices.Sorted(maps.Keys(families))))
	}
	return c.ModelType, fam, c, nil
}

// newTextReader settles context and padding. The context is the least of what
// the model has positions for and what the tokenizer's settings allow.
func newTextReader(f folder, fam family, c modelConfig) (*textReader, error) {
	tok, err := tokenizer.Load(filepath.Join(string(f), "tokenizer.json"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	var settings struct {
		MaxLength float64         `json:"model_max_length"`
		Pad       json.RawMessage `json:"pad_token"`
	}
	if _, err := f.json("tokenizer_config.json", &settings); err != nil {
		return nil, err
	}
	r := &textReader{tok: tok, context: fam.context}
	if c.Text.MaxPositions > 0 {
		r.context = c.Text.MaxPositions
	}
	if settings.MaxLength >= 1 && settings.MaxLength < float64(r.context) {
		r.context = int(math.Floor(settings.MaxLength))
	}
	const most = 1 << 16
	if r.context < 3 || r.context > most {
		return nil, refuse("context length", r.context, fmt.Sprintf("3 to %d", most))
	}
	if len(settings.Pad) == 0 || string(settings.Pad) == "null" {
		if _, err := f.json("special_tokens_map.json", &settings); err != nil {
			return nil, err
		}
	}
	token, err := tokenText(settings.Pad)
	if err != nil {
		return nil, refuse("pad_token of tokenizer_config.json or special_tokens_map.json", err, "a token")
	}
	id, ok := tok.ID(token)
	if !ok {
		return nil, refuse("pad_token", fmt.Sprintf("%q", token), "a token of tokenizer.json")
	}
	r.pad = id
	if n := c.Text.VocabSize; n > 0 && tok.VocabSize() > n {
		return nil, refuse("tokenizer.json", fmt.Sprintf("%d tokens", tok.VocabSize()), fmt.Sprintf("at most vocab_size of config.json, %d", n))
	}
	return r, nil
}

// tokenText reads a token given as text or as an object with content.
func tokenText(raw json.RawMessage) (string, error) {
	var s string
	if len(raw) == 0 {
		return "", fmt.Errorf("nothing")
	}
	if json.Unmarshal(raw, &s) == nil && s != "" {
		return s, nil
	}
	var o struct {
		Content string `json:"content"`
	}
	if json.Unmarshal(raw, &o) == nil && o.Content != "" {
		return o.Content, nil
	}
	return "", fmt.Errorf("%s", raw)
}

// ids returns a text's ids, cut to the context.
func (r *textReader) ids(text string) (ids []int32, cut bool, err error) {
	ids, cut, err = r.tok.EncodeWithin(text, r.context)
	if err == nil && len(ids) == 0 {
		err = fmt.Errorf("it has no tokens")
	}
	return ids, cut, err
}

package vlm

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// specialTokens makes a replacer that puts a space in the place of every
// special token's text, so that what is left can't form another.
func specialTokens(tokenizerJSON []byte) (*strings.Replacer, error) {
	var t struct {
		Added []struct {
			Content string `json:"content"`
			Special bool   `json:"special"`
		} `json:"added_tokens"`
	}
	if err := json.Unmarshal(tokenizerJSON, &t); err != nil {
		return nil, fmt.Errorf("%w: tokenizer.json: %w", ErrModel, err)
	}
	var pairs []string
	for _, a := range t.Added {
		if a.Special && strings.TrimSpace(a.Content) != "" {
			pairs = append(pairs, a.Content, " ")
		}
	}
	return strings.NewReplacer(pairs...), nil
}

// sizeWithData is the size of a graph's file with its external weights.
func sizeWithData(path string) (int64, error) {
	more, err := filepath.Glob(path + "_data*")
	if err != nil {
		return 0, err
	}
	var total int64
	for _, p := range append(more, path) {
		st, err := os.Stat(p)
		if err != nil {
			return 0, err
		}
		total += st.Size()
	}
	return total, nil
}

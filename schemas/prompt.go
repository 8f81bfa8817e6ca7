package schemas

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// Prompt is a text for the model, with variables of the sample in braces:
// {alt_text}, {key}, or a field of the context such as {title}. Doubled braces
// stand for themselves.
type Prompt struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Input is what a prompt was rendered from and to.
type Input struct {
	Prompt string // the prompt's name
	Text   string // rendered
	SHA256 Digest // of the prompt's name and the values of its variables
}

// Render gives the input of the first prompt whose variables the sample has,
// none of them blank. White space within a value becomes single spaces, and a
// value longer than the recipe's limit is cut at a character. clean, if not
// nil, is applied to each value: the engine takes the model's special tokens
// out, so that an alt-text can't speak for the user. It reports false when no
// prompt fits.
func (r Recipe) Render(s Sample, clean func(string) string) (Input, bool) {
	for _, p := range r.Prompts {
		pieces, err := parsePrompt(p.Text)
		if err != nil {
			continue // Validate refuses such a recipe
		}
		if in, ok := r.render(p.Name, pieces, s, clean); ok {
			return in, true
		}
	}
	return Input{}, false
}

func (r Recipe) render(name string, pieces []promptPiece, s Sample, clean func(string) string) (Input, bool) {
	var text strings.Builder
	lines := []string{"input", name}
	for _, p := range pieces {
		if p.variable == "" {
			text.WriteString(p.literal)
			continue
		}
		v := singleSpaced(variable(s, p.variable))
		if clean != nil { // what it is given must be what stays, or a token could come together behind it
			v = singleSpaced(clean(v))
		}
		if cut := []rune(v); len(cut) > r.InputLimit {
			v = strings.TrimRightFunc(string(cut[:r.InputLimit]), unicode.IsSpace)
		}
		if v == "" {
			return Input{}, false
		}
		text.WriteString(v)
		lines = append(lines, p.variable, v)
	}
	var d Digest
	_ = d.UnmarshalText([]byte(digestOf(lines...))) // 64 hex digits always
	return Input{Prompt: name, Text: text.String(), SHA256: d}, true
}

func singleSpaced(text string) string { return strings.Join(strings.Fields(text), " ") }

// variable is the text of one variable, empty when the sample lacks it.
func variable(s Sample, name string) string {
	switch name {
	case "key":
		return s.Key
	case "alt_text":
		if s.AltText == nil {
			return ""
		}
		return *s.AltText
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(s.Context, &fields) != nil {
		return ""
	}
	raw, ok := fields[name]
	if !ok || string(raw) == "null" {
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw) // a number, a truth value or a nested value, as JSON
}

type promptPiece struct{ literal, variable string }

// parsePrompt splits a text at its variables.
func parsePrompt(text string) ([]promptPiece, error) {
	var pieces []promptPiece
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			pieces = append(pieces, promptPiece{literal: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case (c == '{' || c == '}') && i+1 < len(text) && text[i+1] == c:
			literal.WriteByte(c)
			i += 2
		case c == '}':
			return nil, fmt.Errorf("character %d: a '}' without its '{'; write }} for a brace", i+1)
		case c == '{':
			n := strings.IndexByte(text[i:], '}')
			name := ""
			if n > 0 {
				name = text[i+1 : i+n]
			}
			if name == "" || strings.ContainsFunc(name, func(r rune) bool {
				return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' && r != '.'
			}) {
				return nil, fmt.Errorf("character %d: want a variable such as {alt_text}; write {{ for a brace", i+1)
			}
			flush()
			pieces = append(pieces, promptPiece{variable: name})
			i += n + 1
		default:
			literal.WriteByte(c)
			i++
		}
	}
	flush()
	return pieces, nil
}

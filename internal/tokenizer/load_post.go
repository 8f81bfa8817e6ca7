package tokenizer

import (
	"encoding/json"
	"fmt"
)

// readPost reads what stands around one text; templates for pairs of texts are
// not used.
func readPost(raw json.RawMessage, at string) ([]template, error) {
	f, kind, err := component(raw, at)
	if err != nil || f == nil {
		return nil, err
	}
	var trimOffsets, prefixSpace, regex bool // offsets only
	switch kind {
	case "ByteLevel":
		f.need("add_prefix_space", &prefixSpace)
		f.need("trim_offsets", &trimOffsets)
		f.may("use_regex", &regex)
		return nil, f.done()
	case "RobertaProcessing", "BertProcessing":
		first, last := readFrame(f, "cls"), readFrame(f, "sep")
		if kind == "RobertaProcessing" {
			f.need("trim_offsets", &trimOffsets)
			f.need("add_prefix_space", &prefixSpace)
		}
		return []template{{first, {text: true}, last}}, f.done()
	case "TemplateProcessing":
		t, err := readTemplate(f)
		return []template{t}, err
	case "Sequence":
		return readSequence(f, "processors", readPost)
	}
	f.refuse("type", kind, "null, ByteLevel, RobertaProcessing, BertProcessing, TemplateProcessing, Sequence")
	return nil, f.done()
}

// readFrame reads a token given as ["<s>", 0].
func readFrame(f *fields, name string) templatePiece {
	var (
		list  []json.RawMessage
		token string
		id    int32
	)
	f.need(name, &list)
	if f.err != nil {
		return templatePiece{}
	}
	if len(list) != 2 || json.Unmarshal(list[0], &token) != nil || json.Unmarshal(list[1], &id) != nil || id < 0 {
		f.err = fmt.Errorf("%s: is not a token and its id", f.path(name))
	}
	return templatePiece{ids: []int32{id}}
}

func readTemplate(f *fields) (template, error) {
	type piece struct {
		ID     string `json:"id"`
		TypeID uint32 `json:"type_id"`
	}
	var (
		single []map[string]piece
		pair   json.RawMessage
		tokens map[string]struct {
			ID     string   `json:"id"`
			IDs    []int32  `json:"ids"`
			Tokens []string `json:"tokens"`
		}
	)
	f.need("single", &single)
	f.may("pair", &pair)
	f.need("special_tokens", &tokens)
	if err := f.done(); err != nil {
		return nil, err
	}
	var out template
	for i, p := range single {
		at := fmt.Sprintf("%s[%d]", f.path("single"), i)
		special, isSpecial := p["SpecialToken"]
		text, isText := p["Sequence"]
		switch {
		case len(p) == 1 && isText && text.ID == "A":
			out = append(out, templatePiece{text: true})
		case len(p) == 1 && isSpecial:
			t, ok := tokens[special.ID]
			if !ok {
				return nil, fmt.Errorf("%s: %q is not in special_tokens", at, special.ID)
			}
			for _, id := range t.IDs {
				if id < 0 {
					return nil, fmt.Errorf("%s: %q has id %d", at, special.ID, id)
				}
			}
			out = append(out, templatePiece{ids: t.IDs})
		default:
			return nil, unsupported(at, p, "SpecialToken, Sequence A")
		}
	}
	return out, nil
}

package tokenizer

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

const smallModel = `{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"Ġ":3},"merges":[["a","b"]]}`

// file is a tokenizer.json with one section replaced.
func file(section, value string) string {
	sections := map[string]string{
		"version": `"1.0"`, "truncation": "null", "padding": "null", "added_tokens": "[]",
		"normalizer": "null", "pre_tokenizer": "null", "post_processor": "null", "decoder": "null", "model": smallModel,
	}
	sections[section] = value
	var parts []string
	for name, v := range sections {
		parts = append(parts, `"`+name+`":`+v)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func added(id, content, more string) string {
	return `{"id":` + id + `,"content":"` + content + `","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true` + more + `}`
}

func TestRefuses(t *testing.T) {
	const byteLevelFields = `"add_prefix_space":false,"trim_offsets":false`
	tests := []struct {
		name, section, value string
		want                 string // in the error
		field                string // of the UnsupportedError, if it is one
	}{
		{"version", "version", `"2.0"`, `version: "2.0" is not supported`, "version"},
		{"section", "flavour", `1`, `flavour: 1 is not supported`, "flavour"},

		{"model type", "model", `{"type":"WordPiece","vocab":{}}`, `model.type: "WordPiece"`, "model.type"},
		{"unigram bytes", "model", `{"type":"Unigram","vocab":[],"byte_fallback":true}`, "model.byte_fallback: true", "model.byte_fallback"},
		{"unigram entry", "model", `{"type":"Unigram","vocab":[["a"]]}`, "model.vocab: entry 0 is not a token and its score", ""},
		{"unigram twice", "model", `{"type":"Unigram","vocab":[["a",1],["a",2]]}`, "model.vocab: a token is there twice", ""},
		{"unigram unknown", "model", `{"type":"Unigram","vocab":[["a",1]],"unk_id":1}`, "model.unk_id: 1 is not one of 1 tokens", ""},
		{"mark", "pre_tokenizer", `{"type":"Metaspace","replacement":"__"}`, `pre_tokenizer.replacement: "__"`, "pre_tokenizer.replacement"},
		{"mark of the first", "pre_tokenizer", `{"type":"Metaspace","replacement":"_","prepend_scheme":"first"}`, `pre_tokenizer.prepend_scheme: "first"`, "pre_tokenizer.prepend_scheme"},
		{"set with a range", "normalizer", `{"type":"Replace","pattern":{"Regex":"[a-z]"},"content":""}`, `normalizer.pattern: {"Regex":"[a-z]"}`, "normalizer.pattern"},
		{"charsmap", "normalizer", `{"type":"Precompiled","precompiled_charsmap":"/////w=="}`, "normalizer.precompiled_charsmap: is damaged", ""},
		{"no vocab", "model", `{"merges":[]}`, "model.vocab: is missing", ""},
		{"no merges", "model", `{"vocab":{}}`, "model.merges: is missing", ""},
		{"null model", "model", `null`, "model: is missing", ""},
		{"model list", "model", `[]`, "model: json", ""},
		{"dropout", "model", `{"vocab":{},"merges":[],"dropout":0.1}`, "model.dropout: 0.1", "model.dropout"},
		{"prefix", "model", `{"vocab":{},"merges":[],"continuing_subword_prefix":"##"}`, `model.continuing_subword_prefix: "##"`, "model.continuing_subword_prefix"},
		{"byte fallback", "model", `{"vocab":{},"merges":[],"byte_fallback":true}`, "model.byte_fallback: true", "model.byte_fallback"},
		{"model field", "model", `{"vocab":{},"merges":[],"temperature":2}`, "model.temperature: 2", "model.temperature"},
		{"negative id", "model", `{"vocab":{"a":-1},"merges":[]}`, "model.vocab: json", ""},
		{"huge id", "model", `{"vocab":{"a":4294967295},"merges":[]}`, `model.vocab: {"a":4294967295}`, "model.vocab"},
		{"shared id", "model", `{"vocab":{"a":1,"b":1},"merges":[]}`, `"a" and "b" both have id 1`, ""},
		{"merge of strangers", "model", `{"vocab":{"a":1},"merges":["a b"]}`, `"b" of merge 0`, ""},
		{"merge into a stranger", "model", `{"vocab":{"a":1,"b":2},"merges":[["a","b"]]}`, `"ab" of merge 0`, ""},
		{"merge of three", "model", `{"vocab":{"a":1},"merges":["a a a"]}`, "is not two tokens", ""},
		{"merges of both kinds", "model", `{"vocab":{"a":1},"merges":["a a",["a","a"]]}`, "neither all pairs nor all strings", ""},

		{"normalizer", "normalizer", `{"type":"NFKD"}`, `normalizer.type: "NFKD"`, "normalizer.type"},
		{"rewriting expression", "normalizer", `{"type":"Replace","pattern":{"Regex":"a+"},"content":""}`, `normalizer.pattern: {"Regex":"a+"}`, "normalizer.pattern"},
		{"nested normalizer", "normalizer", `{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"NFKC"}]}`, `normalizer.normalizers[1].type: "NFKC"`, "normalizer.normalizers[1].type"},
		{"null in a sequence", "normalizer", `{"type":"Sequence","normalizers":[null]}`, "normalizer.normalizers[0]: is null", ""},
		{"normalizer field", "normalizer", `{"type":"NFC","deep":true}`, "normalizer.deep: true", "normalizer.deep"},
		{"nested deeply", "normalizer", strings.Repeat(`{"type":"Sequence","normalizers":[`, 2000) + strings.Repeat("]}", 2000), "is nested more than 8 deep", ""},
		{"no type", "normalizer", `{}`, "normalizer.type: is missing", ""},
		{"empty type", "normalizer", `{"type":""}`, `normalizer.type: ""`, "normalizer.type"},
		{"case of a field", "normalizer", `{"Type":"NFC"}`, "normalizer.type: is missing", ""},

		{"pre-tokenizer", "pre_tokenizer", `{"type":"Punctuation"}`, `pre_tokenizer.type: "Punctuation"`, "pre_tokenizer.type"},
		{"expression", "pre_tokenizer", `{"type":"Split","pattern":{"Regex":"\\w+"},"behavior":"Isolated","invert":false}`, `pre_tokenizer.pattern.Regex: "\\w+"`, "pre_tokenizer.pattern.Regex"},
		{"no pattern", "pre_tokenizer", `{"type":"Split","pattern":{},"behavior":"Isolated","invert":false}`, "pre_tokenizer.pattern: {}", "pre_tokenizer.pattern"},
		{"empty pattern", "pre_tokenizer", `{"type":"Split","pattern":{"String":""},"behavior":"Isolated","invert":false}`, "pre_tokenizer.pattern", "pre_tokenizer.pattern"},
		{"behavior", "pre_tokenizer", `{"type":"Split","pattern":{"String":"a"},"behavior":"Doubled","invert":false}`, `pre_tokenizer.behavior: "Doubled"`, "pre_tokenizer.behavior"},
		{"no prefix space", "pre_tokenizer", `{"type":"ByteLevel","trim_offsets":true}`, "pre_tokenizer.add_prefix_space: is missing", ""},
		{"byte-level field", "pre_tokenizer", `{"type":"ByteLevel",` + byteLevelFields + `,"utf16":true}`, "pre_tokenizer.utf16: true", "pre_tokenizer.utf16"},

		{"post-processor", "post_processor", `{"type":"Wrap"}`, `post_processor.type: "Wrap"`, "post_processor.type"},
		{"frame", "post_processor", `{"type":"BertProcessing","cls":["<s>"],"sep":["</s>",2]}`, "post_processor.cls: is not a token", ""},
		{"template token", "post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}}],"pair":[],"special_tokens":{}}`, `post_processor.single[0]: "<s>" is not in special_tokens`, ""},
		{"template of a pair", "post_processor", `{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"pair":[],"special_tokens":{}}`, "post_processor.single[0]", "post_processor.single[0]"},

		{"decoder", "decoder", `{"type":"ByteFallback"}`, `decoder.type: "ByteFallback"`, "decoder.type"},
		{"decoder expression", "decoder", `{"type":"Replace","pattern":{"Regex":"a"},"content":""}`, "decoder.pattern", "decoder.pattern"},
		{"bytes after fuse", "decoder", `{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"ByteLevel",` + byteLevelFields + `}]}`, "decoder.decoders[1].type", "decoder.decoders[1].type"},

		{"added id", "added_tokens", `[` + added("9", "<s>", "") + `]`, `added_tokens[0]: "<s>" has id 9`, ""},
		{"added twice", "added_tokens", `[` + added("4", "<s>", "") + `,` + strings.Replace(added("4", "<s>", ""), "true", "false", 1) + `]`, "added_tokens[1]", ""},
		{"added field", "added_tokens", `[` + added("4", "<s>", `,"weight":1`) + `]`, "added_tokens[0].weight: 1", "added_tokens[0].weight"},
		{"added without id", "added_tokens", `[` + strings.Replace(added("4", "<s>", ""), `"id":4,`, "", 1) + `]`, "added_tokens[0].id: is missing", ""},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(file(c.section, c.value)))
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want %q in it", err, c.want)
			}
			var unsupported *UnsupportedError
			if got := errors.As(err, &unsupported); got != (c.field != "") {
				t.Errorf("%v: is an UnsupportedError: %v", err, got)
			} else if got && unsupported.Field != c.field {
				t.Errorf("field %q, want %q", unsupported.Field, c.field)
			}
		})
	}
}

func TestAccepts(t *testing.T) {
	tests := map[string][2]string{
		"truncation":             {"truncation", `{"direction":"Right","max_length":2,"strategy":"LongestFirst","stride":0}`},
		"padding":                {"padding", `{"strategy":{"Fixed":9},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"a"}`},
		"dropout of nothing":     {"model", strings.Replace(smallModel, "{", `{"dropout":0.0,`, 1)},
		"the same token twice":   {"added_tokens", `[` + added("4", "<s>", "") + `,` + added("4", "<s>", "") + `]`},
		"an empty token":         {"added_tokens", `[` + added("9", "", "") + `]`},
		"a token of the model's": {"added_tokens", `[` + added("2", "ab", "") + `]`},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			tok, err := Parse([]byte(file(c[0], c[1])))
			if err != nil {
				t.Fatal(err)
			}
			if ids, err := tok.Encode("abab"); err != nil || len(ids) != 2 {
				t.Errorf("Encode = %v, %v, want two ids", ids, err)
			}
		})
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	path := t.TempDir() + "/tokenizer.json"
	if _, err := Load(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("Load of nothing: %v", err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Load of half a file: %v", err)
	}
}

func TestUnknownTokenThatIsUnknown(t *testing.T) {
	tok, err := Parse([]byte(file("model", `{"vocab":{"a":0},"merges":[],"unk_token":"?"}`)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tok.Encode("aaa"); err != nil {
		t.Error(err)
	}
	if _, err := tok.Encode("az"); err == nil || !strings.Contains(err.Error(), `unk_token "?"`) {
		t.Errorf("Encode of an unknown character: %v", err)
	}
}

// FuzzLoad gives any bytes to Parse; what it accepts must work.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"gpt2_short", "added", "chars_removed", "llama3", "clip_holes", "siglip", "t5"} {
		b, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		// The vocabulary is most of a file and the least of its traps.
		var file map[string]json.RawMessage
		if err := json.Unmarshal(b, &file); err != nil {
			f.Fatal(err)
		}
		file["model"] = json.RawMessage(smallModel)
		file["added_tokens"] = json.RawMessage("[" + added("4", "<s>", "") + "]")
		if b, err = json.Marshal(file); err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(file("model", `{"type":"Unigram","vocab":[["<unk>",0],["a",-1.5],["ab",-2],["\u2581",-3]],"unk_id":0}`)))
	f.Add([]byte(file("model", `{"vocab":{"a":0,"aa":1},"merges":["a a"],"unk_token":"a","fuse_unk":true}`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		tok, err := Parse(b)
		if err != nil {
			return
		}
		for _, text := range []string{"", "ab <s> a1\n\n b", "e\u0301\u200d"} {
			ids, err := tok.EncodeSpecial(text)
			if err != nil {
				continue
			}
			tok.Decode(ids)
		}
		for id := range int32(tok.VocabSize()) {
			if token, ok := tok.Token(id); ok {
				if got, ok := tok.ID(token); !ok || got != id {
					t.Errorf("ID(Token(%d)) = %d, %v", id, got, ok)
				}
			}
		}
	})
}

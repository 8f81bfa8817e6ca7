package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParsePrecision(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[string]string{
		"":                                    nil,
		"q8":                                  {"": "q8"},
		"decoder_model_merged=q4":             {"decoder_model_merged": "q4"},
		"fp16,decoder_model_merged=q4":        {"": "fp16", "decoder_model_merged": "q4"},
		"vision_encoder=fp32,embed_tokens=q8": {"vision_encoder": "fp32", "embed_tokens": "q8"},
	} {
		got, err := parsePrecision(text)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%q: %v (-want +got):\n%s", text, err, d)
		}
	}
	for text, want := range map[string]string{
		"q8,":             "want a precision",
		"=q8":             "want a precision",
		"q8,q4":           "one precision for each graph",
		"decoder=q4":      "decoder_model_merged",
		"../../etc":       "lower-case letters and digits",
		"embed_tokens=Q8": "lower-case letters and digits",
	} {
		if got, err := parsePrecision(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", text, got, err, want)
		}
	}
}

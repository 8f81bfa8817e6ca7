package recipefile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadLayers(t *testing.T) {
	dir := t.TempDir()
	plain, err := Read(dir, "")
	if err != nil || len(plain.Prompts) != 2 || plain.CaptionsPerImage != 1 || plain.PlainPrompt() == "" {
		t.Fatalf("no recipe anywhere: got %+v, %v", plain, err)
	}
	write(t, dir, ModelRecipe, "prompts: [{name: own, text: '<image> {alt_text}'}]\ngeneration: {max_new_tokens: 9}\n")
	own, err := Read(dir, "")
	if err != nil || own.PlainPrompt() != "" {
		t.Fatalf("the model's recipe: got %+v, %v", own, err)
	}
	got, err := Read(dir, write(t, dir, "user.yaml", "captions_per_image: 2\nretry: {tries: 1, flags: [cut]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Recipe{
		Prompts: []Prompt{{"own", "<image> {alt_text}"}}, Generation: map[string]any{"max_new_tokens": 9},
		CaptionsPerImage: 2, InputLimit: 512, Retry: Retry{Tries: 1, Flags: []schemas.Flag{"cut"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestReadOddForms(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]int{
		"":                             1,
		"# nothing\n":                  1,
		"captions_per_image:\n":        1,
		"captions_per_image: 3.0\n":    3,
		"captions_per_image: 0x10\n":   16,
		"captions_per_image: 1e1 # \n": 10,
		"prompts: [&p {name: a, text: b}, {<<: *p, name: c}]\ncaptions_per_image: 2\n": 2,
	} {
		got, err := Read(dir, write(t, dir, "odd.yaml", text))
		if err != nil || got.CaptionsPerImage != want {
			t.Errorf("%q: %d, %v; want %d", text, got.CaptionsPerImage, err, want)
		}
	}
}

func TestVariables(t *testing.T) {
	r := Recipe{Prompts: []Prompt{{"a", "{title}: {alt_text} {{no}} {alt_text}"}, {"b", "plain"}, {"c", "{{{key}}}"}}}
	if d := cmp.Diff([]string{"alt_text", "key", "title"}, r.Variables()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestReadErrors(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"promts: []":                          "bad.yaml: line 1: unknown key promts; known: captions_per_image, generation, input_limit, prompts, retry, seed",
		"prompts: nothing":                    "line 1: prompts: nothing: want a list of {name: …, text: …}",
		"prompts: [{name: a, txt: b}]":        "line 1: unknown key prompts[0].txt; known: name, text",
		"prompts:\n- name: [a]\n  text: {}\n": "line 2: prompts[0].name: a list: want a text\nline 3: prompts[0].text: a mapping: want a text",
		"captions_per_image: 2.9":             "line 1: captions_per_image: 2.9: want a whole number",
		"seed: true":                          "line 1: seed: true: want a whole number",
		"retry: {tries: '2'}":                 "line 1: retry.tries: 2: want a whole number",
		"retry: 2":                            "line 1: retry: 2: want a mapping with the keys flags, generation, tries",
		"retry: {flags: cut}":                 "line 1: retry.flags: cut: want a list",
		"generation: 5":                       "line 1: generation: 5: want a mapping",
		"captions_per_image: 1e300":           "captions_per_image",
		"a":                                   "line 1: a: want a mapping with the keys captions_per_image",
		"seed: [":                             "recipe",
	} {
		if _, err := Read(dir, write(t, dir, "bad.yaml", text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v; want an error with %q", text, err, want)
		}
	}
	if _, err := Read(dir, filepath.Join(dir, "none.yaml")); err == nil {
		t.Error("read a file that is not there")
	}
}

func TestReadGate(t *testing.T) {
	dir := t.TempDir()
	g, err := ReadGate(write(t, dir, "gate.yaml", "actions: {opener: strip}\nmin_words: 5\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := schemas.DefaultGate()
	want.Actions[schemas.FlagOpener], want.MinWords = schemas.ActionStrip, 5
	if d := cmp.Diff(want, g); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for text, want := range map[string]string{
		"actions: {opner: strip}":  "opner",
		"actions: {opener: strop}": "strop",
		"min_wrods: 5":             "min_wrods",
		"min_words: 0":             "min_words",
		"min_words: 1.5":           "min_words: 1.5: want a whole number",
		"actions: strip":           "actions: strip: want a mapping",
	} {
		if _, err := ReadGate(write(t, dir, "bad.yaml", text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v; want an error with %q", text, err, want)
		}
	}
}

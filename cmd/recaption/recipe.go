package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"recaption/schemas"
	"recaption/worker/vlm"
)

// recipeFile is what a user writes of a recipe. The rest of it, the model's
// files and its settings, is resolved from the model.
type recipeFile struct {
	Prompts          []promptFile   `yaml:"prompts"`
	Generation       map[string]any `yaml:"generation"`
	CaptionsPerImage int            `yaml:"captions_per_image"`
	Seed             int64          `yaml:"seed"`
	InputLimit       int            `yaml:"input_limit"`
	Retry            retryFile      `yaml:"retry"`
}

type promptFile struct {
	Name string `yaml:"name"`
	Text string `yaml:"text"`
}

type retryFile struct {
	Tries      int            `yaml:"tries"`
	Flags      []schemas.Flag `yaml:"flags"`
	Generation map[string]any `yaml:"generation"`
}

// modelRecipe is the name of the recipe that a model's folder may hold: what
// suits the model where the user says nothing.
const modelRecipe = "recipe.yaml"

// defaultRecipe is that of the model's folder, or one that asks for a
// description, with the alt-text where there is one.
func defaultRecipe(dir string) (recipeFile, error) {
	r := recipeFile{
		Prompts: []promptFile{
			{"grounded", "Describe the image in two or three sentences. Its alt-text, which may be wrong, is: {alt_text}"},
			{"plain", "Describe the image in two or three sentences."},
		},
		CaptionsPerImage: 1,
		InputLimit:       512,
	}
	path := filepath.Join(dir, modelRecipe)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	return r, readYAML(path, "recipe", &r)
}

// readRecipe reads a user's recipe over the model's default.
func readRecipe(dir, path string) (recipeFile, error) {
	r, err := defaultRecipe(dir)
	if err != nil || path == "" {
		return r, err
	}
	return r, readYAML(path, "recipe", &r)
}

// readGate reads a user's gate over the default one.
func readGate(path string) (schemas.Gate, error) {
	g := schemas.DefaultGate()
	if path == "" {
		return g, nil
	}
	f := struct {
		Actions  map[schemas.Flag]schemas.Action `yaml:"actions"`
		MinWords *int                            `yaml:"min_words"`
		Repeats  *int                            `yaml:"repeats"`
		CopyFrom *int                            `yaml:"copy_from"`
	}{g.Actions, &g.MinWords, &g.Repeats, &g.CopyFrom}
	if err := readYAML(path, "gate", &f); err != nil {
		return g, err
	}
	for flag, action := range f.Actions {
		g.Actions[flag] = action
	}
	if err := g.Validate(); err != nil {
		return g, usagef("gate %s: %w", path, err)
	}
	return g, nil
}

// readYAML reads one document; unknown keys are errors.
func readYAML(path, kind string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return usagef("%s: %w", kind, err)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return usagef("%s %s: %w", kind, path, err)
	}
	return nil
}

// plainPrompt is the first prompt that needs nothing but the image.
func plainPrompt(r recipeFile) string {
	for _, p := range r.recipe().Prompts {
		one := schemas.Recipe{Prompts: []schemas.Prompt{p}, InputLimit: 1}
		if in, ok := one.Render(schemas.Sample{}, nil); ok {
			return in.Text
		}
	}
	return ""
}

// recipe is the user's part of a recipe.
func (r recipeFile) recipe() schemas.Recipe {
	out := schemas.Recipe{
		CaptionsPerImage: r.CaptionsPerImage, Seed: r.Seed, InputLimit: r.InputLimit,
		Retry: schemas.Retry{Tries: r.Retry.Tries, Flags: r.Retry.Flags, Generation: r.Retry.Generation},
	}
	for _, p := range r.Prompts {
		out.Prompts = append(out.Prompts, schemas.Prompt{Name: p.Name, Text: p.Text})
	}
	return out
}

// resolve makes the whole recipe: the user's part and what the model settles.
func (r recipeFile) resolve(e *vlm.Engine) (schemas.Recipe, error) {
	out := r.recipe()
	settings, err := e.Settings(r.Generation)
	if err != nil {
		return schemas.Recipe{}, usagef("recipe: generation: %w", err)
	}
	if len(r.Retry.Generation) > 0 {
		if _, err := e.Settings(r.Retry.Generation); err != nil {
			return schemas.Recipe{}, usagef("recipe: retry.generation: %w", err)
		}
	}
	out.Generation = settings.Map()
	out.Model = e.Model()
	out.Preprocessing = e.Describe().Preprocessing
	if err := out.Validate(); err != nil {
		return schemas.Recipe{}, usagef("%w", err)
	}
	return out, nil
}

// Package recipefile reads what a user writes of recipes and gates, in YAML.
// The rest of a recipe, the model's files and settings, is resolved from the
// model.
package recipefile

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"recaption/schemas"
	"recaption/worker/vlm"
)

// Recipe is the user's part of a recipe.
type Recipe struct {
	Prompts          []Prompt       `yaml:"prompts"` // the first whose variables a sample has is used
	Generation       map[string]any `yaml:"generation"`
	CaptionsPerImage int            `yaml:"captions_per_image"`
	Seed             int64          `yaml:"seed"`
	InputLimit       int            `yaml:"input_limit"`
	Retry            Retry          `yaml:"retry"`
}

// Prompt is a prompt with variables in braces; see [schemas.Prompt].
type Prompt struct {
	Name string `yaml:"name"`
	Text string `yaml:"text"`
}

// Retry asks for further tries; see [schemas.Retry].
type Retry struct {
	Tries      int            `yaml:"tries"`
	Flags      []schemas.Flag `yaml:"flags"`
	Generation map[string]any `yaml:"generation"`
}

// ModelRecipe is the name of the recipe that a model's folder may hold: what
// suits the model where the user says nothing.
const ModelRecipe = "recipe.yaml"

// Read gives the recipe in the file at path, over the default one of the model
// in dir: its own, or one that asks for a description and gives the alt-text
// where there is one. An empty path gives the default itself. Unknown keys are
// errors.
func Read(dir, path string) (Recipe, error) {
	r := Recipe{
		Prompts: []Prompt{
			{"grounded", "Describe the image in two or three sentences. Its alt-text, which may be wrong, is: {alt_text}"},
			{"plain", "Describe the image in two or three sentences."},
		},
		CaptionsPerImage: 1,
		InputLimit:       512,
	}
	own := filepath.Join(dir, ModelRecipe)
	if err := readYAML(own, "recipe", &r); err != nil && !errors.Is(err, os.ErrNotExist) {
		return Recipe{}, err
	}
	if path == "" {
		return r, nil
	}
	if err := readYAML(path, "recipe", &r); err != nil {
		return Recipe{}, err
	}
	return r, nil
}

// PlainPrompt is the text of the first prompt that needs nothing but the
// image; empty where there is none.
func (r Recipe) PlainPrompt() string {
	for _, p := range r.prompts() {
		one := schemas.Recipe{Prompts: []schemas.Prompt{p}, InputLimit: 1}
		if in, ok := one.Render(schemas.Sample{}, nil); ok {
			return in.Text
		}
	}
	return ""
}

// Variables names the variables of all prompts, sorted, each once.
func (r Recipe) Variables() []string {
	var names []string
	for _, p := range r.Prompts {
		text := doubledBraces.Replace(p.Text)
		for _, m := range braced.FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var (
	doubledBraces = strings.NewReplacer("{{", "", "}}", "")
	braced        = regexp.MustCompile(`\{([^{}]+)\}`)
)

func (r Recipe) prompts() []schemas.Prompt {
	var out []schemas.Prompt
	for _, p := range r.Prompts {
		out = append(out, schemas.Prompt{Name: p.Name, Text: p.Text})
	}
	return out
}

// Resolve makes the whole recipe: the user's part and what the model settles.
func (r Recipe) Resolve(e *vlm.Engine) (schemas.Recipe, error) {
	settings, err := e.Settings(r.Generation)
	if err != nil {
		return schemas.Recipe{}, fmt.Errorf("recipe: generation: %w", err)
	}
	if len(r.Retry.Generation) > 0 {
		again := settings.Map() // as a worker does: the retry's settings replace the recipe's
		maps.Copy(again, r.Retry.Generation)
		if _, err := e.Settings(again); err != nil {
			return schemas.Recipe{}, fmt.Errorf("recipe: retry.generation: %w", err)
		}
	}
	out := schemas.Recipe{
		Model: e.Model(), Preprocessing: e.Describe().Preprocessing, Generation: settings.Map(),
		Prompts: r.prompts(), CaptionsPerImage: r.CaptionsPerImage, Seed: r.Seed, InputLimit: r.InputLimit,
		Retry: schemas.Retry{Tries: r.Retry.Tries, Flags: r.Retry.Flags, Generation: r.Retry.Generation},
	}
	return out, out.Validate()
}

// gateFile is what a user writes of a gate.
type gateFile struct {
	Actions  map[schemas.Flag]schemas.Action `yaml:"actions"`
	MinWords *int                            `yaml:"min_words"`
	Repeats  *int                            `yaml:"repeats"`
	CopyFrom *int                            `yaml:"copy_from"`
}

// ReadGate gives the gate in the file at path, over [schemas.DefaultGate]. An
// empty path gives that itself. Unknown keys are errors.
func ReadGate(path string) (schemas.Gate, error) {
	g := schemas.DefaultGate()
	if path == "" {
		return g, nil
	}
	f := gateFile{g.Actions, &g.MinWords, &g.Repeats, &g.CopyFrom} // the map's other keys stay
	if err := readYAML(path, "gate", &f); err != nil {
		return g, err
	}
	if err := g.Validate(); err != nil {
		return g, fmt.Errorf("gate %s: %w", path, err)
	}
	return g, nil
}

// readYAML reads one document over what v holds.
func readYAML(path, kind string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", kind, err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("read %s %s: %w", kind, path, err)
	}
	if doc.IsZero() {
		return nil // empty, or all of it comments
	}
	if err := check(&doc, reflect.TypeOf(v)); err != nil {
		return fmt.Errorf("read %s %s: %w", kind, path, err)
	}
	if err := doc.Decode(v); err != nil {
		return fmt.Errorf("read %s %s: %w", kind, path, err)
	}
	return nil
}

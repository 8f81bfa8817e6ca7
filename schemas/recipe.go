package schemas

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
)

// Recipe is all that decides a text. Two recipes with equal fields have one
// ID, and one recipe gives one sample the same captions wherever it runs.
type Recipe struct {
	Kind             string         `json:"kind"`
	Version          int            `json:"version"`
	Model            Model          `json:"model"`
	Preprocessing    map[string]any `json:"preprocessing"`      // resolved: what the images go through
	Generation       map[string]any `json:"generation"`         // resolved, by the names of generation_config.json
	Prompts          []Prompt       `json:"prompts"`            // the first whose variables a sample has is used
	CaptionsPerImage int            `json:"captions_per_image"` // 1 to 16
	Seed             int64          `json:"seed"`
	InputLimit       int            `json:"input_limit"` // characters kept of a variable's text
	Retry            Retry          `json:"retry"`
}

// Model names the files that the engine runs, by what is in them.
type Model struct {
	Family string            `json:"family"`
	Files  map[string]Digest `json:"files"` // path within the model's folder
}

// ID is the digest of the model's files: the folder's name in the store.
func (m Model) ID() (Digest, error) { return canonicalDigest(m.Files) }

// Retry asks for further tries, each with a seed of its own, while the latest
// caption carries one of the flags. All tries are kept.
type Retry struct {
	Tries      int            `json:"tries"`                // further ones, 0 to 8
	Flags      []Flag         `json:"flags,omitempty"`      // sorted
	Generation map[string]any `json:"generation,omitempty"` // settings that replace the recipe's in a further try
}

// Encode writes the recipe's canonical form, and gives its ID.
func (r Recipe) Encode() ([]byte, RecipeID, error) {
	r.Kind, r.Version = "recipe", recipeVersion
	r.Retry.Flags = slices.Sorted(slices.Values(r.Retry.Flags))
	if err := r.Validate(); err != nil {
		return nil, "", err
	}
	b, err := Canonical(r)
	if err != nil {
		return nil, "", err
	}
	return b, RecipeID(Sum(b).String()), nil
}

// DecodeRecipe reads what [Recipe.Encode] wrote and checks that it is id's.
func DecodeRecipe(b []byte, id RecipeID) (Recipe, error) {
	var r Recipe
	if err := decode(b, "recipe", recipeVersion, &r); err != nil {
		return Recipe{}, err
	}
	if got := Sum(b).String(); got != string(id) {
		return Recipe{}, fmt.Errorf("%w: recipe %s: its digest is %s", ErrMalformed, id, got)
	}
	return r, r.Validate()
}

// Validate names every fault.
func (r Recipe) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("recipe: "+format, args...)) }
	if r.Model.Family == "" || len(r.Model.Files) == 0 {
		bad("model: want a family and at least one file")
	}
	if len(r.Prompts) == 0 {
		bad("prompts: want at least one")
	}
	names := map[string]bool{}
	for i, p := range r.Prompts {
		if p.Name == "" || names[p.Name] {
			bad("prompts[%d].name %q: want a name of its own", i, p.Name)
		}
		names[p.Name] = true
		if _, err := parsePrompt(p.Text); err != nil {
			bad("prompts[%d].text: %w", i, err)
		}
	}
	if n := r.CaptionsPerImage; n < 1 || n > 16 {
		bad("captions_per_image %d: want 1 to 16", n)
	}
	if n := r.InputLimit; n < 1 || n > 1<<20 {
		bad("input_limit %d: want 1 to 1048576 characters", n)
	}
	if n := r.Retry.Tries; n < 0 || n > 8 {
		bad("retry.tries %d: want 0 to 8", n)
	}
	for _, f := range r.Retry.Flags {
		if !slices.Contains(Flags(), f) {
			bad("retry.flags: unknown flag %q; known: %v", f, Flags())
		}
	}
	if r.Retry.Tries > 0 && len(r.Retry.Flags) == 0 {
		bad("retry.flags: want at least one, since retry.tries is %d", r.Retry.Tries)
	}
	return errors.Join(errs...)
}

// CaptionSeed is the sampler's seed for one try at one caption of a sample. It
// depends on nothing but the recipe and the sample's key, so neither the batch
// nor the order of arrival can change a text.
func (r Recipe) CaptionSeed(key string, caption, try int) int64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d\n%d\n%d\n%s", r.Seed, caption, try, key)
	return int64(h.Sum64() >> 1) // never negative: some samplers refuse it
}

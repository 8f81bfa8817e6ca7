package recipefile

import (
	"fmt"

	"recaption/schemas"
)

// policyFile is what a user writes of a policy.
type policyFile struct {
	Original         *string                      `yaml:"original"`
	OriginalFraction *float64                     `yaml:"original_fraction"`
	Recipes          map[schemas.RecipeID]float64 `yaml:"recipes"`
	OtherRecipes     *float64                     `yaml:"other_recipes"`
	Captions         map[string]float64           `yaml:"captions"`
	Sentences        struct {
		Show *schemas.Show `yaml:"show"`
		Min  *int          `yaml:"min"`
		Max  *int          `yaml:"max"`
	} `yaml:"sentences"`
	Gate     gateFile          `yaml:"gate"`
	Fallback *schemas.Fallback `yaml:"fallback"`
	Exclude  struct {
		Flags     []schemas.Flag      `yaml:"flags"`
		MinScores map[string]float64  `yaml:"min_scores"`
		Statuses  []schemas.RowStatus `yaml:"statuses"`
	} `yaml:"exclude"`
	Context *int `yaml:"context"`
}

// ReadPolicy gives the policy in the file at path, over
// [schemas.DefaultPolicy]; what it says of the gate is over
// [schemas.DefaultGate]. An empty path gives the default itself. Unknown keys
// are errors.
func ReadPolicy(path string) (schemas.Policy, error) {
	p := schemas.DefaultPolicy()
	if path == "" {
		return p, nil
	}
	f := overPolicy(&p)
	if err := readYAML(path, "policy", &f); err != nil {
		return p, err
	}
	f.into(&p)
	if err := p.Validate(); err != nil {
		return p, fmt.Errorf("policy %s: %w", path, err)
	}
	return p, nil
}

// overPolicy is a file whose values are those of p.
func overPolicy(p *schemas.Policy) policyFile {
	f := policyFile{
		Original: &p.Original, OriginalFraction: &p.OriginalFraction, OtherRecipes: &p.OtherRecipes,
		Gate:     gateFile{p.Gate.Actions, &p.Gate.MinWords, &p.Gate.Repeats, &p.Gate.CopyFrom},
		Fallback: &p.Fallback, Context: &p.Context,
	}
	f.Sentences.Show, f.Sentences.Min, f.Sentences.Max = &p.Sentences.Show, &p.Sentences.Min, &p.Sentences.Max
	return f
}

// into gives p what was written that has no value of its own to write over.
func (f policyFile) into(p *schemas.Policy) {
	p.Recipes, p.Captions = f.Recipes, f.Captions
	p.Exclude = schemas.Exclusion{Flags: f.Exclude.Flags, MinScores: f.Exclude.MinScores, Statuses: f.Exclude.Statuses}
}

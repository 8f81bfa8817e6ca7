package schemas

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const policyVersion = 1

// PolicyID is the sha256 of a policy's canonical form, 64 hex digits.
type PolicyID string

// ParsePolicyID checks that s is 64 hex digits.
func ParsePolicyID(s string) (PolicyID, error) { return parseHex[PolicyID]("policy", s, 64) }

// Short is the first twelve digits, for people.
func (p PolicyID) Short() string { return string(p[:12]) }

// Policy says which text a sample shows in training: its raw alt-text or one of
// its captions, and how much of that. It changes nothing that rests: another
// policy needs no captioning.
type Policy struct {
	Kind             string               `json:"kind"`
	Version          int                  `json:"version"`
	Original         string               `json:"original"`           // which text is the raw one: [OriginalAltText], or a place in the sample's context as "context.truth.caption"
	OriginalFraction float64              `json:"original_fraction"`  // share of samples that show it, 0 to 1
	Recipes          map[RecipeID]float64 `json:"recipes,omitempty"`  // weights; 0: its captions are never shown
	OtherRecipes     float64              `json:"other_recipes"`      // weight of each recipe not named
	Captions         map[string]float64   `json:"captions,omitempty"` // weights by the prompt's name, or by the caption's place: "#0", "#1", …; 1 for others
	Sentences        Sentences            `json:"sentences"`
	Gate             Gate                 `json:"gate"`
	Fallback         Fallback             `json:"fallback"`
	Exclude          Exclusion            `json:"exclude"`
	Context          int                  `json:"context"` // tokens of a text, the ones that frame it included
}

// OriginalAltText is the usual raw text.
const OriginalAltText = "alt_text"

// OriginalContext gives the names that lead to the raw text in a sample's
// context, and none where it is the alt-text.
func (p Policy) OriginalContext() []string {
	path, ok := strings.CutPrefix(p.Original, "context.")
	if !ok {
		return nil
	}
	return strings.Split(path, ".")
}

// Sentences says how much of a caption is shown. The raw text is always
// shown whole.
type Sentences struct {
	Show Show `json:"show"`
	Min  int  `json:"min,omitempty"` // sentences, of subset and span
	Max  int  `json:"max,omitempty"`
}

// Show is a way of taking sentences from a caption.
type Show string

// The ways. A caption with fewer sentences than Min is shown whole.
const (
	ShowWhole  Show = "whole"
	ShowSubset Show = "subset" // a random number of sentences, in their order
	ShowSpan   Show = "span"   // as many that follow each other
)

// Fallback says what a sample shows when none of its captions can be shown.
type Fallback string

// The fallbacks.
const (
	FallbackOriginal Fallback = "original" // its raw text, if it has one
	FallbackDrop     Fallback = "drop"     // nothing: it is left out
)

// Exclusion leaves captions or whole samples out.
type Exclusion struct {
	Flags     []Flag             `json:"flags,omitempty"`      // captions on which the gate finds one of them, accepted or not
	MinScores map[string]float64 `json:"min_scores,omitempty"` // captions with a lower score, or without it, by scorer
	Statuses  []RowStatus        `json:"statuses,omitempty"`   // samples, their raw text too, of which a caption row has one of them
}

// DefaultPolicy shows a caption to nine samples of ten and the raw alt-text to
// the tenth, which keeps most of what raw text teaches of names
// (Li et al., arXiv 2406.08478).
func DefaultPolicy() Policy {
	return Policy{
		Kind: "policy", Version: policyVersion,
		Original: OriginalAltText, OriginalFraction: 0.1, OtherRecipes: 1,
		Sentences: Sentences{Show: ShowWhole}, Gate: DefaultGate(), Fallback: FallbackOriginal, Context: 77,
	}
}

// Weight is that of a recipe.
func (p Policy) Weight(r RecipeID) float64 {
	if w, ok := p.Recipes[r]; ok {
		return w
	}
	return p.OtherRecipes
}

// CaptionWeight is that of a caption of its row: its prompt's, else its
// place's, else 1.
func (p Policy) CaptionWeight(prompt string, place int) float64 {
	if w, ok := p.Captions[prompt]; ok {
		return w
	}
	if w, ok := p.Captions["#"+strconv.Itoa(place)]; ok {
		return w
	}
	return 1
}

// Encode writes the policy's canonical form, and gives its ID.
func (p Policy) Encode() ([]byte, PolicyID, error) {
	if err := p.Validate(); err != nil {
		return nil, "", err
	}
	b, err := Canonical(p.settled())
	if err != nil {
		return nil, "", err
	}
	return b, PolicyID(Sum(b).String()), nil
}

// settled gives equal policies one form.
func (p Policy) settled() Policy {
	p.Kind, p.Version = "policy", policyVersion
	p.Gate.Kind, p.Gate.Version = "gate", gateVersion
	p.Exclude.Flags = slices.Compact(slices.Sorted(slices.Values(p.Exclude.Flags)))
	p.Exclude.Statuses = slices.Compact(slices.Sorted(slices.Values(p.Exclude.Statuses)))
	return p
}

// DecodePolicy reads what [Policy.Encode] wrote and checks that it is id's.
func DecodePolicy(b []byte, id PolicyID) (Policy, error) {
	var p Policy
	if err := decode(b, "policy", policyVersion, &p); err != nil {
		return Policy{}, err
	}
	if err := p.checkVersions(); err != nil {
		return Policy{}, err
	}
	if got := Sum(b).String(); got != string(id) {
		return Policy{}, fmt.Errorf("%w: policy %s: its digest is %s", ErrMalformed, id, got)
	}
	return p, p.Validate()
}

// checkVersions refuses a policy, read within a record, that is of other
// versions than this program's.
func (p Policy) checkVersions() error {
	if p.Version != policyVersion {
		return fmt.Errorf("%w: policy version %d; this program reads version %d", ErrVersion, p.Version, policyVersion)
	}
	if p.Gate.Version != gateVersion {
		return fmt.Errorf("%w: gate version %d; this program reads version %d", ErrVersion, p.Gate.Version, gateVersion)
	}
	return nil
}

// Validate names every fault.
func (p Policy) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("policy: "+format, args...)) }
	if path := p.OriginalContext(); p.Original != OriginalAltText && (path == nil || slices.Contains(path, "")) {
		bad("original %q: want %s, or context. and the names that lead to a text", p.Original, OriginalAltText)
	}
	if f := p.OriginalFraction; !(f >= 0 && f <= 1) {
		bad("original_fraction %v: want 0 to 1", f)
	}
	weight := func(name string, w float64) {
		if !(w >= 0 && w <= 1e6) {
			bad("%s %v: want 0 to 1000000", name, w)
		}
	}
	for r, w := range p.Recipes {
		if _, err := ParseRecipeID(string(r)); err != nil {
			bad("recipes: %w", err)
		}
		weight(fmt.Sprintf("recipes[%s]", r), w)
	}
	weight("other_recipes", p.OtherRecipes)
	for name, w := range p.Captions {
		if place, ok := strings.CutPrefix(name, "#"); name == "" || ok && !isPlace(place) {
			bad("captions: %q: want a prompt's name, or a place as #0", name)
		}
		weight(fmt.Sprintf("captions[%s]", name), w)
	}
	if err := p.Sentences.validate(); err != nil {
		bad("%w", err)
	}
	if err := p.Gate.Validate(); err != nil {
		bad("%w", err)
	}
	if p.Fallback != FallbackOriginal && p.Fallback != FallbackDrop {
		bad("fallback %q: want %s or %s", p.Fallback, FallbackOriginal, FallbackDrop)
	}
	for _, f := range p.Exclude.Flags {
		if !slices.Contains(Flags(), f) {
			bad("exclude.flags: unknown flag %q; known: %v", f, Flags())
		} else if p.Gate.Actions[f] == ActionIgnore {
			bad("exclude.flags: %s: the gate's action for it is %s, so it is never found", f, ActionIgnore)
		}
	}
	for name, s := range p.Exclude.MinScores {
		if name == "" || !(s >= -1e9 && s <= 1e9) {
			bad("exclude.min_scores[%q] %v: want a scorer's name and a number", name, s)
		}
	}
	for _, s := range p.Exclude.Statuses {
		if !s.valid() {
			bad("exclude.statuses: unknown status %q; known: %v", s, RowStatuses())
		}
	}
	if p.Context < 4 || p.Context > 4096 {
		bad("context %d: want 4 to 4096 tokens", p.Context)
	}
	return errors.Join(errs...)
}

func (s Sentences) validate() error {
	switch s.Show {
	case ShowWhole:
		if s.Min != 0 || s.Max != 0 {
			return fmt.Errorf("sentences: min and max are of %s and %s, not of %s", ShowSubset, ShowSpan, ShowWhole)
		}
	case ShowSubset, ShowSpan:
		if s.Min < 1 || s.Max < s.Min || s.Max > 100 {
			return fmt.Errorf("sentences: min %d, max %d: want 1 <= min <= max <= 100", s.Min, s.Max)
		}
	default:
		return fmt.Errorf("sentences.show %q: want %s, %s or %s", s.Show, ShowWhole, ShowSubset, ShowSpan)
	}
	return nil
}

// isPlace tells whether s is a number from 0 to 15 in its one spelling.
func isPlace(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n < 16 && strconv.Itoa(n) == s
}

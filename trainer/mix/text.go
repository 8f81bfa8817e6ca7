package mix

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"recaption/gate"
	"recaption/schemas"
)

// Kind says what a text is.
type Kind string

// The kinds.
const (
	Original Kind = "original" // the sample's raw text
	Caption  Kind = "caption"
	None     Kind = "none" // the sample is left out
)

// Why a sample is left out, beside its own status where that is not ok.
const (
	NoCaption      = "no_caption"      // none can be shown, and the policy asks for one
	NoText         = "no_text"         // neither a caption nor a raw text
	ExcludedStatus = "excluded_status" // its captions have a status that the policy excludes
)

// Row is what a mixer must know of a sample.
type Row struct {
	Dataset  schemas.DatasetID
	Key      string
	Status   schemas.SampleStatus
	AltText  *string
	Context  json.RawMessage
	Captions []RecipeRow // in the order of the list's entry
}

// RecipeRow is what one recipe made of the sample.
type RecipeRow struct {
	Recipe schemas.RecipeID
	schemas.CaptionRow
}

// Text is what a sample shows.
type Text struct {
	Text      string // empty when it is left out
	Kind      Kind
	Reason    string           // why it is left out
	Recipe    schemas.RecipeID // of a caption
	Caption   int              // its place among the row's captions, tries and all
	Sentences []int            // those taken of it; nil: it is whole
}

// Mixer applies the policy of one epoch. It is immutable: any number of
// goroutines may use it.
type Mixer struct {
	policy  schemas.Policy
	seed    int64
	epoch   int
	recipes map[schemas.RecipeID]*recipe
}

type recipe struct {
	schemas.Recipe
	gate   *gate.Gate
	weight float64
}

// NewMixer makes the mixer of a list. recipes has those that the list names.
func NewMixer(l schemas.EpochList, recipes map[schemas.RecipeID]schemas.Recipe) (*Mixer, error) {
	m := &Mixer{policy: l.Policy, seed: l.Seed, epoch: l.Epoch, recipes: map[schemas.RecipeID]*recipe{}}
	if err := l.Policy.Validate(); err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(recipes)) {
		g, err := gate.New(l.Policy.Gate, recipes[id].Prompts)
		if err != nil {
			return nil, fmt.Errorf("recipe %s: %w", id.Short(), err)
		}
		m.recipes[id] = &recipe{recipes[id], g, l.Policy.Weight(id)}
	}
	return m, nil
}

// Text gives what a sample shows in the epoch. Equal rows give equal texts.
//
// A number is drawn for each choice, whether it is to be made or not: whether
// the raw text is shown, which recipe, which of its captions, and then which
// sentences. A sample without a raw text shows a caption where others show
// theirs, unless the policy shows nothing but raw texts.
func (m *Mixer) Text(row Row) Text {
	if row.Status != schemas.SampleOK {
		return Text{Kind: None, Reason: string(row.Status)}
	}
	for _, c := range row.Captions {
		if slices.Contains(m.policy.Exclude.Statuses, c.Status) {
			return Text{Kind: None, Reason: ExcludedStatus}
		}
	}
	r := NewRandom("text", m.seed, m.epoch, row.Dataset, row.Key)
	original, whichRecipe, whichCaption := r.Float64() < m.policy.OriginalFraction, r.Float64(), r.Float64()
	raw := m.original(row)
	if original && raw != "" {
		return Text{Text: raw, Kind: Original}
	}
	if m.policy.OriginalFraction == 1 {
		return Text{Kind: None, Reason: NoText}
	}
	t, ok := m.caption(row, whichRecipe, whichCaption)
	switch {
	case ok:
		t.Text, t.Sentences = takeSentences(m.policy.Sentences, t.Text, r)
		return t
	case m.policy.Fallback == schemas.FallbackDrop:
		return Text{Kind: None, Reason: NoCaption}
	case raw != "":
		return Text{Text: raw, Kind: Original}
	}
	return Text{Kind: None, Reason: NoText}
}

// original is the sample's raw text, empty where it has none but blanks.
func (m *Mixer) original(row Row) string {
	text := ""
	if path := m.policy.OriginalContext(); path != nil {
		text = textAt(row.Context, path)
	} else if row.AltText != nil {
		text = *row.AltText
	}
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return text
}

// textAt is the text to which the names lead, empty where there is none.
func textAt(context json.RawMessage, path []string) string {
	for _, name := range path {
		var object map[string]json.RawMessage
		if json.Unmarshal(context, &object) != nil {
			return ""
		}
		context = object[name]
	}
	var text string
	if json.Unmarshal(context, &text) != nil {
		return ""
	}
	return text
}

// caption chooses a recipe among those with a caption that can be shown, then
// one of its captions.
func (m *Mixer) caption(row Row, whichRecipe, whichCaption float64) (Text, bool) {
	var found [][]Text
	var weights [][]float64
	var ofRecipes []float64
	for _, c := range row.Captions {
		r := m.recipes[c.Recipe]
		if r == nil || r.weight == 0 {
			continue
		}
		if texts, w := m.candidates(r, row, c); len(texts) > 0 {
			found, weights, ofRecipes = append(found, texts), append(weights, w), append(ofRecipes, r.weight)
		}
	}
	if len(found) == 0 {
		return Text{}, false
	}
	i := pick(ofRecipes, whichRecipe)
	return found[i][pick(weights[i], whichCaption)], true
}

// candidates gives the captions of a row that can be shown, with their
// weights: of each caption that the recipe asked for, the latest try that is
// accepted, as earlier ones were flagged.
func (m *Mixer) candidates(r *recipe, row Row, c RecipeRow) (texts []Text, weights []float64) {
	var places []int
	of := r.places(c)
	for i, caption := range c.Captions {
		place := of(i)
		weight := m.policy.CaptionWeight(caption.Prompt, place)
		if weight == 0 {
			continue
		}
		v := r.gate.Judge(row.AltText, caption)
		if !v.Accepted || m.excluded(caption, v) || strings.TrimSpace(v.Text) == "" {
			continue
		}
		t := Text{Text: v.Text, Kind: Caption, Recipe: c.Recipe, Caption: i}
		if last := len(places) - 1; last >= 0 && places[last] == place {
			texts[last], weights[last] = t, weight
			continue
		}
		texts, weights, places = append(texts, t), append(weights, weight), append(places, place)
	}
	return texts, weights
}

func (m *Mixer) excluded(c schemas.Caption, v gate.Verdict) bool {
	for _, f := range m.policy.Exclude.Flags {
		if slices.Contains(v.Flags, f) {
			return true
		}
	}
	for name, least := range m.policy.Exclude.MinScores {
		if s, ok := c.Scores[name]; !ok || !(float64(s) >= least) {
			return true
		}
	}
	return false
}

// places tells which of the captions that the recipe asked for the i-th of the
// row is a try at. Its seed says so; where it doesn't, each is taken as one of
// its own.
func (r *recipe) places(c RecipeRow) func(i int) int {
	if r.Retry.Tries == 0 {
		return func(i int) int { return i }
	}
	of := map[int64]int{}
	for n := range r.CaptionsPerImage {
		for try := range r.Retry.Tries + 1 {
			of[r.CaptionSeed(c.Key, n, try)] = n
		}
	}
	return func(i int) int {
		if n, ok := of[c.Captions[i].Seed]; ok {
			return n
		}
		return i
	}
}

// pick gives the place in weights, some of them above 0, at which x, of 0 to 1
// without 1, falls.
func pick(weights []float64, x float64) int {
	var sum float64
	for _, w := range weights {
		sum += w
	}
	x *= sum
	last := 0
	for i, w := range weights {
		if w == 0 {
			continue
		}
		if last = i; x < w {
			return i
		}
		x -= w
	}
	return last // rounding ate the rest
}

// Negative gives one of the text's [Negatives], drawn for the sample and the
// epoch, and tells whether there is any.
func (m *Mixer) Negative(d schemas.DatasetID, key, text string) (Negative, bool) {
	all := Negatives(text)
	if len(all) == 0 {
		return Negative{}, false
	}
	return all[NewRandom("negative", m.seed, m.epoch, d, key).IntN(len(all))], true
}

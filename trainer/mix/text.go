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
// One number decides whether the raw text is shown, the next one seeds those
// for sentences, and the rest choose a recipe and one of its captions, again
// where a choice has nothing that can be shown: so that captions are judged only
// when they are chosen, and the shares are those among what can be shown. A
// sample without a raw text shows a caption where others show theirs, unless
// the policy shows nothing but raw texts.
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
	original, sentences := r.Float64() < m.policy.OriginalFraction, &Random{r.Uint64()}
	raw := m.original(row)
	if original && raw != "" {
		return Text{Text: raw, Kind: Original}
	}
	if m.policy.OriginalFraction == 1 {
		return Text{Kind: None, Reason: NoText}
	}
	t, ok := m.caption(row, r)
	switch {
	case ok:
		t.Text, t.Sentences = takeSentences(m.policy.Sentences, t.Text, sentences)
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

// caption chooses a recipe, then one of its captions.
func (m *Mixer) caption(row Row, r *Random) (Text, bool) {
	var c choice
	for i, made := range row.Captions {
		if of := m.recipes[made.Recipe]; of != nil && len(made.Captions) > 0 {
			c.add(i, of.weight)
		}
	}
	for {
		i, ok := c.draw(r)
		if !ok {
			return Text{}, false
		}
		if t, ok := m.captionOf(row, row.Captions[i], r); ok {
			return t, true
		}
	}
}

// captionOf chooses one of the captions that the recipe asked for: of the
// tries at it the latest that is accepted, as earlier ones were flagged.
func (m *Mixer) captionOf(row Row, made RecipeRow, r *Random) (Text, bool) {
	of := m.recipes[made.Recipe]
	place := of.places(made)
	var c choice
	for i, caption := range made.Captions {
		if last := i+1 == len(made.Captions) || place(i+1) != place(i); last {
			c.add(i, m.policy.CaptionWeight(caption.Prompt, place(i)))
		}
	}
	for {
		last, ok := c.draw(r)
		if !ok {
			return Text{}, false
		}
		for i := last; i >= 0 && place(i) == place(last); i-- {
			v := of.gate.Judge(row.AltText, made.Captions[i])
			if v.Accepted && !m.excluded(made.Captions[i], v) && strings.TrimSpace(v.Text) != "" {
				return Text{Text: v.Text, Kind: Caption, Recipe: made.Recipe, Caption: i}, true
			}
		}
	}
}

// choice is some things of which one is drawn by weight, none of them twice.
type choice struct {
	things  []int
	weights []float64
}

func (c *choice) add(thing int, weight float64) {
	if weight > 0 {
		c.things, c.weights = append(c.things, thing), append(c.weights, weight)
	}
}

// draw takes one out. It reports false when none is left.
func (c *choice) draw(r *Random) (int, bool) {
	if len(c.things) == 0 {
		return 0, false
	}
	i := pick(c.weights, r.Float64())
	thing := c.things[i]
	c.things, c.weights = slices.Delete(c.things, i, i+1), slices.Delete(c.weights, i, i+1)
	return thing, true
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

// pick gives the place in weights, all above 0, at which x, of 0 to 1 without
// 1, falls.
func pick(weights []float64, x float64) int {
	var sum float64
	for _, w := range weights {
		sum += w
	}
	x *= sum
	for i, w := range weights {
		if x < w {
			return i
		}
		x -= w
	}
	return len(weights) - 1 // rounding ate the rest
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

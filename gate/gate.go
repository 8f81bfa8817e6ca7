// Package gate applies a [schemas.Gate] to captions: rules that flag them, and
// what the gate does about each flag.
//
// The result is a pure function of one stored row: the sample's alt-text, the
// recipe's prompts, and the caption. No statistic over a shard or a batch
// enters it, so a worker, a trainer and an export that apply one gate to one
// row always agree, and a new gate needs no model and no new files.
package gate

import (
	"recaption/schemas"
)

// Gate applies one [schemas.Gate]. It is safe for concurrent use.
type Gate struct {
	spec    schemas.Gate
	prompts []string // the words of each prompt
}

// New makes the gate for captions that a recipe's prompts led to. It returns
// the faults that [schemas.Gate.Validate] finds.
func New(spec schemas.Gate, prompts []schemas.Prompt) (*Gate, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	g := &Gate{spec: spec}
	for _, p := range prompts {
		g.prompts = append(g.prompts, plain(p.Text))
	}
	return g, nil
}

// Verdict is what the gate says of one caption.
type Verdict struct {
	Text     string         // the caption as a reader should use it; empty when not accepted
	Accepted bool           // no flag's action is to reject
	Flags    []schemas.Flag // found, in the order of schemas.Flags
}

// Judge applies the gate to one caption of a sample with that alt-text.
func (g *Gate) Judge(altText *string, c schemas.Caption) Verdict {
	v := Verdict{Text: c.Text, Accepted: true}
	for _, f := range schemas.Flags() {
		action := g.spec.Actions[f]
		if action == schemas.ActionIgnore || !g.found(f, altText, c, v.Text) {
			continue
		}
		v.Flags = append(v.Flags, f)
		switch action {
		case schemas.ActionReject:
			v.Accepted = false
		case schemas.ActionStrip:
			v.Text = stripOpener(v.Text)
		case schemas.ActionMask:
			v.Text = maskContacts(v.Text)
		}
	}
	if !v.Accepted {
		v.Text = ""
	}
	return v
}

// Accepted gives the verdict of the latest caption of a row that is accepted:
// later tries are made because earlier ones were flagged. It reports false
// when the row has none.
func (g *Gate) Accepted(altText *string, row schemas.CaptionRow) (Verdict, bool) {
	for i := len(row.Captions) - 1; i >= 0; i-- {
		if v := g.Judge(altText, row.Captions[i]); v.Accepted {
			return v, true
		}
	}
	return Verdict{}, false
}

// found tells whether a rule finds its fault. left is what the actions before
// leave of the text: a caption that is all opener is short without it.
func (g *Gate) found(f schemas.Flag, altText *string, c schemas.Caption, left string) bool {
	switch f {
	case schemas.FlagOpener:
		return opener(c.Text) > 0
	case schemas.FlagRepetition:
		return repeats(c.Text, g.spec.Repeats)
	case schemas.FlagCut:
		return c.Finish == schemas.FinishLength
	case schemas.FlagRefusal:
		return refuses(c.Text)
	case schemas.FlagMarkup:
		return markup(c.Text)
	case schemas.FlagCopy:
		return g.copies(altText, c.Text)
	case schemas.FlagContact:
		return contact(c.Text)
	case schemas.FlagShort:
		return len(words(left)) < g.spec.MinWords
	}
	return false
}

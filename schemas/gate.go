package schemas

import (
	"errors"
	"fmt"
	"slices"
)

// Flag is a fault that a gate's rule finds in a caption.
type Flag string

// The flags.
const (
	FlagOpener     Flag = "opener"     // begins as boilerplate does: "The image shows"
	FlagRepetition Flag = "repetition" // runs in a loop
	FlagCut        Flag = "cut"        // ended by the token limit
	FlagRefusal    Flag = "refusal"    // refuses, or speaks of itself as a model
	FlagMarkup     Flag = "markup"     // markdown, lists, tags, boxes or coordinates
	FlagCopy       Flag = "copy"       // the prompt's or the alt-text's words as they stand
	FlagContact    Flag = "contact"    // an e-mail address or a phone number
	FlagShort      Flag = "short"      // fewer words than the gate asks for
)

// Flags lists them all, in the order of summaries.
func Flags() []Flag {
	return []Flag{FlagOpener, FlagRepetition, FlagCut, FlagRefusal, FlagMarkup, FlagCopy, FlagContact, FlagShort}
}

// Action is what a gate does about a flag.
type Action string

// The actions.
const (
	ActionReject Action = "reject" // the caption is not accepted
	ActionMark   Action = "mark"   // it is accepted, and counted
	ActionStrip  Action = "strip"  // opener alone: accepted without the opener
	ActionMask   Action = "mask"   // contact alone: accepted with the address or number masked
	ActionIgnore Action = "ignore" // the rule is not applied
)

// Gate says what each flag does. It needs no model and changes no file: every
// reader applies the gate that it wants to the rows that rest.
type Gate struct {
	Kind     string          `json:"kind"`
	Version  int             `json:"version"`
	Actions  map[Flag]Action `json:"actions"`   // one for each flag
	MinWords int             `json:"min_words"` // short: fewer than these
	Repeats  int             `json:"repeats"`   // repetition: the same 4 words this often
	CopyFrom int             `json:"copy_from"` // copy: of texts of at least this many words
}

// DefaultGate rejects what can't be a caption, masks addresses, and marks the
// rest.
func DefaultGate() Gate {
	return Gate{
		Kind:    "gate",
		Version: gateVersion,
		Actions: map[Flag]Action{
			FlagOpener:     ActionMark,
			FlagRepetition: ActionReject,
			FlagCut:        ActionReject,
			FlagRefusal:    ActionReject,
			FlagMarkup:     ActionReject,
			FlagCopy:       ActionReject,
			FlagContact:    ActionMask,
			FlagShort:      ActionReject,
		},
		MinWords: 3,
		Repeats:  4,
		CopyFrom: 4,
	}
}

// Encode writes the gate's canonical form, and gives its ID.
func (g Gate) Encode() ([]byte, GateID, error) {
	g.Kind, g.Version = "gate", gateVersion
	if err := g.Validate(); err != nil {
		return nil, "", err
	}
	b, err := Canonical(g)
	if err != nil {
		return nil, "", err
	}
	return b, GateID(Sum(b).String()), nil
}

// DecodeGate reads what [Gate.Encode] wrote and checks that it is id's.
func DecodeGate(b []byte, id GateID) (Gate, error) {
	var g Gate
	if err := decode(b, "gate", gateVersion, &g); err != nil {
		return Gate{}, err
	}
	if got := Sum(b).String(); got != string(id) {
		return Gate{}, fmt.Errorf("%w: gate %s: its digest is %s", ErrMalformed, id, got)
	}
	return g, g.Validate()
}

// Validate names every fault.
func (g Gate) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("gate: "+format, args...)) }
	for _, f := range Flags() {
		a, ok := g.Actions[f]
		if !ok {
			bad("actions.%s: missing; want one of %v", f, actionsOf(f))
		} else if !slices.Contains(actionsOf(f), a) {
			bad("actions.%s %q: want one of %v", f, a, actionsOf(f))
		}
	}
	for f := range g.Actions {
		if !slices.Contains(Flags(), f) {
			bad("actions: unknown flag %q; known: %v", f, Flags())
		}
	}
	if g.MinWords < 1 || g.MinWords > 1000 {
		bad("min_words %d: want 1 to 1000", g.MinWords)
	}
	if g.Repeats < 2 || g.Repeats > 100 {
		bad("repeats %d: want 2 to 100", g.Repeats)
	}
	if g.CopyFrom < 1 || g.CopyFrom > 1000 {
		bad("copy_from %d: want 1 to 1000", g.CopyFrom)
	}
	return errors.Join(errs...)
}

func actionsOf(f Flag) []Action {
	all := []Action{ActionReject, ActionMark, ActionIgnore}
	switch f {
	case FlagOpener:
		return append(all, ActionStrip)
	case FlagContact:
		return append(all, ActionMask)
	}
	return all
}

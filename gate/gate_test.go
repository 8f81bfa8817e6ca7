package gate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
)

func TestRules(t *testing.T) {
	const fine = "A small striped red star is to the left of the large blue circle."
	alt := "vintage red star wall clock 30 cm"
	for _, test := range []struct {
		name, text string
		finish     schemas.Finish
		want       []schemas.Flag
	}{
		{"a caption", fine, schemas.FinishStop, nil},
		{"opener", "The image shows a red star on a wall.", schemas.FinishStop, []schemas.Flag{schemas.FlagOpener}},
		{"opener of PixelProse", "This image displays: a red star on a wall.", schemas.FinishStop, []schemas.Flag{schemas.FlagOpener}},
		{"opener in this image", "In this image there is a dog on grass.", schemas.FinishStop, []schemas.Flag{schemas.FlagOpener}},
		{"a picture as the subject is no opener", "The painting shows a dog on grass.", schemas.FinishStop, nil},
		{"opener words later on", "A sign with the words the image shows a dog.", schemas.FinishStop, nil},
		{"loop of words", strings.Repeat("a red star on a wall ", 5), schemas.FinishStop, []schemas.Flag{schemas.FlagRepetition}},
		{"loop of one word", "A very very very very old clock.", schemas.FinishStop, []schemas.Flag{schemas.FlagRepetition}},
		{"three times is no loop", "red star, red star, red star on a wall", schemas.FinishStop, nil},
		{"cut", fine, schemas.FinishLength, []schemas.Flag{schemas.FlagCut}},
		{"refusal", "I'm sorry, but I can't help with that.", schemas.FinishStop, []schemas.Flag{schemas.FlagRefusal}},
		{"refusal, spelled out", "I am unable to describe this person.", schemas.FinishStop, []schemas.Flag{schemas.FlagRefusal}},
		{"meta-talk", "A dog on grass. Let me know if you need more.", schemas.FinishStop, []schemas.Flag{schemas.FlagRefusal}},
		{"thinking", "<think>The user wants a caption</think> A dog.", schemas.FinishStop, []schemas.Flag{schemas.FlagRefusal, schemas.FlagMarkup}},
		{"a sorry dog is no refusal", "A dog with a sorry look on its face.", schemas.FinishStop, nil},
		{"bold", "A **red** star on the wall.", schemas.FinishStop, []schemas.Flag{schemas.FlagMarkup}},
		{"list", "Objects seen:\n- a star\n- a moon", schemas.FinishStop, []schemas.Flag{schemas.FlagMarkup}},
		{"numbered list", "1. a star\n2. a moon and a sun", schemas.FinishStop, []schemas.Flag{schemas.FlagMarkup}},
		{"box", "A star at [12, 40, 80, 96] on a wall.", schemas.FinishStop, []schemas.Flag{schemas.FlagMarkup}},
		{"coordinates", "A star at (0.25, 0.5) on a wall.", schemas.FinishStop, []schemas.Flag{schemas.FlagMarkup}},
		{"location token", "A star<loc_120><loc_44> on a wall.", schemas.FinishStop, []schemas.Flag{schemas.FlagMarkup}},
		{"a year in brackets is no box", "A clock (1920) on a wall.", schemas.FinishStop, nil},
		{"alt-text copied", "Vintage red star wall clock, 30 cm.", schemas.FinishStop, []schemas.Flag{schemas.FlagCopy}},
		{"alt-text within a caption", "On a white wall hangs a vintage red star wall clock 30 cm wide, beside a window with green curtains.", schemas.FinishStop, nil},
		{"prompt copied", "Describe the image in one sentence.", schemas.FinishStop, []schemas.Flag{schemas.FlagCopy}},
		{"e-mail", "A sign that says mail me at jo.doe@example.org today.", schemas.FinishStop, []schemas.Flag{schemas.FlagContact}},
		{"phone", "A van with the number +44 20 7946 0958 on it.", schemas.FinishStop, []schemas.Flag{schemas.FlagContact}},
		{"phone, North American", "Call (555) 010-4477 now, says the sign.", schemas.FinishStop, []schemas.Flag{schemas.FlagContact}},
		{"a price is no phone", "A sign that says 1,299.99 dollars for 2 chairs.", schemas.FinishStop, nil},
		{"years are no phone", "A plaque for the war of 1914-1918 on a wall.", schemas.FinishStop, nil},
		{"a date is no phone", "A poster dated 24.12.1999 on a wall.", schemas.FinishStop, nil},
		{"short", "A star.", schemas.FinishStop, []schemas.Flag{schemas.FlagShort}},
		{"empty", "", schemas.FinishStop, []schemas.Flag{schemas.FlagShort}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGate(t, schemas.DefaultGate())
			got := g.Judge(&alt, schemas.Caption{Text: test.text, Finish: test.finish})
			if d := cmp.Diff(test.want, got.Flags); d != "" {
				t.Errorf("%q (-want +got):\n%s", test.text, d)
			}
		})
	}
}

func TestActions(t *testing.T) {
	set := func(f schemas.Flag, a schemas.Action) schemas.Gate {
		g := schemas.DefaultGate()
		g.Actions[f] = a
		return g
	}
	const opener, mail = "The image shows a red star.", "Write to a@b.example or +49 30 1234567 now."
	for _, test := range []struct {
		name string
		gate schemas.Gate
		text string
		want Verdict
	}{
		{"mark", set(schemas.FlagOpener, schemas.ActionMark), opener, Verdict{opener, true, []schemas.Flag{schemas.FlagOpener}}},
		{"reject", set(schemas.FlagOpener, schemas.ActionReject), opener, Verdict{"", false, []schemas.Flag{schemas.FlagOpener}}},
		{"ignore", set(schemas.FlagOpener, schemas.ActionIgnore), opener, Verdict{opener, true, nil}},
		{"strip", set(schemas.FlagOpener, schemas.ActionStrip), opener, Verdict{"A red star.", true, []schemas.Flag{schemas.FlagOpener}}},
		{"strip all of it", set(schemas.FlagOpener, schemas.ActionStrip), "The image shows.", Verdict{"", false, []schemas.Flag{schemas.FlagOpener, schemas.FlagShort}}},
		{"mask", set(schemas.FlagContact, schemas.ActionMask), mail, Verdict{"Write to [email] or [phone] now.", true, []schemas.Flag{schemas.FlagContact}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := newGate(t, test.gate).Judge(nil, schemas.Caption{Text: test.text, Finish: schemas.FinishStop})
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestAcceptedTakesTheLatest(t *testing.T) {
	g := newGate(t, schemas.DefaultGate())
	row := schemas.CaptionRow{Captions: []schemas.Caption{
		{Text: "A red star on a wall.", Finish: schemas.FinishStop},
		{Text: "A red star on a white wall.", Finish: schemas.FinishStop},
		{Text: "A red star on a white", Finish: schemas.FinishLength},
	}}
	v, ok := g.Accepted(nil, row)
	if !ok || v.Text != "A red star on a white wall." {
		t.Errorf("got %q, %v; want the second caption", v.Text, ok)
	}
	if _, ok := g.Accepted(nil, schemas.CaptionRow{}); ok {
		t.Error("accepted a row without captions")
	}
}

func TestStats(t *testing.T) {
	var s Stats
	if s.Repeated() != nil {
		t.Error("statistics of no rows")
	}
	for _, c := range []string{"A red star here.", "A red star here.", "A red star there.", "One moon."} {
		s.Add(c)
	}
	want := &schemas.Repeated{Caption: "A red star here.", Rows: 2, Opener: "a red star", Share: .75}
	if d := cmp.Diff(want, s.Repeated()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// FuzzJudge checks that no text breaks a rule, that the verdict is the same
// twice, and that masking leaves nothing to mask.
func FuzzJudge(f *testing.F) {
	f.Add("The image shows a@b.example +49 30 1234567 [1, 2]", "a star")
	f.Add("\xff\xfe\x00", "\x80")
	f.Fuzz(func(t *testing.T, text, alt string) {
		g := newGate(t, schemas.DefaultGate())
		c := schemas.Caption{Text: text, Finish: schemas.FinishStop}
		v := g.Judge(&alt, c)
		if d := cmp.Diff(v, g.Judge(&alt, c)); d != "" {
			t.Errorf("two verdicts (-first +second):\n%s", d)
		}
		if v.Accepted && contact(v.Text) {
			t.Errorf("%q: masked to %q, which still holds a contact", text, v.Text)
		}
	})
}

func newGate(t *testing.T, spec schemas.Gate) *Gate {
	t.Helper()
	g, err := New(spec, []schemas.Prompt{{Name: "plain", Text: "Describe the image in one sentence."}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestTally(t *testing.T) {
	g := newGate(t, schemas.DefaultGate())
	alt := "a red star on a wall"
	rows := []schemas.CaptionRow{
		{Status: schemas.RowCaptioned, Captions: []schemas.Caption{
			{Text: "A red star on", Finish: schemas.FinishLength, Tokens: 4},
			{Text: "A large red star hangs on a wall.", Finish: schemas.FinishStop, Tokens: 9},
		}},
		{Status: schemas.RowCaptioned, Captions: []schemas.Caption{{Text: "A red star on a wall.", Finish: schemas.FinishStop, Tokens: 7}}},
		{Status: schemas.RowUnusable, Reason: schemas.ReasonNoImage},
	}
	var forth, back schemas.Receipt
	tally := g.Tally()
	for _, r := range rows {
		tally.Add(&alt, r)
	}
	tally.Into(&forth)
	want := schemas.Receipt{
		Statuses: map[schemas.RowStatus]int{schemas.RowCaptioned: 2, schemas.RowUnusable: 1},
		Reasons:  map[schemas.Reason]int{schemas.ReasonNoImage: 1},
		Flags:    map[schemas.Flag]int{schemas.FlagCut: 1, schemas.FlagCopy: 1},
		Captions: 3, Accepted: 1, Tokens: 20,
		Repeated: &schemas.Repeated{Caption: "A large red star hangs on a wall.", Rows: 1, Opener: "a large red", Share: 1},
	}
	if d := cmp.Diff(want, forth); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	tally = g.Tally()
	for i := range rows {
		tally.Add(&alt, rows[len(rows)-1-i])
	}
	tally.Into(&back)
	if d := cmp.Diff(forth, back); d != "" {
		t.Errorf("the order of rows counts (-forth +back):\n%s", d)
	}
}

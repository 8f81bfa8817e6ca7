package mix

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNegatives(t *testing.T) {
	swap, flip := AttributeSwap, RelationFlip
	for text, want := range map[string][]Negative{
		"a red cube left of a blue ball": {
			{"a blue cube left of a red ball", swap}, {"a red cube right of a blue ball", flip},
		},
		"A red cube and an orange ball.": {{"An orange cube and a red ball.", swap}},
		"Red cube, orange ball":          {{"Orange cube, red ball", swap}},
		"a small wooden chair beside a large metal table": {
			{"a large wooden chair beside a small metal table", swap}, {"a small metal chair beside a large wooden table", swap},
		},
		"a red square above a green circle": {
			{"a green square above a red circle", swap}, {"a red square below a green circle", flip},
		},
		"a round red table and a square blue box": {
			{"a round blue table and a square red box", swap}, {"a square red table and a round blue box", swap},
		},
		"The dog is in front of the house.": {{"The dog is behind the house.", flip}},
		"Behind the house is a dog":         {{"In front of the house is a dog", flip}},
		"a cup on a table":                  {{"a cup under a table", flip}},
		"a cat under the bed":               {{"a cat on the bed", flip}},
		"a lamp on top of a shelf":          {{"a lamp underneath a shelf", flip}},
		"a tree on the left and a house":    {{"a tree on the right and a house", flip}},
		"a star to the left of a ring":      {{"a star to the right of a ring", flip}},
		"a bird above a tree, above a lake": {{"a bird below a tree, above a lake", flip}, {"a bird above a tree, below a lake", flip}},
		"a red cube and a blue cube":        nil, // it would be as true
		"a red cube and a red ball":         nil,
		"a red cube and a small ball":       nil,
		"a man on the phone":                nil,
		"She left the room.":                nil,
		"a book based on a true story":      nil,
		"painted red and blue":              nil,
		"It is red, and the ball is blue.":  nil,
		"":                                  nil,
		"...":                               nil,
		"Übergroße rote Würfel – 红色 立方体 🎈 red": nil,
	} {
		if d := cmp.Diff(want, Negatives(text)); d != "" {
			t.Errorf("%q (-want +got):\n%s", text, d)
		}
	}
}

func FuzzNegatives(f *testing.F) {
	f.Add("a red cube left of an orange ball")
	f.Add("  on a\xff blue  round")
	f.Fuzz(func(t *testing.T, text string) {
		for _, n := range Negatives(text) {
			if n.Text == text {
				t.Errorf("%q: a negative that is the text", text)
			}
		}
		if got := join(tokenize(text)); got != text {
			t.Errorf("tokens of %q give %q", text, got)
		}
	})
}

func TestSentences(t *testing.T) {
	for text, want := range map[string][]string{
		"One. Two! Three?":                            {"One.", "Two!", "Three?"},
		"A 1.5 m pole by Dr. Smith. It stands.":       {"A 1.5 m pole by Dr. Smith.", "It stands."},
		"J. R. R. Tolkien wrote. \"He did.\" Then…":   {"J. R. R. Tolkien wrote.", "\"He did.\"", "Then…"},
		"a cat, e.g. this one. no capital follows":    {"a cat, e.g. this one. no capital follows"},
		"一只猫。一只狗。":                                    {"一只猫。", "一只狗。"},
		"first line\nsecond line":                     {"first line", "second line"},
		"  spaced.   Out.  ":                          {"spaced.", "Out."},
		"":                                            nil,
		"...":                                         {"..."},
		"Wait... What?! Yes.":                         {"Wait...", "What?!", "Yes."},
		"It was I. Then they came.":                   {"It was I.", "Then they came."},
		"No stop at all":                              {"No stop at all"},
		"The sign reads \"STOP.\" A car waits there.": {"The sign reads \"STOP.\"", "A car waits there."},
	} {
		if d := cmp.Diff(want, Sentences(text)); d != "" {
			t.Errorf("%q (-want +got):\n%s", text, d)
		}
	}
}

package probe

// Result is what a suite found out about towers.
type Result struct {
	Suite   string         `json:"suite"`
	Model   string         `json:"model,omitempty"` // set by who ran it
	Images  int            `json:"images"`
	Texts   int            `json:"texts"`     // different ones
	Cut     int            `json:"texts_cut"` // those that are longer than the towers read; -1: unknown
	Dropped map[string]int `json:"dropped,omitempty"`
	Missing []string       `json:"missing,omitempty"`
	Notes   []string       `json:"notes,omitempty"`
	// Blind says what the blind guesser was fitted on.
	Blind   string   `json:"blind"`
	Figures []Figure `json:"figures"`
}

// Figure returns the figure of a probe and metric, nil if there is none.
func (r *Result) Figure(probe, metric string) *Figure {
	for i := range r.Figures {
		if r.Figures[i].Probe == probe && r.Figures[i].Metric == metric {
			return &r.Figures[i]
		}
	}
	return nil
}

// The metrics. Retrieval's are ImageToText and TextToImage with "@1", "@5" or
// "@10" after them.
const (
	Accuracy    = "accuracy"
	TextScore   = "text"
	ImageScore  = "image"
	GroupScore  = "group"
	ImageToText = "image to text R"
	TextToImage = "text to image R"
)

// Figure is one share, with what it is to be compared with.
type Figure struct {
	Probe  string `json:"probe"`
	Metric string `json:"metric"`
	Share
	// Chance is what an answer at random is worth.
	Chance float64 `json:"chance"`
	// Blind is what the guesser gets that never sees the picture.
	Blind Share  `json:"blind"`
	Macro *Macro `json:"macro,omitempty"`
	// Won and Lost are some of the items, spread evenly over all of them.
	Won  []Item `json:"won,omitempty"`
	Lost []Item `json:"lost,omitempty"`
	// Answers says of each item, in the suite's order, whether it was right. For
	// retrieval an item is a query.
	Answers []bool `json:"-"`
}

// Item is one item for a gallery.
type Item struct {
	Image  string `json:"image"`
	Index  int    `json:"image_index"` // in Suite.Images
	Second string `json:"second_image,omitempty"`
	Group  string `json:"group,omitempty"`
	True   string `json:"true"` // the text, or class, that is true
	// Against is what scored best among the others: a text, a class, or the name of
	// a picture.
	Against      string  `json:"against"`
	Score        float64 `json:"score"`
	AgainstScore float64 `json:"against_score"`
	Tie          bool    `json:"tie,omitempty"`
}

// answer is the verdict on one item.
type answer struct {
	score, other float64 // of the truth, and the best of the others
	against      string
	right, tie   bool
}

// strictly judges by the scores of the truth and of the best other.
func strictly(truth, other float64, against string) answer {
	return answer{score: truth, other: other, against: against, right: truth > other, tie: truth == other}
}

func shareOf(answers []answer) Share {
	right, ties := 0, 0
	for _, a := range answers {
		if a.right {
			right++
		} else if a.tie {
			ties++
		}
	}
	return NewShare(right, ties, len(answers))
}

// newFigure sums up answers; item describes the i-th but for its scores.
func newFigure(probe, metric string, chance float64, answers, blind []answer, gallery int, item func(i int) Item) Figure {
	f := Figure{Probe: probe, Metric: metric, Share: shareOf(answers), Chance: chance, Blind: shareOf(blind)}
	f.Answers = make([]bool, len(answers))
	var won, lost []int
	for i, a := range answers {
		f.Answers[i] = a.right
		if a.right {
			won = append(won, i)
		} else {
			lost = append(lost, i)
		}
	}
	show := func(which []int) (out []Item) {
		for _, i := range spread(which, gallery) {
			it, a := item(i), answers[i]
			it.Against, it.Score, it.AgainstScore, it.Tie = a.against, a.score, a.other, a.tie
			out = append(out, it)
		}
		return out
	}
	f.Won, f.Lost = show(won), show(lost)
	return f
}

// spread takes n of all, evenly.
func spread(all []int, n int) []int {
	if len(all) <= n {
		return all
	}
	out := make([]int, n)
	for i := range out {
		out[i] = all[i*len(all)/n]
	}
	return out
}

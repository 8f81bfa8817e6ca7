package probe

import "math"

// scorer says how well a text fits a picture.
type scorer func(image int, text string) float64

func (a *asked) choices(p ChoiceProbe) Figure {
	answers, blind := make([]answer, len(p.Items)), make([]answer, len(p.Items))
	chance := 0.0
	for i, c := range p.Items {
		answers[i], blind[i] = choose(c, a.score), choose(c, a.blind.score)
		chance += 1 / float64(1+len(c.False)) / float64(len(p.Items))
	}
	f := newFigure(p.Name, Accuracy, chance, answers, blind, a.gallery, func(i int) Item {
		c := p.Items[i]
		return a.item(c.Image, c.True, c.Group)
	})
	if p.MacroOver != nil {
		f.Macro = macro(p, answers)
	}
	return f
}

func choose(c Choice, score scorer) answer {
	best, against := math.Inf(-1), ""
	for _, t := range c.False {
		if s := score(c.Image, t); s > best || against == "" {
			best, against = s, t
		}
	}
	return strictly(score(c.Image, c.True), best, against)
}

func macro(p ChoiceProbe, answers []answer) *Macro {
	of := map[string][]answer{}
	var names []string // in order, so that sums are the same each time
	for i, c := range p.Items {
		if of[c.Group] == nil {
			names = append(names, c.Group)
		}
		of[c.Group] = append(of[c.Group], answers[i])
	}
	var groups []Share
	left := 0
	for _, n := range names {
		if p.MacroOver(n, len(of[n])) {
			groups = append(groups, shareOf(of[n]))
		} else {
			left++
		}
	}
	return newMacro(groups, left)
}

// pairs gives Winoground's three scores (Thrush et al., CVPR 2022): the text
// score, where each picture has the higher score with its own text; the image
// score, where each text has it with its own picture; and both together.
func (a *asked) pairs(p PairProbe) []Figure {
	kinds := []struct {
		metric string
		chance float64
		judge  func(Pair, scorer) answer
	}{
		{TextScore, 1. / 4, pairText},
		{ImageScore, 1. / 4, pairImage},
		{GroupScore, 1. / 6, func(c Pair, s scorer) answer { return worse(pairText(c, s), pairImage(c, s)) }},
	}
	var out []Figure
	for _, k := range kinds {
		answers, blind := make([]answer, len(p.Items)), make([]answer, len(p.Items))
		for i, c := range p.Items {
			answers[i] = k.judge(c, a.score)
			blind[i] = k.judge(c, func(_ int, text string) float64 { return a.blind.score(c.Images[0], text) })
		}
		out = append(out, newFigure(p.Name, k.metric, k.chance, answers, blind, a.gallery, func(i int) Item {
			c := p.Items[i]
			it := a.item(c.Images[0], c.Texts[0], c.Group)
			it.Second = a.suite.Images[c.Images[1]].Name
			return it
		}))
	}
	return out
}

func pairText(c Pair, s scorer) answer {
	first := strictly(s(c.Images[0], c.Texts[0]), s(c.Images[0], c.Texts[1]), c.Texts[1])
	second := strictly(s(c.Images[1], c.Texts[1]), s(c.Images[1], c.Texts[0]), c.Texts[1])
	return worse(first, second)
}

func pairImage(c Pair, s scorer) answer {
	first := strictly(s(c.Images[0], c.Texts[0]), s(c.Images[1], c.Texts[0]), c.Texts[1])
	second := strictly(s(c.Images[1], c.Texts[1]), s(c.Images[0], c.Texts[1]), c.Texts[1])
	return worse(first, second)
}

// worse is right where both are, and a tie where a tie decided.
func worse(a, b answer) answer {
	if a.score-a.other <= b.score-b.other {
		return a
	}
	return b
}

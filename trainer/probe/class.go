package probe

import (
	"fmt"
	"math"
)

func (a *asked) classes(p ClassProbe) (Figure, error) {
	rows := make([][]float32, len(p.Classes))
	for i, c := range p.Classes {
		row := make([]float32, len(a.imageRows[0]))
		for _, prompt := range c.Prompts {
			for j, v := range a.rowOfText(a.textOf[prompt]) {
				row[j] += v
			}
		}
		normalize(row)
		rows[i] = row
	}
	if _, err := checkRows(rows, len(rows), 0, func(i int) string { return "class " + p.Classes[i].Name }); err != nil {
		return Figure{}, fmt.Errorf("%s: %w", p.Name, err)
	}
	answers, blind := make([]answer, len(p.Items)), make([]answer, len(p.Items))
	for i, c := range p.Items {
		answers[i] = p.classify(c, func(class int) float64 { return float64(dot(a.imageRows[c.Image], rows[class])) })
		blind[i] = p.classify(c, func(class int) float64 {
			sum := 0.0
			for _, prompt := range p.Classes[class].Prompts {
				sum += a.blind.score(c.Image, prompt)
			}
			return sum / float64(len(p.Classes[class].Prompts))
		})
	}
	return newFigure(p.Name, Accuracy, 1/float64(len(p.Classes)), answers, blind, a.gallery, func(i int) Item {
		return a.item(p.Items[i].Image, p.Classes[p.Items[i].Class].Name, "")
	}), nil
}

func (p ClassProbe) classify(c Classed, score func(class int) float64) answer {
	best, against := math.Inf(-1), ""
	for i := range p.Classes {
		if i == c.Class {
			continue
		}
		if s := score(i); s > best {
			best, against = s, p.Classes[i].Name
		}
	}
	return strictly(score(c.Class), best, against)
}

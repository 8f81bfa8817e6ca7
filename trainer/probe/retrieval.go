package probe

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// depths are the k of recall at k: the share of queries with a true match among
// the k best.
var depths = []int{1, 5, 10}

// matches is one direction of retrieval: queries, what they search, and which
// of it is true.
type matches struct {
	queries, targets [][]float32
	truth            [][]int // by query, indices of targets
}

// found is how a query came out.
type found struct {
	ahead        int // how many false targets score at least what the best true one does
	ties         int // how many of these exactly that
	truth, other float64
	against      int // the best false target; -1: there is none
}

func (a *asked) retrieval(ctx context.Context, p RetrievalProbe) ([]Figure, error) {
	var pictures, texts []int // as indices of the suite's
	at := map[int]int{}       // of a text among texts
	picture := map[int]int{}
	var toText, toImage [][]int
	for _, d := range p.Items {
		i, ok := picture[d.Image]
		if !ok {
			i = len(pictures)
			picture[d.Image] = i
			pictures, toText = append(pictures, d.Image), append(toText, nil)
		}
		for _, t := range d.Texts {
			id := a.textOf[t]
			j, ok := at[id]
			if !ok {
				j = len(texts)
				at[id] = j
				texts, toImage = append(texts, id), append(toImage, nil)
			}
			toText[i], toImage[j] = append(toText[i], j), append(toImage[j], i)
		}
	}
	imageRows, textRows := make([][]float32, len(pictures)), make([][]float32, len(texts))
	for i, k := range pictures {
		imageRows[i] = a.imageRows[k]
	}
	for j, k := range texts {
		textRows[j] = a.rowOfText(k)
	}

	i2t, err := matches{imageRows, textRows, toText}.search(ctx)
	if err != nil {
		return nil, err
	}
	t2i, err := matches{textRows, imageRows, toImage}.search(ctx)
	if err != nil {
		return nil, err
	}
	blindI2T := a.guessTexts(pictures, texts, toText)
	blindT2I := make([]found, len(texts)) // to who sees no picture they are all alike
	for j := range blindT2I {
		ahead := len(pictures) - len(toImage[j])
		blindT2I[j] = found{ahead: ahead, ties: ahead}
	}
	var out []Figure
	for _, k := range depths {
		out = append(out, newFigure(p.Name, fmt.Sprintf("%s@%d", ImageToText, k), chanceAt(k, len(texts), toText),
			atDepth(i2t, k, func(j int) string { return a.texts[texts[j]] }), atDepth(blindI2T, k, nil), a.gallery, func(i int) Item {
				return a.item(pictures[i], a.texts[texts[toText[i][0]]], "")
			}))
	}
	for _, k := range depths {
		out = append(out, newFigure(p.Name, fmt.Sprintf("%s@%d", TextToImage, k), chanceAt(k, len(pictures), toImage),
			atDepth(t2i, k, func(i int) string { return a.suite.Images[pictures[i]].Name }), atDepth(blindT2I, k, nil), a.gallery, func(j int) Item {
				return a.item(pictures[toImage[j][0]], a.texts[texts[j]], "")
			}))
	}
	return out, nil
}

// atDepth says which queries have a true match among the k best.
func atDepth(all []found, k int, name func(int) string) []answer {
	out := make([]answer, len(all))
	for i, f := range all {
		out[i] = answer{score: f.truth, other: f.other, right: f.ahead < k, tie: f.ahead >= k && f.ahead-f.ties < k}
		if name != nil && f.against >= 0 {
			out[i].against = name(f.against)
		}
	}
	return out
}

// chanceAt is the expected recall at k of an order at random.
func chanceAt(k, targets int, truth [][]int) float64 {
	sum := 0.0
	for _, t := range truth {
		none := 1.0 // the probability that the first k hold no true one
		for i := range min(k, targets) {
			none *= max(0, float64(targets-len(t)-i)) / float64(targets-i)
		}
		sum += 1 - none
	}
	return sum / float64(len(truth))
}

// search scores all queries against all targets, on all cores. It keeps one row
// of scores per core.
func (m matches) search(ctx context.Context) ([]found, error) {
	out := make([]found, len(m.queries))
	workers := runtime.GOMAXPROCS(0)
	g, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		g.Go(func() error {
			scores := make([]float32, len(m.targets))
			for q := w; q < len(m.queries); q += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				for t, row := range m.targets {
					scores[t] = dot(m.queries[q], row)
				}
				out[q] = rank(scores, m.truth[q])
			}
			return nil
		})
	}
	return out, g.Wait()
}

// rank places the best true target among the false ones. It changes scores.
func rank(scores []float32, truth []int) found {
	best := float32(math.Inf(-1))
	for _, t := range truth {
		best = max(best, scores[t])
	}
	for _, t := range truth {
		scores[t] = float32(math.NaN()) // no comparison is true of it
	}
	f := found{truth: float64(best), other: math.Inf(-1), against: -1}
	for t, s := range scores {
		if s >= best {
			f.ahead++
			if s == best {
				f.ties++
			}
		}
		if float64(s) > f.other {
			f.other, f.against = float64(s), t
		}
	}
	if f.against < 0 {
		f.other = f.truth
	}
	return f
}

// guessTexts is what the blind guesser makes of it: the likeliest texts, the
// same for every picture of a fold.
func (a *asked) guessTexts(pictures, texts []int, truth [][]int) []found {
	cached := map[*Bigram][]float32{}
	out := make([]found, len(pictures))
	for i, image := range pictures {
		model := a.blind.model(image)
		scores, ok := cached[model]
		if !ok {
			scores = make([]float32, len(texts))
			for j, t := range texts {
				scores[j] = float32(model.Score(a.texts[t]))
			}
			cached[model] = scores
		}
		out[i] = rank(append([]float32(nil), scores...), truth[i])
	}
	return out
}

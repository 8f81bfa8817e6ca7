package report

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"recaption/gate"
	"recaption/internal/scenes"
	"recaption/schemas"
)

// shape is a report of the size and kind that a loop makes, with the pictures
// and texts of drawn scenes and made-up figures. Its numbers are invented and
// prove nothing but the page.
func shape(t testing.TB) Report {
	t.Helper()
	set := scenes.Set{Seed: 7, Split: scenes.Test, World: scenes.Families}
	g, err := gate.New(schemas.DefaultGate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	arms := []Arm{
		{Name: "alt-text", About: "alt-text as it came", Policy: "original_fraction: 1\nfallback: skip\nseed: 1\n"},
		{Name: "enhanced", About: "captions of the bundled captioner, one in ten alt-text", Recipe: "bundled captioner, greedy, grounded in alt-text and title",
			Policy: "original_fraction: 0.1\nruns:\n  - {run: families-5d0a3c, weight: 1}\nsentences: {kind: span, min: 1}\ngate: default\nfallback: alt_text\nseed: 1\n"},
		{Name: "true captions", About: "what is in the picture, known from the drawing", Policy: "original_fraction: 0\nruns:\n  - {run: truth, weight: 1}\n"},
	}
	alt, enhanced, truth := NewTextStats(), NewTextStats(), NewTextStats()
	kinds := map[scenes.AltKind]int{}
	const n = 2000
	for i := range n {
		s := set.At(i)
		kinds[s.Alt.Kind]++
		var text *string
		if s.Alt.Text == "" {
			alt.Miss()
		} else {
			text = &s.Alt.Text
			alt.Add(s.Alt.Text)
		}
		caption := s.Caption(0)
		v := g.Judge(text, schemas.Caption{Text: caption, Finish: schemas.FinishStop})
		enhanced.Judge(v)
		if i%10 == 0 && text != nil {
			enhanced.Add(*text)
		} else {
			enhanced.Add(caption)
		}
		truth.Add(s.Truth().Caption)
	}
	for i, c := range []*TextStats{alt, enhanced, truth} {
		texts := c.Texts()
		arms[i].Texts = &texts
		arms[i].Training = &Training{
			Model: "tiny", Parameters: 1_223_681, Loss: "CLIP", Optimizer: "Muon 0.02, AdamW 0.001", Steps: 700, Batch: 128, Epochs: 22.4,
			Samples: 4000, Pixels: 48, Context: 48, Seconds: Number(212.4 + 9*float64(i)), ImagesPerSecond: Number(421.8 - 12*float64(i)), PeakMemory: 612 << 20,
			Settings: []Setting{{"warm-up, steps", "50"}, {"weight decay", "0.05"}, {"precision", "fp32"}},
		}
		arms[i].Curve = curve(uint64(i), 700, []float64{.004, .009, .012}[i])
	}
	type result struct {
		suite, name, what string
		items             int
		chance, blind     float64
		won               [3]int
	}
	results := []result{
		{"held-out families", "attribute swap", "the two colours trade their objects", 500, .5, .502, [3]int{283, 494, 500}},
		{"held-out families", "relation flip", "left becomes right, above becomes below", 500, .5, .498, [3]int{256, 487, 496}},
		{"held-out families", "role swap", "the two objects trade their places in the sentence", 500, .5, .514, [3]int{309, 490, 499}},
		{"held-out families", "word order", "the words are shuffled", 500, .5, .618, [3]int{341, 496, 497}},
		{"retrieval among 500", "image to text R@1", "the own text is first of 500", 500, .002, .002, [3]int{21, 461, 468}},
		{"retrieval among 500", "image to text R@5", "the own text is among the first five", 500, .01, .01, [3]int{83, 495, 496}},
		{"retrieval among 500", "text to image R@1", "the own image is first of 500", 500, .002, .002, [3]int{24, 455, 463}},
		{"retrieval among 500", "text to image R@5", "the own image is among the first five", 500, .01, .01, [3]int{90, 493, 495}},
		{"retrieval among 500", "zero-shot shape", "which of 56 pairs of shapes", 500, .018, .02, [3]int{402, 471, 473}},
	}
	r := Report{
		Title:   "What captions are worth: drawn families of scenes",
		Summary: "Three models of one kind, trained alike on the same 4,000 pictures. They differ in the texts that they were shown.",
		When:    time.Date(2026, 11, 24, 18, 30, 0, 0, time.UTC),
		Program: Program{Version: "v0.3.0-12-g4848f81", Runtime: "ONNX Runtime 1.30.0", Go: "go1.26.8"},
		Machine: Machine{CPU: "Example CPU at 2.0 GHz", Cores: 2, Memory: 24 << 30, System: "linux/amd64"},
	}
	for _, re := range results {
		for i := range arms {
			ties := 0
			if i == 0 {
				ties = 3
			}
			p := Probe{Suite: re.suite, Name: re.name, What: re.what, Items: re.items, Won: re.won[i], Ties: min(ties, re.items-re.won[i]), Chance: Number(re.chance), Blind: new(Number(re.blind))}
			p.Share = Number(float64(p.Won) / float64(p.Items))
			p.Low, p.High = wilson(p.Won, p.Items)
			arms[i].Probes = append(arms[i].Probes, p)
		}
		for _, pair := range [][2]int{{1, 0}, {2, 1}} {
			a, o := arms[pair[0]], arms[pair[1]]
			pa, po := a.Probes[len(a.Probes)-1], o.Probes[len(o.Probes)-1]
			by := float64(pa.Share - po.Share)
			r.Differences = append(r.Differences, Difference{
				Suite: re.suite, Probe: re.name, Arm: a.Name, Over: o.Name, By: Number(by),
				Low:  Number(by - math.Hypot(float64(pa.Share-pa.Low), float64(po.High-po.Share))),
				High: Number(by + math.Hypot(float64(pa.High-pa.Share), float64(po.Share-po.Low))),
			})
		}
	}
	r.Arms = arms
	r.Goals = []Goal{
		{"attribute swap, enhanced", "at least 90 %", "98.8 %", true},
		{"relation flip, enhanced less alt-text", "the interval above 20 points", "41.9 to 50.5", true},
		{"retrieval R@1, enhanced", "at least 2 x alt-text", "22.0 x", true},
		{"the whole loop", "at most 25 minutes", "26 min 12 s", false},
	}
	r.Notes = []Note{{"Drawn scenes", "The pictures are drawn by a program, and so are the true captions: they share one world and one way of speaking. A model that learns which colour is on which shape here has learnt it " +
		"for eight shapes and eight colours, not for photographs. What the figures do show is the mechanism: with the same pictures, the same model and the same number of steps, texts that tell two pictures with the same words apart teach what alt-text " +
		"can't.\n\nOne seed each; another seed moves a figure by as much as its interval says, and perhaps by more."}}
	sources := map[scenes.AltKind][2]string{
		scenes.AltNone: {"none", "WebAIM Million 2026 (webaim.org/projects/million)"}, scenes.AltFileName: {"file name", "the same: half of those that are questionable"},
		scenes.AltPhrase: {"phrase that fits any picture", "the other half"}, scenes.AltForeign: {"Spanish or German", "a choice; LAION-5B (arXiv 2210.08402) has more"},
		scenes.AltUnrelated: {"meant for another picture", "a choice"},
	}
	rates := map[scenes.AltKind]float64{scenes.AltNone: scenes.RateMissing, scenes.AltFileName: scenes.RateFileName, scenes.AltPhrase: scenes.RatePhrase, scenes.AltForeign: scenes.RateForeign, scenes.AltUnrelated: scenes.RateUnrelated}
	for _, k := range []scenes.AltKind{scenes.AltNone, scenes.AltFileName, scenes.AltPhrase, scenes.AltForeign, scenes.AltUnrelated} {
		r.Noise = append(r.Noise, Noise{Kind: sources[k][0], Rate: Number(rates[k]), Measured: Number(float64(kinds[k]) / n), Source: sources[k][1]})
	}
	r.Noise = append(r.Noise, Noise{Kind: "a wrong colour", Of: "of stated colours", Rate: scenes.RateWrongColour, Measured: Number(math.NaN()), Source: "a choice"})
	for i := range 10 {
		s := set.At(i * 37)
		one := Sample{Key: s.Key(), Image: s.PNG(), True: s.Truth().Caption, Caption: s.Caption(0)}
		if s.Alt.Text != "" {
			one.AltText = &s.Alt.Text
		}
		switch i {
		case 3:
			one.Caption = strings.Replace(one.Caption, "left", "right", 1)
			one.Flags = []schemas.Flag{schemas.FlagOpener}
		case 5:
			one.Caption, one.Rejected, one.Flags = "", "A large red star on a", []schemas.Flag{schemas.FlagCut, schemas.FlagShort}
		case 7:
			one.Image, one.NoImage = nil, "decompression_bomb"
		}
		r.Samples = append(r.Samples, one)
	}
	for i := range 6 {
		a, b := set.At(4*i), set.At(4*i+1)
		rng := rand.New(rand.NewPCG(9, uint64(i)))
		it := Item{Suite: "held-out families", Probe: "attribute swap", Key: a.Key(), Image: a.PNG(), True: a.Truth().Caption, Wrong: b.Truth().Caption}
		for n, arm := range arms {
			base := .2 + .3*rng.Float64()
			gap := []float64{.02, .2, .25}[n]*rng.Float64() - []float64{.01, .02, 0}[n]
			it.Arms = append(it.Arms, ItemArm{arm.Name, Number(base + gap), Number(base)})
		}
		if i == 5 {
			it.Arms[0].Wrong = it.Arms[0].True
		}
		r.Items = append(r.Items, it)
	}
	r.Repeat = Repeat{
		Commands: []Command{{"Everything", "make loop"}, {"The training of the enhanced arm", "recaption train --store loop/store --name enhanced --policy loop/enhanced.yaml --model tiny --steps 700 --batch 128 --seed 1"}},
		Seeds:    []Seed{{"training", 1}, {"scenes, training", 11}, {"scenes, held out", 1<<63 + 5}},
	}
	for _, what := range [][2]string{{"data set", "families"}, {"recipe", "bundled"}, {"gate", "default"}, {"policy", "enhanced"}, {"epoch list", "enhanced/0"}} {
		r.Repeat.Pins = append(r.Repeat.Pins, Pin{what[0], what[1], schemas.Sum([]byte(what[0] + what[1])).String()})
	}
	return r
}

// curve falls from a batch's chance with noise.
func curve(seed uint64, steps int, speed float64) (all []Point) {
	rng := rand.New(rand.NewPCG(3, seed))
	for s := 1; s <= steps; s++ {
		x := float64(s)
		warm := math.Min(1, x/50)
		all = append(all, Point{
			Step: s, Loss: Number(.05 + 4.8*math.Exp(-speed*x)*(1+.09*rng.NormFloat64())), Rate: Number(.02 * warm * .5 * (1 + math.Cos(math.Pi*x/float64(steps)))),
			Scale: Number(14.3 + 40*(1-math.Exp(-x/300))), ImagesPerSecond: Number(420 + 9*rng.NormFloat64()),
		})
	}
	return all
}

// wilson is the interval that those who fill in a report compute themselves.
func wilson(won, n int) (low, high Number) {
	const z = 1.959963984540054
	p, m := float64(won)/float64(n), float64(n)
	mid, half := (p+z*z/(2*m))/(1+z*z/m), z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m))/(1+z*z/m)
	return Number(math.Max(0, math.Min(mid-half, p))), Number(math.Min(1, math.Max(mid+half, p)))
}

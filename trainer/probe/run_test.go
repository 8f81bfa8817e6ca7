package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// table is a pair of towers whose rows are given: of a picture by its bytes, of
// a text by itself. What is not there has the row (0, 0, 0, 1).
type table map[string][]float32

func (t table) EmbedImages(_ context.Context, images [][]byte) ([][]float32, error) {
	texts := make([]string, len(images))
	for i, b := range images {
		texts[i] = string(b)
	}
	return t.EmbedTexts(context.Background(), texts)
}

func (t table) EmbedTexts(_ context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	for i, s := range texts {
		row, ok := t[s]
		if !ok {
			row = []float32{0, 0, 0, 1}
		}
		out[i] = slices.Clone(row)
	}
	return out, nil
}

// picturesOf makes pictures whose bytes are their names.
func picturesOf(names ...string) []Image {
	out := make([]Image, len(names))
	for i, n := range names {
		out[i] = Image{Name: n, Read: func() ([]byte, error) { return []byte(n), nil }}
	}
	return out
}

func unit(x ...float32) []float32 {
	row := append(slices.Clone(x), make([]float32, 4-len(x))...)
	normalize(row)
	return row
}

func run(t *testing.T, towers Towers, s *Suite) *Result {
	t.Helper()
	r, err := Run(t.Context(), towers, s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantFigure(t *testing.T, r *Result, probe, metric string, right, ties, asked int) *Figure {
	t.Helper()
	f := r.Figure(probe, metric)
	if f == nil {
		t.Fatalf("no figure %s %s", probe, metric)
	}
	if f.Right != right || f.Ties != ties || f.Asked != asked {
		t.Errorf("%s %s: %d right and %d ties of %d, want %d and %d of %d", probe, metric, f.Right, f.Ties, f.Asked, right, ties, asked)
	}
	return f
}

func TestChoice(t *testing.T) {
	towers := table{
		"pic": unit(1), "yes": unit(1), "half": unit(1, 1), "no": unit(0, 1),
		"also yes": unit(1),
	}
	s := &Suite{Name: "s", Images: picturesOf("pic"), Choices: []ChoiceProbe{{
		Name: "p",
		Items: []Choice{
			{Image: 0, True: "yes", False: []string{"half", "no"}, Group: "a"},
			{Image: 0, True: "half", False: []string{"no", "yes"}, Group: "b"},
			{Image: 0, True: "yes", False: []string{"also yes"}, Group: "b"},
		},
		MacroOver: func(g string, n int) bool { return g == "b" && n == 2 },
	}}}
	f := wantFigure(t, run(t, towers, s), "p", Accuracy, 1, 1, 3)
	if want := (1./3 + 1./3 + 1./2) / 3; math.Abs(f.Chance-want) > 1e-12 {
		t.Errorf("chance %v, want %v", f.Chance, want)
	}
	if f.Macro == nil || f.Macro.Share != 0 || f.Macro.Groups != 1 || f.Macro.LeftOut != 1 {
		t.Errorf("macro %+v", f.Macro)
	}
	if diff := cmp.Diff([]bool{true, false, false}, f.Answers); diff != "" {
		t.Error(diff)
	}
	want := []Item{
		{Image: "pic", Group: "b", True: "half", Against: "yes", Score: math.Sqrt(0.5), AgainstScore: 1},
		{Image: "pic", Group: "b", True: "yes", Against: "also yes", Score: 1, AgainstScore: 1, Tie: true},
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-6 })
	if diff := cmp.Diff(want, f.Lost, near); diff != "" {
		t.Error(diff)
	}
}

// TestTiesAreWrong gives everything one row: no probe may count that as right.
func TestTiesAreWrong(t *testing.T) {
	s := &Suite{
		Name: "s", Images: picturesOf("a", "b"),
		Choices:   []ChoiceProbe{{Name: "c", Items: []Choice{{Image: 0, True: "x", False: []string{"y"}}}}},
		Pairs:     []PairProbe{{Name: "p", Items: []Pair{{Images: [2]int{0, 1}, Texts: [2]string{"x", "y"}}}}},
		Retrieval: []RetrievalProbe{{Name: "r", Items: []Described{{0, []string{"x"}}, {1, []string{"y"}}}}},
		Classes:   []ClassProbe{{Name: "k", Classes: []Class{{"x", []string{"x"}}, {"y", []string{"y"}}}, Items: []Classed{{0, 0}}}},
	}
	r := run(t, table{}, s)
	for _, f := range r.Figures {
		if strings.HasSuffix(f.Metric, "@5") || strings.HasSuffix(f.Metric, "@10") {
			continue // there are but two to find
		}
		if f.Right != 0 || f.Ties != f.Asked {
			t.Errorf("%s %s: %d right, %d ties of %d", f.Probe, f.Metric, f.Right, f.Ties, f.Asked)
		}
	}
}

func TestPairs(t *testing.T) {
	pair := []Pair{{Images: [2]int{0, 1}, Texts: [2]string{"x", "y"}}}
	tests := []struct {
		name               string
		towers             table
		text, image, group int
	}{
		{"all", table{"a": unit(1), "b": unit(0, 1), "x": unit(1), "y": unit(0, 1)}, 1, 1, 1},
		{"exchanged", table{"a": unit(1), "b": unit(0, 1), "x": unit(0, 1), "y": unit(1)}, 0, 0, 0},
		// Each picture knows its text, but both texts are nearer to the second one.
		{"text, not image", table{"a": unit(1, 0, 3), "b": unit(1, 1.2), "x": unit(1), "y": unit(0, 1)}, 1, 0, 0},
		{"image, not text", table{"x": unit(1, 0, 3), "y": unit(1, 1.2), "a": unit(1), "b": unit(0, 1)}, 0, 1, 0},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			r := run(t, c.towers, &Suite{Name: "s", Images: picturesOf("a", "b"), Pairs: []PairProbe{{Name: "p", Items: pair}}})
			for metric, want := range map[string]int{TextScore: c.text, ImageScore: c.image, GroupScore: c.group} {
				f := wantFigure(t, r, "p", metric, want, 0, 1)
				if f.Blind.Right != 0 {
					t.Errorf("%s: the blind guesser is right", metric)
				}
			}
		})
	}
}

// TestRetrieval compares with a plain sort, on random rows.
func TestRetrieval(t *testing.T) {
	towers, names := table{}, []string{}
	seed := uint64(7)
	next := func() float32 {
		seed = seed*6364136223846793005 + 1442695040888963407
		return float32(int32(seed>>32)) / (1 << 31)
	}
	p := RetrievalProbe{Name: "r"}
	for i := range 30 {
		n := fmt.Sprint("picture ", i)
		names = append(names, n)
		towers[n] = unit(next(), next(), next(), next())
		d := Described{Image: i}
		for j := range 1 + i%3 {
			text := fmt.Sprint("text ", i, " ", j)
			towers[text] = unit(next(), next(), next(), next())
			d.Texts = append(d.Texts, text)
		}
		p.Items = append(p.Items, d)
	}
	p.Items[1].Texts = append(p.Items[1].Texts, "text 0 0") // of two pictures
	r := run(t, towers, &Suite{Name: "s", Images: picturesOf(names...), Retrieval: []RetrievalProbe{p}})

	owners := map[string][]int{}
	var texts []string
	for _, d := range p.Items {
		for _, x := range d.Texts {
			if owners[x] == nil {
				texts = append(texts, x)
			}
			owners[x] = append(owners[x], d.Image)
		}
	}
	for _, k := range []int{1, 5, 10} {
		i2t, t2i := 0, 0
		for i, n := range names {
			order := slices.Clone(texts)
			slices.SortFunc(order, func(a, b string) int {
				return int(math.Copysign(1, float64(dot(towers[n], towers[b])-dot(towers[n], towers[a]))))
			})
			if slices.ContainsFunc(order[:k], func(x string) bool { return slices.Contains(owners[x], i) }) {
				i2t++
			}
		}
		for _, x := range texts {
			order := make([]int, len(names))
			for i := range order {
				order[i] = i
			}
			slices.SortFunc(order, func(a, b int) int {
				return int(math.Copysign(1, float64(dot(towers[x], towers[names[b]])-dot(towers[x], towers[names[a]]))))
			})
			if slices.ContainsFunc(order[:k], func(i int) bool { return slices.Contains(owners[x], i) }) {
				t2i++
			}
		}
		wantFigure(t, r, "r", fmt.Sprint(ImageToText, "@", k), i2t, 0, len(names))
		f := wantFigure(t, r, "r", fmt.Sprint(TextToImage, "@", k), t2i, 0, len(texts))
		if f.Blind.Right != 0 {
			t.Errorf("R@%d: the blind guesser finds pictures", k)
		}
	}
	if f := r.Figure("r", ImageToText+"@1"); math.Abs(f.Chance-(10*1+10*2+10*3+1)/float64(30*len(texts))) > 1e-12 {
		t.Errorf("chance %v", f.Chance)
	}
}

func TestClasses(t *testing.T) {
	towers := table{"a": unit(1), "b": unit(0, 1), "one": unit(1, 0.1), "eins": unit(1), "two": unit(0, 1)}
	s := &Suite{Name: "s", Images: picturesOf("a", "b"), Classes: []ClassProbe{{
		Name: "k", Classes: []Class{{"first", []string{"one", "eins"}}, {"second", []string{"two"}}}, Items: []Classed{{0, 0}, {1, 1}, {1, 0}},
	}}}
	f := wantFigure(t, run(t, towers, s), "k", Accuracy, 2, 0, 3)
	if f.Chance != 0.5 || f.Lost[0].True != "first" || f.Lost[0].Against != "second" {
		t.Errorf("chance %v, lost %+v", f.Chance, f.Lost)
	}
}

func TestRunRefuses(t *testing.T) {
	nan := float32(math.NaN())
	good := func() *Suite {
		return &Suite{Name: "s", Images: picturesOf("pic"), Choices: []ChoiceProbe{{Name: "p", Items: []Choice{{Image: 0, True: "yes", False: []string{"no"}}}}}}
	}
	tests := []struct {
		name   string
		towers table
		change func(s *Suite)
		want   string
	}{
		{"NaN of a picture", table{"pic": {nan, 0, 0, 0}}, nil, "pic: its row is not finite"},
		{"NaN of a text", table{"no": {0, nan, 0, 0}}, nil, `"no": its row is not finite`},
		{"infinite", table{"no": {0, float32(math.Inf(1)), 0, 0}}, nil, `"no": its row is not finite`},
		{"norm", table{"yes": {0, 3, 0, 0}}, nil, `"yes": its row has the norm 3`},
		{"zero", table{"yes": {0, 0, 0, 0}}, nil, `"yes": its row has the norm 0`},
		{"width", table{"yes": {1}}, nil, `"yes": its row has 1 numbers, others have 4`},
		{"no items", table{}, func(s *Suite) { s.Choices = nil }, "suite s has no items"},
		{"no picture", table{}, func(s *Suite) { s.Choices[0].Items[0].Image = 1 }, "suite s, p, item 0: no picture 1"},
		{"true and false", table{}, func(s *Suite) { s.Choices[0].Items[0].False[0] = "yes" }, `"yes" is both true and false`},
		{"nothing false", table{}, func(s *Suite) { s.Choices[0].Items[0].False = nil }, "no false text"},
		{"no class", table{}, func(s *Suite) { s.Classes = []ClassProbe{{Name: "k", Items: []Classed{{0, 0}}}} }, "no class 0"},
		{"reading", table{}, func(s *Suite) {
			s.Images[0].Read = func() ([]byte, error) { return nil, fmt.Errorf("gone") }
		}, "pic: gone"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			s := good()
			if c.change != nil {
				c.change(s)
			}
			if _, err := Run(t.Context(), c.towers, s, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

// TestTextsReadAlikeTie runs texts that the model can't tell apart, in batches
// of which each would round otherwise.
func TestTextsReadAlikeTie(t *testing.T) {
	e := open(t, "testdata/clip", ExportConfig{BatchSize: 3})
	s := &Suite{Name: "s", Images: picturesOf("same.png")}
	picture := readExportGolden(t, "testdata/clip").pictures[0]
	s.Images[0].Read = func() ([]byte, error) { return picture, nil }
	p := ChoiceProbe{Name: "p"}
	for i := range 1500 {
		same := fmt.Sprint(i, strings.Repeat(" star", 20))
		p.Items = append(p.Items, Choice{Image: 0, True: same + " red", False: []string{same + " blue", strings.ToUpper(same)}})
	}
	s.Choices = []ChoiceProbe{p}
	r := run(t, e, s)
	if f := wantFigure(t, r, "p", Accuracy, 0, 1500, 1500); r.Cut != 4500 {
		t.Errorf("%d texts cut of %d, %d ties", r.Cut, r.Texts, f.Ties)
	}
}

// TestResultJSON pins the names that reports read.
func TestResultJSON(t *testing.T) {
	r := Result{
		Suite: "s", Images: 1, Texts: 2, Dropped: map[string]int{"why": 1}, Missing: []string{"m"}, Blind: "b",
		Figures: []Figure{{
			Probe: "p", Metric: Accuracy, Share: NewShare(0, 1, 1), Chance: 0.5, Blind: NewShare(1, 0, 1), Macro: newMacro(nil, 0),
			Lost: []Item{{Image: "i", True: "t", Against: "a", Tie: true}}, Answers: []bool{false},
		}},
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"suite":"s","images":1,"texts":2,"texts_cut":0,"dropped":{"why":1},"missing":["m"],"blind":"b","figures":[` +
		`{"probe":"p","metric":"accuracy","right":0,"ties":1,"asked":1,"share":0,"low":0,"high":0.7934506856227626,"chance":0.5,` +
		`"blind":{"right":1,"ties":0,"asked":1,"share":1,"low":0.20654931437723745,"high":1},` +
		`"macro":{"share":0,"low":0,"high":1,"groups":0,"left_out":0},` +
		`"lost":[{"image":"i","image_index":0,"true":"t","against":"a","score":0,"against_score":0,"tie":true}]}]}`
	if diff := cmp.Diff(want, string(b)); diff != "" {
		t.Error(diff)
	}
}

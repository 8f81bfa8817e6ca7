package report

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"recaption/schemas"
)

func render(t testing.TB, r Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteHTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// checkPage checks what holds of every page: tags are balanced, ids are
// unique and what refers to them finds them, nothing runs and nothing is
// fetched, headings skip no rank, every picture has a text and every table a
// name.
func checkPage(t testing.TB, page string) {
	t.Helper()
	checkBalance(t, page)
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	var refers []string
	rank := 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.DataAtom {
		case atom.Script, atom.Iframe, atom.Object, atom.Embed, atom.Link, atom.Form, atom.Base, atom.Input:
			t.Errorf("the page has an element %s", n.Data)
		case atom.Img:
			if !strings.HasPrefix(attr(n, "src"), "data:image/") || attr(n, "alt") == "" {
				t.Errorf("an image with the alt %q and the src %.30q", attr(n, "alt"), attr(n, "src"))
			}
		case atom.H1, atom.H2, atom.H3, atom.H4:
			now := int(n.Data[1] - '0')
			if now > rank+1 {
				t.Errorf("a heading of rank %d after one of %d", now, rank)
			}
			rank = now
		}
		if n.Data == "svg" && n.Parent.Data == "figure" && (attr(n, "role") != "img" || attr(n, "aria-label") == "") {
			t.Error("a chart without a label")
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"):
				t.Errorf("%s has an attribute %s", n.Data, a.Key)
			case a.Key == "id" && ids[a.Val]:
				t.Errorf("two have the id %q", a.Val)
			case a.Key == "id":
				ids[a.Val] = true
			case a.Key == "href" && !strings.HasPrefix(a.Val, "#"):
				t.Errorf("a link to %q", a.Val)
			case a.Key == "href":
				refers = append(refers, a.Val[1:])
			case a.Key == "aria-labelledby":
				refers = append(refers, a.Val)
			case a.Key == "style" && (strings.Contains(a.Val, "url(") || strings.Contains(strings.ToUpper(a.Val), "#FA11")):
				t.Errorf("a style of %q", a.Val)
			}
		}
	}
	for _, id := range refers {
		if !ids[id] {
			t.Errorf("nothing has the id %q", id)
		}
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

var void = []string{"meta", "img", "br"}

// checkBalance is stricter than browsers are.
func checkBalance(t testing.TB, page string) {
	t.Helper()
	var open []string
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		kind := z.Next()
		name, _ := z.TagName()
		switch kind {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("not closed: %v", open)
			}
			return
		case html.StartTagToken:
			if !slices.Contains(void, string(name)) {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Fatalf("</%s> closes %v", name, open)
			}
			open = open[:len(open)-1]
		}
	}
}

func TestPage(t *testing.T) {
	r := shape(t)
	page := render(t, r)
	checkPage(t, page)
	if again := render(t, r); again != page {
		t.Error("the same report gives another page")
	}
	for _, want := range []string{
		"attribute swap", "+42.2", "37.7 to 46.6", "holds 0", "missed", // figures
		"arXiv 2210.08402", "make loop", schemas.Sum([]byte("recipebundled")).String(), "9223372036854775813",
		"original_fraction: 0.1", "the gate accepts none", "decompression bomb", "with the flag opener", "ONNX Runtime 1.30.0",
	} {
		if !strings.Contains(html.UnescapeString(page), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if len(page) > 1<<20 {
		t.Errorf("the page has %d KB", len(page)>>10)
	}
}

func TestPageShowsEveryFigure(t *testing.T) {
	page := render(t, small())
	checkPage(t, page)
	for _, want := range []string{"too great to draw: 1 points", "not finite</td>", "tie</td>", "http 404", "Drawn scenes", "<p dir=\"auto\">Two.</p>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if want := "enhanced 100.0\u00a0%"; !strings.Contains(page, want) {
		t.Errorf("the chart's label does not say %q", want)
	}
}

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>' onload='x {{.}} &amp; ]]> --> </svg></style> ` + "\u202Eevil\u0000\x1b[31m\xff"

// everywhere is a report that has a text in every place that takes one.
func everywhere(text string) Report {
	r := small()
	arm := text + "!"
	r.Title, r.Summary, r.Program, r.Machine = text, text, Program{text, text, text}, Machine{text, -1, -1, text, text}
	r.Arms[0].Name, r.Arms[0].About, r.Arms[0].Recipe, r.Arms[0].Policy = arm, text, text, text
	r.Arms[0].Training.Model, r.Arms[0].Training.Settings = text, []Setting{{text, text}}
	for i := range r.Arms {
		p := &r.Arms[i].Probes[0]
		p.Suite, p.Name, p.What = text, text, text
	}
	r.Arms[0].Texts.Openers[0].Text, r.Arms[0].Texts.Words[0].Text = text, text
	d := &r.Differences[0]
	d.Suite, d.Probe, d.Over = text, text, arm
	r.Goals[0] = Goal{text, text, text, false}
	r.Notes[0] = Note{text, text}
	r.Noise[0].Kind, r.Noise[0].Source, r.Noise[0].Of = text, text, text
	r.Samples[0] = Sample{Key: text, Image: []byte(text), AltText: &text, Caption: text, True: text, Flags: []schemas.Flag{schemas.Flag(text)}}
	r.Samples[1] = Sample{Key: text, NoImage: text, Rejected: text}
	r.Items[0] = Item{text, text, text, []byte("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"), text, "x " + text, []ItemArm{{arm, .5, .1}}}
	r.Repeat = Repeat{[]Command{{text, text}}, []Pin{{text, text, text}}, []Seed{{text, 1}}}
	return r
}

func TestHostile(t *testing.T) {
	long := strings.Repeat("W", 20_000)
	for name, text := range map[string]string{"markup": hostile, "long": long, "right to left": "תמונה של כוכב אדום صورة", "empty": "", "lines": "a\n\n\nb\tc"} {
		t.Run(name, func(t *testing.T) {
			page := render(t, everywhere(text))
			checkPage(t, page)
			if strings.Contains(page, "<img") {
				t.Error("the page shows what is no picture")
			}
		})
	}
}

func TestSparse(t *testing.T) {
	nan := Number(math.NaN())
	for name, r := range map[string]Report{
		"nothing":       {},
		"no figures":    {Title: "x", Arms: []Arm{{Name: "a"}, {Name: "b"}}},
		"one arm":       {Arms: shape(t).Arms[:1]},
		"a public arm":  {Arms: []Arm{{Name: "public", Probes: []Probe{{Name: "swap", Items: 2, Won: 1, Share: .5, Low: .1, High: .9, Chance: nan}}}}},
		"nothing asked": {Arms: []Arm{{Name: "a", Probes: []Probe{{Name: "p", Share: nan, Low: nan, High: nan, Chance: .5, Blind: new(nan)}}}}},
		"NaN alone":     {Arms: []Arm{{Name: "a", Training: &Training{Seconds: nan, ImagesPerSecond: nan, Epochs: nan}, Curve: []Point{{1, nan, nan, nan, nan}}}}},
		"one point":     {Arms: []Arm{{Name: "a", Curve: []Point{{Step: 1, Loss: 3}}}}},
		"huge":          {Arms: []Arm{{Name: "a", Curve: []Point{{-5, -1e308, 1e-300, 1e308, 1}, {math.MaxInt, 1e308, 1, 1, 1}}}}},
		"no texts":      {Arms: []Arm{{Name: "a", Texts: new(NewTextStats().Texts())}}},
		"other probes":  {Arms: []Arm{{Name: "a", Probes: []Probe{{Name: "p", Items: 1, Won: 1, Share: 1, High: 1}}}, {Name: "b", Probes: []Probe{{Name: "q", Items: 1, Won: 0, High: 1}}}}},
		"many arms":     {Arms: manyArms(14)},
	} {
		t.Run(name, func(t *testing.T) {
			page := render(t, r)
			checkPage(t, page)
			for _, bad := range []string{"NaN", "Inf"} {
				if name != "NaN alone" && strings.Contains(page, bad) {
					i := strings.Index(page, bad)
					t.Errorf("the page says %s: %q", bad, page[max(0, i-80):i+20])
				}
			}
			var b bytes.Buffer
			if err := WriteJSON(&b, r); err != nil {
				t.Error(err)
			}
		})
	}
}

func manyArms(n int) (all []Arm) {
	for i := range n {
		all = append(all, Arm{Name: fmt.Sprint("arm ", i), Curve: curve(uint64(i), 3000, .002), Probes: []Probe{{Name: "p", Items: n, Won: i, Share: Number(float64(i) / float64(n)), High: 1, Blind: new(Number(float64(i) / 20))}}})
	}
	return all
}

func FuzzReport(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "report.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add([]byte(`{"kind":"training_report","version":1,"arms":[{"name":"a","curve":[{"step":1,"loss":null},{"step":9,"loss":1e300}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		checkPage(t, render(t, r))
		var out bytes.Buffer
		if err := WriteJSON(&out, r); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(&out); err != nil {
			t.Fatal(err)
		}
	})
}

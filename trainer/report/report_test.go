package report

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
)

var update = flag.Bool("update", false, "write the golden file anew")

// small is a report that has every field.
func small() Report {
	alt := "a star"
	return Report{
		Title: "Small", Summary: "Two arms.", When: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Program: Program{"v1", "ONNX Runtime 1.30.0", "go1.26.8"},
		Machine: Machine{"CPU", 2, 1 << 30, "none", "linux/amd64"},
		Arms: []Arm{
			{
				Name: "alt-text", About: "as it came", Recipe: "none", Policy: "original_fraction: 1\n",
				Training: &Training{"tiny", 10, "CLIP", "AdamW", 2, 4, .5, 16, 48, 32, []Setting{{"clip", "1"}}, 1.5, 5.25, 1 << 20},
				Curve:    []Point{{1, 4.5, .001, 14.3, 5}, {2, Number(math.NaN()), .001, 14.3, 5}},
				Probes:   []Probe{{"held out", "swap", "colours trade", 4, 2, 1, .5, .5, .15, .85, new(Number(.5))}},
				Texts: &Texts{2, 1, 2.5, 2, 3, 3, []Length{{2, 1}, {3, 1}}, Count{4, true}, Count{2, true},
					[]Frequency{{"a star", 1, 0}}, []Frequency{{"a", 2, 1}}, 3, 2, []FlagCount{{schemas.FlagShort, 1}}},
			},
			{Name: "enhanced", Probes: []Probe{{"held out", "swap", "", 4, 4, 0, .5, 1, .51, 1, nil}}},
		},
		Differences: []Difference{{"held out", "swap", "enhanced", "alt-text", .5, -.1, .85}},
		Goals:       []Goal{{"swap", "at least 90 %", "100 %", true}},
		Notes:       []Note{{"Drawn scenes", "One.\n\nTwo."}},
		Noise:       []Noise{{"none", "of samples", .162, .16, "WebAIM"}},
		Samples:     []Sample{{"k1", []byte("\x89PNG\x0d\x0a\x1a\x0a"), "", &alt, "A red star.", "", "A red star.", []schemas.Flag{schemas.FlagOpener}}, {Key: "k2", NoImage: "http_404", Rejected: "A"}},
		Items:       []Item{{"held out", "swap", "k1", nil, "red star", "blue star", []ItemArm{{"alt-text", .25, .25}, {"enhanced", .5, Number(math.Inf(-1))}}}},
		Repeat:      Repeat{[]Command{{"all", "make loop"}}, []Pin{{"gate", "default", "abc"}}, []Seed{{"training", math.MaxUint64}}},
	}
}

// TestGolden holds the written form. A change that shows here needs a new
// version.
func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "report.json")
	var b bytes.Buffer
	if err := WriteJSON(&b, small()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Error(d)
	}
	got, err := Read(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	again := small()
	again.Kind, again.Version = kind, version
	again.Items[0].Arms[1].Wrong = Number(math.NaN()) // whatever is not finite is null
	same := cmp.Comparer(func(a, b Number) bool { return a == b || !a.finite() && !b.finite() })
	if d := cmp.Diff(again, got, same); d != "" {
		t.Error(d)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":         {"{", "unexpected end"},
		"another kind":    {`{"kind":"gate","version":1}`, `want kind "training_report", got "gate"`},
		"a later version": {`{"kind":"training_report","version":2}`, "unknown version 2; this program reads version 1"},
		"contradictions":  {`{"kind":"training_report","version":1,"arms":[{"name":""}]}`, "want a name"},
	} {
		_, err := Read(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v; want %q", name, err, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Report)
		want   string // of the error; empty for none
	}{
		"sound":               {func(*Report) {}, ""},
		"nothing":             {func(r *Report) { *r = Report{} }, ""},
		"two of a name":       {func(r *Report) { r.Arms[1].Name = "alt-text" }, "the name of an arm before"},
		"a probe twice":       {func(r *Report) { r.Arms[0].Probes = append(r.Arms[0].Probes, r.Arms[0].Probes[0]) }, "given twice"},
		"more won than asked": {func(r *Report) { r.Arms[0].Probes[0].Ties = 3 }, "2 won and 3 ties of 4"},
		"a wrong share":       {func(r *Report) { r.Arms[0].Probes[0].Share = .6 }, "share 0.6, but 2 won of 4"},
		"a share of nothing":  {func(r *Report) { r.Arms[0].Probes[0] = Probe{Suite: "held out", Name: "swap"} }, "but 0 won of 0"},
		"not measured": {func(r *Report) {
			r.Arms[0].Probes[0].Share, r.Differences[0].By = Number(math.NaN()), Number(math.NaN())
		}, ""},
		"outside of its interval":  {func(r *Report) { r.Arms[0].Probes[0].Low = .6 }, "outside of its interval"},
		"a percentage":             {func(r *Report) { r.Arms[0].Probes[0].Chance = 50 }, "want 0 to 1"},
		"a blind percentage":       {func(r *Report) { *r.Arms[0].Probes[0].Blind = 50 }, "want 0 to 1"},
		"a difference of no arm":   {func(r *Report) { r.Differences[0].Over = "x" }, `in the arms "enhanced" and "x"`},
		"a difference of no probe": {func(r *Report) { r.Differences[0].Probe = "x" }, `want the probe "x"`},
		"a wrong difference":       {func(r *Report) { r.Differences[0].By = .4 }, "but the shares are 1 and 0.5"},
		"a difference outside":     {func(r *Report) { r.Differences[0].High = .3 }, "outside of its interval"},
		"an item of no arm":        {func(r *Report) { r.Items[0].Arms[0].Arm = "x" }, `no arm is called "x"`},
		"a rate in percent":        {func(r *Report) { r.Noise[0].Rate = 16.2 }, "want shares"},
		"lengths out of order":     {func(r *Report) { r.Arms[0].Texts.Lengths[1].Words = 2 }, "want ascending lengths"},
		"lengths of more texts":    {func(r *Report) { r.Arms[0].Texts.Lengths[1].Texts = 2 }, "2 texts, but lengths of 3"},
		"accepted more":            {func(r *Report) { r.Arms[0].Texts.Accepted = 4 }, "4 captions accepted of 3"},
	} {
		t.Run(name, func(t *testing.T) {
			r := small()
			c.change(&r)
			err := r.Validate()
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; want %q", err, c.want)
			}
			var b bytes.Buffer
			if WriteJSON(&b, r) == nil || WriteHTML(&b, r) == nil || b.Len() > 0 {
				t.Error("it was written nevertheless")
			}
		})
	}
}

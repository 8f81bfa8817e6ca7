package probe

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/internal/imaging"
)

const (
	suitesDir   = "testdata/suites"
	picturesDir = "testdata/pictures"
)

func load(t *testing.T, name string) *Suite {
	t.Helper()
	s, err := Load(name, filepath.Join(suitesDir, name), picturesDir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func imageNames(s *Suite) (out []string) {
	for _, i := range s.Images {
		out = append(out, i.Name)
	}
	return out
}

func TestSugarCrepe(t *testing.T) {
	s := load(t, "sugarcrepe")
	if len(s.Choices) != 7 || !slices.Equal(s.Missing, []string{"absent.jpg"}) || s.Dropped["picture is missing"] != 7 {
		t.Errorf("%d probes, missing %v, dropped %v", len(s.Choices), s.Missing, s.Dropped)
	}
	want := ChoiceProbe{Name: "replace_rel", Items: []Choice{
		{Image: 0, True: "Noise over a gradient.", False: []string{"Noise under a gradient."}},
		{Image: 1, True: "Noise over a gradient.", False: []string{"Noise under a gradient."}},
	}}
	if diff := cmp.Diff(want, s.Choices[4]); diff != "" {
		t.Error(diff)
	}
	one, err := Load("sugarcrepe", filepath.Join(suitesDir, "sugarcrepe", "swap_att.json"), picturesDir)
	if err != nil || len(one.Choices) != 1 || one.Choices[0].Name != "swap_att" {
		t.Errorf("one file: %+v, %v", one, err)
	}
}

func TestWinoground(t *testing.T) {
	s := load(t, "winoground")
	want := []Pair{
		{[2]int{0, 1}, [2]string{"a wide side and a tall edge", "a tall side and a wide edge"}, "Object"},
		{[2]int{2, 3}, [2]string{"grey but small", "small but grey"}, "Both"},
	}
	if diff := cmp.Diff(want, s.Pairs[0].Items); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"wide", "tall", "grey", "small"}, imageNames(s)); diff != "" {
		t.Error(diff)
	}
}

func TestKarpathy(t *testing.T) {
	s := load(t, "coco")
	want := []Described{
		{0, []string{"A wide picture.", "Noise.", "Wide noise.", "A gradient.", "It is wide."}},
		{1, []string{"A tall picture.", "Noise."}},
	}
	if diff := cmp.Diff(want, s.Retrieval[0].Items); diff != "" {
		t.Error(diff)
	}
	if s := load(t, "flickr30k"); len(s.Retrieval[0].Items) != 2 {
		t.Errorf("flickr30k: %+v", s.Retrieval)
	}
}

func TestDOCCI(t *testing.T) {
	s := load(t, "docci")
	if diff := cmp.Diff([]string{"photo.jpg"}, imageNames(s)[:1]); diff != "" {
		t.Error(diff)
	}
	if n := len(s.Retrieval[0].Items); n != 2 {
		t.Errorf("%d items, want the two of the split test", n)
	}
}

func TestARO(t *testing.T) {
	s := load(t, "aro")
	byName := map[string]ChoiceProbe{}
	for _, p := range s.Choices {
		byName[p.Name] = p
	}
	relation := byName["vg relation"]
	if len(relation.Items) != 3 || relation.MacroOver("near", 100) || !relation.MacroOver("under", 1) {
		t.Errorf("vg relation: %+v", relation)
	}
	attribution := byName["vg attribution"]
	if len(attribution.Items) != 26 || !attribution.MacroOver("red_blue", 25) || attribution.MacroOver("red_blue", 24) {
		t.Errorf("vg attribution: %d items", len(attribution.Items))
	}
	if !slices.Equal(s.Missing, []string{"gone.png"}) {
		t.Errorf("missing %v", s.Missing)
	}

	// Both objects' part of the picture, as Pillow crops it.
	b, err := s.Images[relation.Items[0].Image].Read()
	if err != nil {
		t.Fatal(err)
	}
	got, err := imaging.Decode(b, imaging.Options{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(picturesDir, "wide.png"))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := imaging.Decode(raw, imaging.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(imaging.Crop(whole, 3, 2, 20, 25), got); diff != "" {
		t.Error("the part of the picture differs")
	}

	// The published shuffles, less those that change nothing.
	want := []Choice{{Image: byName["flickr30k order"].Items[0].Image, True: "two colours on a square",
		False: []string{"two square on a colours", "on colours two a square", "square two on colours a"}}}
	if diff := cmp.Diff(want, byName["flickr30k order"].Items); diff != "" {
		t.Error(diff)
	}
	// Our own, of trigrams.
	coco := byName["coco order, trigrams"]
	if len(coco.Items) != 2 || s.Dropped["no false text differs"] != 1 || len(s.Notes) != 1 {
		t.Errorf("coco order: %+v, dropped %v, notes %v", coco.Items, s.Dropped, s.Notes)
	}
	for _, c := range coco.Items {
		if len(c.False) != 2 || bag(c.False[0]) != bag(c.True) || bag(c.False[1]) != bag(c.True) {
			t.Errorf("%+v", c)
		}
	}
}

// TestSuitesRun puts each suite through the tiny model.
func TestSuitesRun(t *testing.T) {
	e := open(t, "testdata/clip", ExportConfig{})
	figures := map[string]int{"sugarcrepe": 7, "aro": 4, "winoground": 3, "coco": 6, "flickr30k": 6, "docci": 6}
	for _, name := range Suites() {
		t.Run(name, func(t *testing.T) {
			r := run(t, e, load(t, name))
			if len(r.Figures) != figures[name] {
				t.Errorf("%d figures, want %d", len(r.Figures), figures[name])
			}
			for _, f := range r.Figures {
				if f.Asked == 0 {
					t.Errorf("%s %s: nothing was asked", f.Probe, f.Metric)
				}
			}
			if name == "docci" && r.Cut != 1 {
				t.Errorf("%d texts were cut, want the long one", r.Cut)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	empty := t.TempDir()
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "x.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	folder := func(name, text string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	tests := []struct{ name, suite, data, images, want string }{
		{"suite", "imagenet", empty, empty, `"imagenet": want one of ["sugarcrepe"`},
		{"no data", "coco", "/nowhere", empty, "/nowhere: no such file"},
		{"no images", "coco", suitesDir + "/coco", "/nowhere", "folder of pictures: stat /nowhere"},
		{"images are a file", "coco", suitesDir + "/coco", "load_test.go", "is not a folder of pictures"},
		{"empty folder of data", "coco", empty, empty, "has none of dataset_coco.json"},
		{"empty folder of aro", "aro", empty, empty, "has none of visual_genome_relation.json"},
		{"some of sugarcrepe", "sugarcrepe", folder("add_obj.json", "{}"), empty, "must have all of"},
		{"none of the pictures", "coco", suitesDir + "/coco", empty, "none of its 2 pictures is in " + empty + ": val2014/wide.png is looked for first"},
		{"half a file", "sugarcrepe", file(`{"0": {`), empty, "unexpected EOF"},
		{"two values", "sugarcrepe", file(`{} {}`), empty, "something follows"},
		{"key", "sugarcrepe", file(`{"a": {}}`), empty, `item "a": its key is not a number`},
		{"no negative", "sugarcrepe", file(`{"0": {"filename": "a", "caption": "b"}}`), empty, "item 0: negative_caption is missing"},
		{"wrong type", "docci", file(`{"split": 3}`), empty, "line 1: json: cannot unmarshal number"},
		{"second line", "winoground", file("\n{\"image_0\":\"a\",\"image_1\":\"b\",\"caption_0\":\"c\",\"caption_1\":\"d\"}\n{}\n"), empty, "line 3: image_0 is missing"},
		{"no lines", "docci", file("\n\n"), empty, "it has no lines"},
		{"no sentences", "coco", file(`{"images":[{"filename":"a","split":"test","sentences":[]}]}`), empty, "image 0, a: it has no sentences"},
		{"no tests", "coco", file(`{"images":[{"filename":"a","split":"val","sentences":[{"raw":"b"}]}]}`), empty, "no picture is of the split test"},
		{"box", "aro", folder("visual_genome_relation.json", `[{"image_path":"a","true_caption":"b","false_caption":"c","relation_name":"on","bbox_w":0,"bbox_h":3}]`), empty, "item 0, a: its box, 0 x 3 at 0, 0"},
		{"the other file", "aro", folder("visual_genome_relation.json", `[{"image_path":"a","true_caption":"b","false_caption":"c","attributes":["x","y"],"bbox_w":1,"bbox_h":3}]`), empty, "item 0 is of the other file"},
		{"leads out", "docci", file(`{"split":"test","image_file":"../pictures/wide.png","description":"d"}`), picturesDir, "none of its 1 pictures"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(c.suite, c.data, c.images)
			if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, ErrData) {
				t.Errorf("error %v, want %q in it, and ErrData", err, c.want)
			}
		})
	}
}

func fuzzParser[T any](f *testing.F, parse func([]byte) (T, error), seeds ...string) {
	for _, s := range seeds {
		b, err := os.ReadFile(filepath.Join(suitesDir, s))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("{}"))
	f.Add([]byte("[null]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := parse(b)
		if err != nil && strings.Contains(err.Error(), "%!") {
			t.Errorf("a message that doesn't say what it should: %v", err)
		}
	})
}

func FuzzSugarCrepe(f *testing.F) { fuzzParser(f, parseSugarCrepe, "sugarcrepe/swap_att.json") }
func FuzzWinoground(f *testing.F) { fuzzParser(f, parseWinoground, "winoground/examples.jsonl") }
func FuzzKarpathy(f *testing.F)   { fuzzParser(f, parseKarpathy, "coco/dataset_coco.json") }
func FuzzDOCCI(f *testing.F)      { fuzzParser(f, parseDOCCI, "docci/docci_descriptions.jsonlines") }
func FuzzOrder(f *testing.F) {
	fuzzParser(f, parseOrder, "aro/coco_karpathy_test.json", "aro/flickr30k_order.json")
}

// FuzzARO also makes the box of each item, which sizes an allocation.
func FuzzARO(f *testing.F) {
	fuzzParser(f, func(b []byte) ([]aroItem, error) {
		items, err := parseARO(b)
		for _, it := range items {
			if c := it.box(); err == nil && (c.w < 1 || c.h < 1 || c.w > 1<<17 || c.h > 1<<17) {
				panic(c)
			}
		}
		return items, err
	}, "aro/visual_genome_relation.json")
}

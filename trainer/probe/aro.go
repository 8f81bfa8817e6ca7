package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The files of ARO, as its dataset_zoo names them. The last two are not
// published: they are what its order suites make when they run.
const (
	aroRelation    = "visual_genome_relation.json"
	aroAttribution = "visual_genome_attribution.json"
	aroCOCO        = "coco_karpathy_test.json"
	aroFlickr      = "flickr30k_test.json"
	aroCOCOMade    = "coco_order.json"
	aroFlickrMade  = "flickr30k_order.json"
)

// LoadARO reads what the folder data has of ARO (Yuksekgonul et al., ICLR 2023;
// github.com/mertyg/vision-language-models-are-bows):
//
//   - visual_genome_relation.json and visual_genome_attribution.json, lists of
//
//     {"image_path": "2339172.jpg", "bbox_x": 41, "bbox_y": 0, "bbox_w": 90, "bbox_h": 80, "true_caption": "…",
//     "false_caption": "…", "relation_name": "on" or "attributes": ["white", "brown"], …}
//
//   - coco_karpathy_test.json and flickr30k_test.json, for the order suites, lists of
//
//     {"image": "val2014/COCO_val2014_000000391895.jpg", "caption": ["…", …]}
//
// The order suites disturb texts in four ways while they run, two of which need
// a tagger of English, spaCy's. From these files only the other two are made. What
// the published program made can be read instead: its list test_cases written as
// JSON to coco_order.json or flickr30k_order.json,
//
//	{"image": "val2014/…", "caption_options": ["the true one", "…", …]}
//
// images is the folder that holds the folders images (of Visual Genome), val2014
// and flickr30k-images, or the pictures of one suite themselves.
func LoadARO(data, images string) (*Suite, error) {
	s := &Suite{Name: "aro"}
	a, err := newAlbum(s, images)
	if err != nil {
		return nil, err
	}
	found := false
	for _, part := range []struct {
		file string
		read func(a *album, path string) error
	}{
		{aroRelation, readRelations}, {aroAttribution, readAttributions},
		{aroCOCOMade, readMade("coco order")}, {aroCOCO, readOrder("coco order")},
		{aroFlickrMade, readMade("flickr30k order")}, {aroFlickr, readOrder("flickr30k order")},
	} {
		path := filepath.Join(data, part.file)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		found = true
		if err := part.read(a, path); err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, fmt.Errorf("%w: %s has none of %s", ErrData, data,
			strings.Join([]string{aroRelation, aroAttribution, aroCOCO, aroFlickr, aroCOCOMade, aroFlickrMade}, ", "))
	}
	return a.done()
}

type aroItem struct {
	Image      string   `json:"image_path"`
	X          float64  `json:"bbox_x"`
	Y          float64  `json:"bbox_y"`
	W          float64  `json:"bbox_w"`
	H          float64  `json:"bbox_h"`
	True       string   `json:"true_caption"`
	False      string   `json:"false_caption"`
	Relation   string   `json:"relation_name"`
	Attributes []string `json:"attributes"`
}

func parseARO(b []byte) ([]aroItem, error) {
	items, err := parseJSON[[]aroItem](b)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, errors.New("it has no items")
	}
	const mostSide = 1 << 16
	for i, it := range items {
		if err := needs("image_path", it.Image, "true_caption", it.True, "false_caption", it.False); err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		if !(it.W >= 1 && it.W <= mostSide && it.H >= 1 && it.H <= mostSide && it.X >= -mostSide && it.X <= mostSide && it.Y >= -mostSide && it.Y <= mostSide) {
			return nil, fmt.Errorf("item %d, %s: its box, %v x %v at %v, %v, is not one of a picture", i, it.Image, it.W, it.H, it.X, it.Y)
		}
		if it.Relation == "" && len(it.Attributes) != 2 {
			return nil, fmt.Errorf("item %d, %s: it has neither relation_name nor two attributes", i, it.Image)
		}
	}
	return items, nil
}

// box is what is shown: the part around both objects.
func (it aroItem) box() *box {
	return &box{round(it.X), round(it.Y), max(round(it.X+it.W)-round(it.X), 1), max(round(it.Y+it.H)-round(it.Y), 1)}
}

func readRelations(a *album, path string) error {
	return readBoxed(a, path, "vg relation", func(it aroItem) string { return it.Relation },
		func(relation string, _ int) bool { return !slices.Contains(aroSymmetric, relation) })
}

// leastOfAttributes is how many items a pair of attributes must have to count for
// the mean, as published.
const leastOfAttributes = 25

func readAttributions(a *album, path string) error {
	return readBoxed(a, path, "vg attribution", func(it aroItem) string { return strings.Join(it.Attributes, "_") },
		func(_ string, items int) bool { return items >= leastOfAttributes })
}

func readBoxed(a *album, path, name string, group func(aroItem) string, over func(string, int) bool) error {
	items, err := readFile(path, parseARO)
	if err != nil {
		return err
	}
	p := ChoiceProbe{Name: name, MacroOver: over}
	for i, it := range items {
		g := group(it)
		if g == "" {
			return fmt.Errorf("%w: %s: item %d is of the other file", ErrData, path, i)
		}
		image, ok := a.add(it.box(), it.Image, "images/"+it.Image)
		switch {
		case !ok:
			a.suite.drop("picture is missing", 1)
		case it.True == it.False:
			a.suite.drop("false text equals the true one", 1)
		default:
			p.Items = append(p.Items, Choice{Image: image, True: it.True, False: []string{it.False}, Group: g})
		}
	}
	a.suite.Choices = append(a.suite.Choices, p)
	return nil
}

// orderItem is of the files of captions and, with options, of what the published
// program makes of them.
type orderItem struct {
	Image    string    `json:"image"`
	Captions textOrAll `json:"caption"`
	Options  []string  `json:"caption_options"`
}

// textOrAll is one text or a list of them.
type textOrAll []string

// UnmarshalJSON takes a text or a list.
func (t *textOrAll) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = textOrAll{one}
		return nil
	}
	var all []string
	err := json.Unmarshal(b, &all)
	*t = all
	return err
}

func parseOrder(b []byte) ([]orderItem, error) {
	items, err := parseJSON[[]orderItem](b)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, errors.New("it has no items")
	}
	for i, it := range items {
		if err := needs("image", it.Image); err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		if len(it.Captions) == 0 && len(it.Options) < 2 {
			return nil, fmt.Errorf("item %d, %s: it has neither captions nor two or more caption_options", i, it.Image)
		}
	}
	return items, nil
}

func (a *album) orderImage(name string) (int, bool) {
	return a.add(nil, name, filepath.Base(filepath.FromSlash(name)))
}

// readMade takes texts that the published program has disturbed.
func readMade(probe string) func(a *album, path string) error {
	return func(a *album, path string) error {
		items, err := readFile(path, parseOrder)
		if err != nil {
			return err
		}
		p := ChoiceProbe{Name: probe}
		for i, it := range items {
			if len(it.Options) < 2 {
				return fmt.Errorf("%w: %s: item %d has no caption_options", ErrData, path, i)
			}
			a.orderItem(&p, it.Image, it.Options[0], it.Options[1:])
		}
		a.suite.Choices = append(a.suite.Choices, p)
		return nil
	}
}

// readOrder disturbs texts itself, unless the file of disturbed ones was there.
func readOrder(probe string) func(a *album, path string) error {
	return func(a *album, path string) error {
		if slices.ContainsFunc(a.suite.Choices, func(p ChoiceProbe) bool { return p.Name == probe }) {
			return nil
		}
		items, err := readFile(path, parseOrder)
		if err != nil {
			return err
		}
		p := ChoiceProbe{Name: probe + ", trigrams"}
		for i, it := range items {
			if len(it.Captions) == 0 {
				return fmt.Errorf("%w: %s: item %d has no caption", ErrData, path, i)
			}
			for _, c := range it.Captions {
				text := orderText(c)
				wrong, unchanged := disturbed(text, nil)
				a.suite.drop("shuffles that change nothing", unchanged)
				a.orderItem(&p, it.Image, text, wrong)
			}
		}
		a.suite.Choices = append(a.suite.Choices, p)
		a.suite.Notes = append(a.suite.Notes, p.Name+": words are shuffled within trigrams and trigrams among each other; the published suite shuffles by parts of speech as well")
		return nil
	}
}

func (a *album) orderItem(p *ChoiceProbe, name, truth string, options []string) {
	image, ok := a.orderImage(name)
	if !ok {
		a.suite.drop("picture is missing", 1)
		return
	}
	var wrong []string
	for _, o := range options {
		if o == truth {
			a.suite.drop("false text equals the true one", 1)
		} else {
			wrong = append(wrong, o)
		}
	}
	if len(wrong) == 0 {
		a.suite.drop("no false text differs", 1)
		return
	}
	p.Items = append(p.Items, Choice{Image: image, True: truth, False: wrong})
}

// orderText is ARO's pre_caption: lower case, without some punctuation, at most
// 30 words.
func orderText(s string) string {
	const most = 30
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`.!"()*#:;~`, r) {
			return ' '
		}
		return r
	}, strings.ToLower(s))
	w := strings.Fields(s)
	return strings.Join(w[:min(most, len(w))], " ")
}

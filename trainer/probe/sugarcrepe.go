package probe

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// sugarCategories are SugarCrepe's files, in the order of its main_eval.py.
var sugarCategories = []string{"add_obj", "add_att", "replace_obj", "replace_att", "replace_rel", "swap_obj", "swap_att"}

// LoadSugarCrepe reads SugarCrepe (Hsieh et al., NeurIPS 2023) from the folder
// data of github.com/RAIVNLab/sugar-crepe, or one of its files. Each is an object
// by running number:
//
//	{"0": {"filename": "000000085329.jpg", "caption": "…", "negative_caption": "…"}, …}
//
// images is the folder of COCO's val2017.
func LoadSugarCrepe(data, images string) (*Suite, error) {
	st, err := os.Stat(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	var files []string
	if st.IsDir() {
		for _, c := range sugarCategories {
			path := filepath.Join(data, c+".json")
			if _, err := os.Stat(path); err != nil {
				return nil, fmt.Errorf("%w: the folder must have all of %v: %w", ErrData, sugarCategories, err)
			}
			files = append(files, path)
		}
	} else {
		files = []string{data}
	}
	s := &Suite{Name: "sugarcrepe"}
	a, err := newAlbum(s, images)
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		items, err := readFile(path, parseSugarCrepe)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(path)
		p := ChoiceProbe{Name: name[:len(name)-len(filepath.Ext(name))]}
		for _, it := range items {
			i, ok := a.add(nil, it.File, "val2017/"+it.File)
			switch {
			case !ok:
				s.drop("picture is missing", 1)
			case it.Caption == it.Negative:
				s.drop("false text equals the true one", 1)
			default:
				p.Items = append(p.Items, Choice{Image: i, True: it.Caption, False: []string{it.Negative}})
			}
		}
		s.Choices = append(s.Choices, p)
	}
	return a.done()
}

type sugarItem struct {
	File     string `json:"filename"`
	Caption  string `json:"caption"`
	Negative string `json:"negative_caption"`
	number   int
}

func parseSugarCrepe(b []byte) ([]sugarItem, error) {
	items, err := parseJSON[map[string]sugarItem](b)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, errors.New("it has no items")
	}
	out := make([]sugarItem, 0, len(items))
	for key, it := range items {
		if it.number, err = strconv.Atoi(key); err != nil {
			return nil, fmt.Errorf("item %q: its key is not a number", key)
		}
		if err := needs("filename", it.File, "caption", it.Caption, "negative_caption", it.Negative); err != nil {
			return nil, fmt.Errorf("item %s: %w", key, err)
		}
		out = append(out, it)
	}
	slices.SortFunc(out, func(a, b sugarItem) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.File, b.File), cmp.Compare(a.Caption, b.Caption))
	})
	return out, nil
}

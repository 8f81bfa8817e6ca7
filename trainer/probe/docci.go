package probe

import "fmt"

// LoadDOCCI reads the test split of DOCCI (Onoe et al., ECCV 2024) for retrieval
// with one long text a picture, from docci_descriptions.jsonlines, one object a
// line:
//
//	{"example_id": "test_00000", "split": "test", "image_file": "test_00000.jpg", "description": "…"}
//
// images is the folder of docci_images.tar.gz. Descriptions have 136 words on
// average: towers that read 77 tokens lose much of them, which Result.Cut counts.
func LoadDOCCI(data, images string) (*Suite, error) {
	path, err := fileIn(data, "docci_descriptions.jsonlines", "docci_descriptions.jsonl")
	if err != nil {
		return nil, err
	}
	items, err := readFile(path, parseDOCCI)
	if err != nil {
		return nil, err
	}
	s := &Suite{Name: "docci"}
	a, err := newAlbum(s, images)
	if err != nil {
		return nil, err
	}
	p := RetrievalProbe{Name: Retrieval}
	tests := 0
	for _, it := range items {
		if it.Split != "test" {
			continue
		}
		tests++
		if i, ok := a.add(nil, it.File, "images/"+it.File); ok {
			p.Items = append(p.Items, Described{Image: i, Texts: []string{it.Description}})
		} else {
			s.drop("picture is missing", 1)
		}
	}
	if tests == 0 {
		return nil, fmt.Errorf("%w: %s: no picture is of the split test", ErrData, path)
	}
	s.Retrieval = []RetrievalProbe{p}
	return a.done()
}

type docciItem struct {
	Split       string `json:"split"`
	File        string `json:"image_file"`
	Description string `json:"description"`
}

func parseDOCCI(b []byte) ([]docciItem, error) {
	return parseLines(b, func(it *docciItem) error {
		return needs("split", it.Split, "image_file", it.File, "description", it.Description)
	})
}

package probe

import (
	"errors"
	"fmt"
)

// textsPerImage is how many texts of a picture are taken: some of COCO's have
// six or seven, and retrieval is reported over five.
const textsPerImage = 5

// LoadKarpathy reads the test split of Karpathy and Fei-Fei (CVPR 2015) for
// retrieval, from dataset_coco.json or dataset_flickr30k.json:
//
//	{"images": [{"filepath": "val2014", "filename": "COCO_val2014_000000391895.jpg", "split": "test",
//	  "sentences": [{"raw": "…", "tokens": […], …}, …], …}, …], "dataset": "coco"}
//
// filepath is COCO's alone. images is the folder that holds val2014, or the
// pictures themselves. name is coco or flickr30k.
func LoadKarpathy(name, data, images string) (*Suite, error) {
	path, err := fileIn(data, "dataset_"+name+".json")
	if err != nil {
		return nil, err
	}
	file, err := readFile(path, parseKarpathy)
	if err != nil {
		return nil, err
	}
	s := &Suite{Name: name}
	a, err := newAlbum(s, images)
	if err != nil {
		return nil, err
	}
	p := RetrievalProbe{Name: Retrieval}
	tests := 0
	for _, it := range file.Images {
		if it.Split != "test" {
			continue
		}
		tests++
		names := []string{it.File}
		if it.Path != "" {
			names = []string{it.Path + "/" + it.File, it.File}
		}
		i, ok := a.add(nil, append(names, "flickr30k-images/"+it.File)...)
		if !ok {
			s.drop("picture is missing", 1)
			continue
		}
		d := Described{Image: i}
		for _, t := range it.Sentences[:min(textsPerImage, len(it.Sentences))] {
			d.Texts = append(d.Texts, t.Raw)
		}
		p.Items = append(p.Items, d)
	}
	if tests == 0 {
		return nil, fmt.Errorf("%w: %s: no picture is of the split test", ErrData, path)
	}
	s.Retrieval = []RetrievalProbe{p}
	return a.done()
}

type karpathyFile struct {
	Images []struct {
		Path      string `json:"filepath"`
		File      string `json:"filename"`
		Split     string `json:"split"`
		Sentences []struct {
			Raw string `json:"raw"`
		} `json:"sentences"`
	} `json:"images"`
}

func parseKarpathy(b []byte) (karpathyFile, error) {
	f, err := parseJSON[karpathyFile](b)
	if err != nil {
		return f, err
	}
	if len(f.Images) == 0 {
		return f, errors.New("it has no images")
	}
	for i, it := range f.Images {
		if err := needs("filename", it.File, "split", it.Split); err != nil {
			return f, fmt.Errorf("image %d: %w", i, err)
		}
		if len(it.Sentences) == 0 {
			return f, fmt.Errorf("image %d, %s: it has no sentences", i, it.File)
		}
		for _, t := range it.Sentences {
			if err := needs("raw", t.Raw); err != nil {
				return f, fmt.Errorf("image %d, %s: sentence: %w", i, it.File, err)
			}
		}
	}
	return f, nil
}

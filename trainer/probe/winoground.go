package probe

// LoadWinoground reads Winoground (Thrush et al., CVPR 2022) from examples.jsonl
// of the data set facebook/winoground, one object a line:
//
//	{"id": 0, "image_0": "ex_0_img_0", "image_1": "ex_0_img_1", "caption_0": "…", "caption_1": "…", "tag": "…", "collapsed_tag": "Object", …}
//
// images is the folder of its images.zip; the names there end in .png.
func LoadWinoground(data, images string) (*Suite, error) {
	path, err := fileIn(data, "examples.jsonl", "data/examples.jsonl")
	if err != nil {
		return nil, err
	}
	items, err := readFile(path, parseWinoground)
	if err != nil {
		return nil, err
	}
	s := &Suite{Name: "winoground"}
	a, err := newAlbum(s, images)
	if err != nil {
		return nil, err
	}
	p := PairProbe{Name: "winoground"}
	for _, it := range items {
		first, ok0 := a.add(nil, it.Image0, it.Image0+".png")
		second, ok1 := a.add(nil, it.Image1, it.Image1+".png")
		switch {
		case !ok0 || !ok1:
			s.drop("picture is missing", 1)
		case it.Caption0 == it.Caption1:
			s.drop("both texts are equal", 1)
		default:
			p.Items = append(p.Items, Pair{[2]int{first, second}, [2]string{it.Caption0, it.Caption1}, it.Tag})
		}
	}
	s.Pairs = []PairProbe{p}
	return a.done()
}

type winogroundItem struct {
	Image0   string `json:"image_0"`
	Image1   string `json:"image_1"`
	Caption0 string `json:"caption_0"`
	Caption1 string `json:"caption_1"`
	Tag      string `json:"collapsed_tag"`
}

func parseWinoground(b []byte) ([]winogroundItem, error) {
	return parseLines(b, func(it *winogroundItem) error {
		return needs("image_0", it.Image0, "image_1", it.Image1, "caption_0", it.Caption0, "caption_1", it.Caption1)
	})
}

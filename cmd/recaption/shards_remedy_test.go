package main

import "testing"

func TestRemedy(t *testing.T) {
	t.Parallel()
	const again = "run the same command again"
	for _, c := range []struct {
		key  string
		gone bool
		want string
	}{
		{"datasets/d/shards/abc/abcd.arrow", false, "delete datasets/d/shards/abc/abcd.arrow and datasets/d/r/parts/0.json; then " + again},
		{"datasets/d/shards/abc/abcd.arrow", true, "delete datasets/d/r/parts/0.json; then " + again},
		{"datasets/d/r/parts/0.json", false, "delete datasets/d/r/parts/0.json; then " + again},
		{"datasets/d/r/dataset.json", true, "delete the records of the run below runs/; then " + again},
		{"recipes/1.json", false, "delete recipes/1.json and the records of the run below runs/; then " + again},
		{"captions/1/abc/abcd/0-12.arrow", false, "delete captions/1/abc/abcd/0.json; then " + again},
		{"captions/1/abc/abcd/3-12.arrow", true, "delete captions/1/abc/abcd/3.json; then " + again},
		{"captions/1/abc/abcd/0.json", false, "delete captions/1/abc/abcd/0.json; then " + again},
		{"captions/1/abc/abcd/0.json", true, again},
		{"runs/r/00000001.json", false, "delete runs/r/00000001.json; then " + again},
	} {
		if got := remedy(c.key, "datasets/d/r/parts/0.json", c.gone); got != c.want {
			t.Errorf("%s, gone %t:\ngot  %s\nwant %s", c.key, c.gone, got, c.want)
		}
	}
}

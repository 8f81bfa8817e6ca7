package main

import "strings"

// remedy says what mends a damaged object: everything but the source can be
// made again, by the same command, once what names the damage is gone. part is
// the key of the record that names the sample shard looked at; gone tells that
// the object isn't there.
func remedy(key, part string, gone bool) string {
	const again = "run the same command again"
	drop := []string{key}
	if gone {
		drop = nil
	}
	seg := strings.Split(key, "/")
	switch {
	case seg[0] == "datasets" && len(seg) > 2 && seg[2] == "shards":
		drop = append(drop, part)
	case seg[0] == "captions" && strings.HasSuffix(key, ".arrow"):
		// Another attempt's captions have another name, so the damaged ones may
		// stay: what must go is the receipt that names them.
		generation, _, _ := strings.Cut(seg[len(seg)-1], "-")
		drop = []string{strings.Join(seg[:len(seg)-1], "/") + "/" + generation + ".json"}
	case seg[0] == "recipes", seg[0] == "gates", strings.HasSuffix(key, "/dataset.json"):
		drop = append(drop, "the records of the run below runs/") // or it counts as launched, and writes nothing
	}
	if len(drop) == 0 {
		return again
	}
	return "delete " + strings.Join(drop, " and ") + "; then " + again
}

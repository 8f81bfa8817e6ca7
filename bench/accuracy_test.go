package main

import "testing"

func TestHasWord(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, word string
		want       bool
	}{
		{"cute | large blue circle | Snumi small moon", "Snumi", true},
		{"Snumi's moon, by Klena.", "Klena", true},
		{"Snumi's moon", "Snumi", true},
		{"Snumilo small moon", "Snumi", false},
		{"small moon", "Snumi", false},
		{"", "Snumi", false},
	} {
		if got := hasWord(c.text, c.word); got != c.want {
			t.Errorf("%q in %q: %v, want %v", c.word, c.text, got, c.want)
		}
	}
}

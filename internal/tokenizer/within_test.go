package tokenizer

import (
	"slices"
	"testing"
)

// TestEncodeWithin holds the cut against the whole: the frame stays, the end of
// the text goes.
func TestEncodeWithin(t *testing.T) {
	tok := load(t, "clip")
	const text = "A red circle to the left of a small blue square, isn't it?"
	whole, err := tok.EncodeSpecial(text)
	if err != nil {
		t.Fatal(err)
	}
	n := len(whole)
	for limit := 2; limit < n+3; limit++ {
		got, cut, err := tok.EncodeWithin(text, limit)
		if err != nil {
			t.Fatal(err)
		}
		want := whole
		if limit < n {
			want = append(slices.Clone(whole[:limit-1]), whole[n-1])
		}
		if !slices.Equal(got, want) || cut != (limit < n) {
			t.Errorf("within %d: %v, cut %v, want %v", limit, got, cut, want)
		}
	}
	if _, _, err := tok.EncodeWithin(text, 1); err == nil {
		t.Error("within 1, which the frame alone exceeds: no error")
	}
}

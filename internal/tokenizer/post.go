package tokenizer

// template is what a post-processor makes of one text: ids that stand before,
// between and after.
type template []templatePiece

type templatePiece struct {
	text bool    // the ids of the text stand here
	ids  []int32 // else these
}

func (t template) apply(ids []int32) []int32 {
	var out []int32
	for _, p := range t {
		if p.text {
			out = append(out, ids...)
		} else {
			out = append(out, p.ids...)
		}
	}
	return out
}

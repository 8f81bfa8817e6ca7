package feed

import (
	"fmt"

	"recaption/internal/tokenizer"
)

// lengthStep is what lengths of texts are rounded up to: few different shapes,
// little padding.
const lengthStep = 8

// Tokens turns texts into ids.
type Tokens struct {
	Tokenizer *tokenizer.Tokenizer // whose file frames a text, as CLIP's does
	Context   int                  // most ids of a text; what is cut away is never the frame's end
	Pad       int64                // follows a text that is shorter than others of its batch
}

// Validate tells whether a text can be framed within the context.
func (t Tokens) Validate() error {
	if t.Tokenizer == nil {
		return fmt.Errorf("tokens: want a tokenizer")
	}
	ids, _, err := t.Tokenizer.EncodeWithin("", t.Context)
	if err != nil {
		return fmt.Errorf("tokens: context %d: %w", t.Context, err)
	}
	if len(ids) == 0 {
		return fmt.Errorf("tokens: the tokenizer's file puts no end of text behind a text; want a post_processor as CLIP's")
	}
	if len(ids) >= t.Context {
		return fmt.Errorf("tokens: context %d: the frame alone has %d ids", t.Context, len(ids))
	}
	return nil
}

func (t Tokens) ids(text string) ([]int32, bool, error) {
	return t.Tokenizer.EncodeWithin(text, t.Context)
}

// length is that of the rows for texts of at most n ids.
func (t Tokens) length(n int) int { return min((n+lengthStep-1)/lengthStep*lengthStep, t.Context) }

// pack appends rows of a length.
func (t Tokens) pack(dst []int64, rows [][]int32, length int) []int64 {
	for _, ids := range rows {
		for _, id := range ids {
			dst = append(dst, int64(id))
		}
		for range length - len(ids) {
			dst = append(dst, t.Pad)
		}
	}
	return dst
}

package probe

import (
	"context"
	"fmt"
	"math"
)

// Towers turn pictures and texts into rows of one space. All rows of both
// have the same length and the norm 1, so that the product of two is their
// cosine. Equal inputs give equal rows, up to rounding. They may split a call
// into batches as they like; who calls bounds how much is in one call.
type Towers interface {
	// EmbedImages takes encoded pictures (JPEG, PNG, …). A picture that can't be
	// read makes the call fail with an *ImageError.
	EmbedImages(ctx context.Context, images [][]byte) ([][]float32, error)
	EmbedTexts(ctx context.Context, texts []string) ([][]float32, error)
}

// Reader is what towers may be as well: they say how they read a text. [Run]
// then counts texts that lose their end, and gives those that are read alike one
// row: else rounding could decide between them, where they are a tie.
type Reader interface {
	// Read returns a key that is the same for texts that are read alike, and whether
	// the text is read to its end.
	Read(text string) (key string, whole bool, err error)
}

// ImageError says which picture of a call is at fault.
type ImageError struct {
	Index int
	Err   error
}

func (e *ImageError) Error() string { return fmt.Sprintf("picture %d: %v", e.Index, e.Err) }

func (e *ImageError) Unwrap() error { return e.Err }

// checkRows makes sure that rows are as promised. width is that of earlier
// rows, 0 if there are none, and name says what row i is of.
func checkRows(rows [][]float32, want, width int, name func(i int) string) (int, error) {
	if len(rows) != want {
		return 0, fmt.Errorf("the towers gave %d rows for %d inputs", len(rows), want)
	}
	for i, r := range rows {
		if width == 0 {
			width = len(r)
		}
		if len(r) == 0 || len(r) != width {
			return 0, fmt.Errorf("%s: its row has %d numbers, others have %d", name(i), len(r), width)
		}
		norm := 0.0
		for _, v := range r {
			norm += float64(v) * float64(v)
		}
		switch {
		case math.IsNaN(norm) || math.IsInf(norm, 0):
			return 0, fmt.Errorf("%s: its row is not finite: the model is broken, or its precision too small", name(i))
		case math.Abs(norm-1) > 1e-2:
			return 0, fmt.Errorf("%s: its row has the norm %.4g, not 1", name(i), math.Sqrt(norm))
		}
	}
	return width, nil
}

// dot is the score of two rows of one length. Its order of summation is fixed,
// so equal rows have equal scores.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	i := 0
	for ; i+8 <= len(a); i += 8 {
		x, y := a[i:i+8:i+8], b[i:i+8:i+8]
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
		s4 += x[4] * y[4]
		s5 += x[5] * y[5]
		s6 += x[6] * y[6]
		s7 += x[7] * y[7]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
}

// normalize scales rows to the norm 1. A row of zeros becomes NaN, which
// checkRows reports.
func normalize(row []float32) {
	sum := 0.0
	for _, v := range row {
		sum += float64(v) * float64(v)
	}
	scale := 1 / math.Sqrt(sum)
	for i, v := range row {
		row[i] = float32(float64(v) * scale)
	}
}

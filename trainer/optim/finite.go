package optim

import (
	"errors"
	"fmt"
	"math"

	"recaption/trainer/graph"
)

// ErrNotFinite is wrapped where a loss or a gradient is infinite or no number.
var ErrNotFinite = errors.New("not finite")

// CheckLoss says whether a loss is a finite number.
func CheckLoss(loss float32) error {
	if finite(loss) {
		return nil
	}
	return fmt.Errorf("loss is %v: %w", loss, ErrNotFinite)
}

// checkGradients names the first gradient that is not finite, and how many are not.
func checkGradients(tensors []graph.Tensor) error {
	for _, t := range tensors {
		at, count := -1, 0
		for i, g := range t.Gradient {
			if finite(g) {
				continue
			}
			if count++; at < 0 {
				at = i
			}
		}
		if count > 0 {
			return fmt.Errorf("gradient of %s: element %d is %v, and %d of its %d elements are %w", t.Name, at, t.Gradient[at], count, len(t.Gradient), ErrNotFinite)
		}
	}
	return nil
}

func finite(f float32) bool { return !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) }

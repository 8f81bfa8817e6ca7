package coordinator

import (
	"errors"
	"testing"

	"recaption/coordinator/source"
)

// The parts that are cut are those that the revision is named for.
func TestSourceThatChangesAfterLaunch(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	run := s.launch(parts(4, 2), spec())
	for _, src := range []*listed{parts(4, 3), parts(4), parts(4, 2, 1)} {
		if _, err := s.coordinator(s.rest).Run(within(t), run, src); !errors.Is(err, source.ErrChanged) {
			t.Errorf("%d parts in place of two: %v", len(src.parts), err)
		}
	}
}

package jetstream

import (
	"testing"
	"time"
)

// Streams are changed where the layout says so, and otherwise left alone.
func TestEnsureStreamsChangesWhatItMust(t *testing.T) {
	c := start(t)
	layout := DefaultLayout()
	for _, want := range streams(layout) {
		s, err := c.js.Stream(t.Context(), want.Name)
		must(t, err)
		if !sameStream(s.CachedInfo().Config, want) {
			t.Errorf("%s would be changed again: it is %+v, wanted is %+v", want.Name, s.CachedInfo().Config, want)
		}
	}
	layout.EventsAge, layout.EventsBytes = 3*time.Hour, 2<<20
	must(t, c.EnsureStreams(t.Context(), layout))
	s, err := c.js.Stream(t.Context(), eventStream)
	must(t, err)
	if got := s.CachedInfo().Config; got.MaxAge != layout.EventsAge || got.MaxBytes != layout.EventsBytes {
		t.Errorf("events are kept for %s, %d bytes; want %s, %d bytes", got.MaxAge, got.MaxBytes, layout.EventsAge, layout.EventsBytes)
	}
}

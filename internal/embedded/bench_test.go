package embedded

import (
	"fmt"
	"testing"
)

// A PUT of 4 KiB under three new folders, with what reaching the disk adds.
func BenchmarkPut(b *testing.B) {
	for _, mode := range []struct {
		name string
		opts []Option
	}{{"sync", nil}, {"nosync", []Option{WithoutSync()}}} {
		b.Run(mode.name, func(b *testing.B) {
			s, err := Start(b.Context(), b.TempDir(), mode.opts...)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			c := newS3(b, tell(s))
			body := string(make([]byte, 4<<10))
			n := 0
			for b.Loop() {
				n++
				c.put(fmt.Sprintf("captions/recipe/%03x/%d/0.json", n%4096, n), body)
			}
		})
	}
}

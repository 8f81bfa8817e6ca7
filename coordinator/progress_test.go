package coordinator

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
)

// A caption that is on few rows of each shard, but of every shard, is seen, and
// however many others there are.
func TestRepeatedCaptions(t *testing.T) {
	p := newProgress()
	for i := range 1000 {
		q := schemas.Repeated{Caption: fmt.Sprintf("A caption of shard %d.", i), Rows: i % 5}
		if i%2 == 1 {
			q = schemas.Repeated{Caption: "A picture.", Rows: 20}
		}
		p.addReceipt(schemas.Receipt{Repeated: &q})
	}
	p.addReceipt(schemas.Receipt{})
	if n := len(p.RepeatedCaptions); n != mostRepeated {
		t.Errorf("%d captions are kept, want %d", n, mostRepeated)
	}
	want := Repeated{Caption: "A picture.", Rows: 10_000, Shards: 500}
	if d := cmp.Diff(want, p.RepeatedCaptions[0]); d != "" {
		t.Errorf("the most repeated (-want +got):\n%s", d)
	}
	for _, c := range p.RepeatedCaptions {
		if c.Rows < 2 {
			t.Errorf("%q is on %d rows", c.Caption, c.Rows)
		}
	}
	copied := p.clone()
	p.addReceipt(schemas.Receipt{Repeated: &schemas.Repeated{Caption: "A picture.", Rows: 1000}})
	if copied.RepeatedCaptions[0] != want {
		t.Error("a copy changed")
	}
}

package coordinator

import (
	"context"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/shards"
)

// endless lists captions without an end.
type endless struct{ shards.Store }

func (e endless) List(ctx context.Context, prefix, after string) iter.Seq2[shards.Object, error] {
	if !strings.HasPrefix(prefix, "captions/") {
		return e.Store.List(ctx, prefix, after)
	}
	return func(yield func(shards.Object, error) bool) {
		<-ctx.Done()
		yield(shards.Object{}, ctx.Err())
	}
}

// A store that lists slowly keeps nobody from his work.
func TestListingKeepsNothingWaiting(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(30, 30)
	run := s.launch(src, spec())
	s.work(run.Pool)
	p, err := s.coordinator(endless{s.rest}, func(c *Config) { c.Window = 3 }).Run(within(t), run, src)
	must(t, err)
	s.wantAll(run, p, src.want(0))
}

// Where few shards wait for their receipts, only these are looked for.
func TestPrefixesOfReceipts(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(9, 60)
	run := s.launch(src, spec())
	all := shards.CaptionsPrefix(run.Recipe)
	f, err := s.coordinator(s.rest).newFollower(t.Context(), run, src)
	must(t, err)
	if got := f.receiptPrefixes(); len(got) != 0 {
		t.Errorf("no shard is pending: %q", got)
	}
	must(t, cutAll(t.Context(), f))
	must(t, f.listParts(t.Context()))
	if d := cmp.Diff([]string{all}, f.receiptPrefixes()); d != "" {
		t.Errorf("23 shards pending (-want +got):\n%s", d)
	}
	left := 0
	for shard := range f.byShard {
		if left++; left > 2 {
			f.settle(shard, func() {})
		}
	}
	got := f.receiptPrefixes()
	for _, prefix := range got {
		if len(prefix) != len(all)+4 || !strings.HasPrefix(prefix, all) {
			t.Errorf("2 shards pending: prefix %q", prefix)
		}
	}
	if len(got) == 0 || len(got) > 2 {
		t.Errorf("2 shards pending: %q", got)
	}
}

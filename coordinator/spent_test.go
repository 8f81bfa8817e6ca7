package coordinator

import (
	"sync"
	"testing"
	"time"

	"recaption/schemas"
	"recaption/shards"
)

// Of the jobs that another run left with their deliveries used up, one that
// needs a newer program is queued anew, and one that can't be dealt with stays;
// neither ends this run, nor does one of its own whose receipt is damaged.
func TestSpentJobsOfAnotherRun(t *testing.T) {
	t.Parallel()
	s, src := newSite(t), parts(3)
	run := s.launch(src, spec())
	f, err := s.coordinator(s.rest).newFollower(t.Context(), run, src)
	must(t, err)
	job := func(of schemas.RunID, shard string, recipe schemas.RecipeID) schemas.CaptionJob {
		return schemas.NewCaptionJob(schemas.CaptionJob{
			Run: of, Pool: run.Pool, Dataset: "bees", Recipe: recipe, Gate: run.Gate,
			Shard: schemas.ShardID(schemas.Sum([]byte(shard)).String()),
			File:  schemas.File{SHA256: schemas.Sum(nil), Bytes: 10, Footer: schemas.Block{Offset: 1, Bytes: 9}},
		})
	}
	broken := job("other", "a", run.Recipe)
	must(t, s.rest.Create(t.Context(), shards.ReceiptKey(broken.Recipe, broken.Shard, 0), []byte("no receipt")))
	recipe := []byte(`{"kind":"recipe","version":99}`)
	newer := job("other", "b", schemas.RecipeID(schemas.Sum(recipe).String()))
	must(t, s.rest.Create(t.Context(), shards.RecipeKey(newer.Recipe), recipe))
	ours := job(run.ID, "c", run.Recipe)
	must(t, s.rest.Create(t.Context(), shards.ReceiptKey(ours.Recipe, ours.Shard, 0), []byte("no receipt")))
	must(t, f.jobs.Publish(t.Context(), ours))
	must(t, f.jobs.Publish(t.Context(), broken))
	must(t, f.jobs.Publish(t.Context(), newer))

	var mu sync.Mutex // guards taken
	taken := map[schemas.JobID]int{}
	times := func(id schemas.JobID) int {
		mu.Lock()
		defer mu.Unlock()
		return taken[id]
	}
	s.work(run.Pool, func(h *hand) {
		h.first = func(j schemas.CaptionJob) bool {
			mu.Lock()
			defer mu.Unlock()
			taken[j.ID]++
			return false
		}
	})
	ctx, most := within(t), f.cfg.Lease.MaxDeliver
	for times(newer.ID) <= most && ctx.Err() == nil {
		must(t, f.commitSpent(ctx))
		rest(ctx, 5*time.Millisecond)
	}
	if n, m := times(newer.ID), times(broken.ID); n <= most || m != most || times(ours.ID) != most {
		t.Errorf("delivered %d and %d times, want more than %d and %d", n, m, most, most)
	}
}

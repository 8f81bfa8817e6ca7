package shards_test

import (
	"strings"
	"testing"

	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/memstore"
)

// TestCaptionsOutgrowTheirShard: what bounds a shard of samples does not bound
// the captions beside it. There may be many, and longer than the images.
func TestCaptionsOutgrowTheirShard(t *testing.T) {
	st := memstore.New()
	a := shards.NewAttempt("w", "v", t.TempDir())
	a.Writer = checked(t)
	a.Writer.Rows, a.Writer.Bytes = 2, 1<<10
	_, shard := cut(t, st, checked(t), 20, 10)
	job := schemas.NewCaptionJob(schemas.CaptionJob{
		Run: "r", Pool: "p", Dataset: "d", Shard: shard.ID, File: shard.File,
		Recipe: schemas.RecipeID(hex64), Gate: schemas.GateID(hex64),
	})
	rows := make([]schemas.CaptionRow, shard.File.Rows)
	for i := range rows {
		rows[i] = caption(i)
		rows[i].Captions = []schemas.Caption{{Text: strings.Repeat("word ", 100), Prompt: "p", Finish: schemas.FinishStop}}
	}
	file, err := a.WriteCaptions(t.Context(), st, job, schemas.Digest{}, rows)
	if err != nil || file.Rows != len(rows) {
		t.Errorf("%d rows, %v; want %d", file.Rows, err, len(rows))
	}
}

// TestCommitFailed gives every row a status, also where the shard is gone.
func TestCommitFailed(t *testing.T) {
	st := memstore.New()
	key, shard := cut(t, st, checked(t), 70, 10)
	job := schemas.NewCaptionJob(schemas.CaptionJob{
		Run: "r", Pool: "p", Dataset: "d", Shard: shard.ID, File: shard.File,
		Recipe: schemas.RecipeID(hex64), Gate: schemas.GateID(hex64),
	})
	receipt, err := shards.NewAttempt("w", "v", t.TempDir()).CommitFailed(t.Context(), st, job, schemas.ReasonDeliveries)
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := receipt.Reasons[schemas.ReasonDeliveries], shard.Statuses[schemas.SampleOK]; n != ok || receipt.Statuses[schemas.RowFailed] != ok {
		t.Errorf("%d rows failed for their deliveries; want the %d that were ok", n, ok)
	}
	// A retry of rows that fails as a whole keeps the others.
	again := job
	again.Generation, again.Rows = 1, []schemas.RowRange{{From: 0, To: 10}}
	again = schemas.NewCaptionJob(again)
	receipt, err = shards.NewAttempt("w", "v", t.TempDir()).CommitFailed(t.Context(), st, again, schemas.ReasonModel)
	if n := receipt.Reasons[schemas.ReasonModel] + receipt.Reasons[schemas.ReasonDeliveries]; err != nil || n != shard.Statuses[schemas.SampleOK] || receipt.Reasons[schemas.ReasonModel] > 10 || receipt.Reasons[schemas.ReasonModel] == 0 {
		t.Errorf("%v, %v; want the ten rows of the retry failed for the model, the others as they were", receipt.Reasons, err)
	}
	if err := st.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	job.Generation = 2
	job = schemas.NewCaptionJob(job)
	receipt, err = shards.NewAttempt("w", "v", t.TempDir()).CommitFailed(t.Context(), st, job, schemas.ReasonDeliveries)
	if err != nil || receipt.Reasons[schemas.ReasonShardCorrupt] != 70 {
		t.Errorf("%v, %v; want 70 rows of a shard that is gone", receipt.Reasons, err)
	}
}

package shards_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/memstore"
	"recaption/shards/storetest"
)

func part(location string) schemas.PartRecord {
	return schemas.PartRecord{Dataset: "d", Revision: hex16, Part: "p0", Location: location}
}

func receipt(attempt schemas.AttemptID, f schemas.File) schemas.Receipt {
	return schemas.Receipt{
		Dataset: "d", Run: "r", Job: hex32, Shard: hex64, Recipe: schemas.RecipeID(hex64), Attempt: attempt, File: f,
		Statuses: map[schemas.RowStatus]int{schemas.RowCaptioned: f.Rows}, Seconds: map[string]float64{"decode": 1.5},
	}
}

// TestCommitRace lets attempts with captions of their own race for a receipt.
func TestCommitRace(t *testing.T) {
	st := memstore.New()
	cfg := checked(t)
	const attempts = 8
	got := make([]schemas.Receipt, attempts)
	errs := make([]error, attempts)
	var wg sync.WaitGroup
	for i := range attempts {
		a := schemas.NewAttemptID()
		f := write(t, st, cfg, shards.CaptionsKey(schemas.RecipeID(hex64), hex64, 0, a), 3)
		wg.Go(func() { got[i], errs[i] = shards.CommitReceipt(t.Context(), st, receipt(a, f)) })
	}
	wg.Wait()
	rests, err := shards.ReadReceipt(t.Context(), st, shards.ReceiptKey(schemas.RecipeID(hex64), hex64, 0))
	if err != nil {
		t.Fatal(err)
	}
	won := 0
	for i := range attempts {
		if errs[i] == nil {
			won++
		} else if !errors.Is(errs[i], shards.ErrExists) {
			t.Errorf("attempt %d: %v; want ErrExists", i, errs[i])
		}
		if d := cmp.Diff(rests, got[i]); d != "" {
			t.Errorf("attempt %d learnt of another winner (-want +got):\n%s", i, d)
		}
	}
	if won != 1 {
		t.Errorf("%d attempts won; want 1", won)
	}
	if err := shards.Verify(t.Context(), st, shards.CaptionsKey(rests.Recipe, rests.Shard, rests.Generation, rests.Attempt), rests.File); err != nil {
		t.Error(err)
	}
}

func TestCommitPart(t *testing.T) {
	mem := memstore.New()
	key, shard := cut(t, mem, checked(t), 10, 50)
	st := storetest.NewFaults(mem)
	mine := part("a.tar")
	mine.Shards = []schemas.Shard{shard}

	st.Fail(storetest.Fault{Op: storetest.Create, N: 1, When: storetest.After})
	for range 2 { // a lost reply, and once more
		got, err := shards.CommitPart(t.Context(), st, mine)
		if err != nil || got.Location != "a.tar" || got.Rows() != 10 {
			t.Fatalf("%+v, %v; want ours", got, err)
		}
	}
	got, err := shards.CommitPart(t.Context(), st, part("b.tar"))
	if !errors.Is(err, shards.ErrExists) || got.Location != "a.tar" {
		t.Errorf("a later cut: %+v, %v; want the first and ErrExists", got, err)
	}
	got, err = shards.ReadPart(t.Context(), st, shards.PartKey("d", hex16, "p0"))
	if err != nil || len(got.Shards) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := shards.Verify(t.Context(), st, key, got.Shards[0].File); err != nil {
		t.Error(err)
	}
}

func TestCommitOverForeignObject(t *testing.T) {
	st := memstore.New()
	key := shards.PartKey("d", hex16, "p0")
	for _, b := range []string{"", "{}", `{"kind":"part","version":99}`} {
		storetest.MustPut(t, st, key, []byte(b))
		if _, err := shards.CommitPart(t.Context(), st, part("x")); err == nil || errors.Is(err, shards.ErrExists) {
			t.Errorf("over %q: %v; want an error about what rests there", b, err)
		}
	}
}

// lying is a store whose Create overwrites, and answers err.
type lying struct {
	*memstore.Store
	err error
}

func (l lying) Create(ctx context.Context, key string, b []byte) error {
	if err := l.Put(ctx, key, bytes.NewReader(b), int64(len(b))); err != nil {
		return err
	}
	if string(b) == "first" {
		return nil
	}
	return l.err
}

func TestVerifyCreateOnly(t *testing.T) {
	mem := memstore.New()
	if err := shards.VerifyCreateOnly(t.Context(), mem); err != nil {
		t.Error(err)
	}
	if err := shards.VerifyCreateOnly(t.Context(), lying{Store: mem}); !errors.Is(err, shards.ErrOverwrites) {
		t.Errorf("a store that overwrites: %v; want ErrOverwrites", err)
	}
	if err := shards.VerifyCreateOnly(t.Context(), lying{Store: mem, err: shards.ErrExists}); !errors.Is(err, shards.ErrOverwrites) {
		t.Errorf("a store that refuses and overwrites: %v; want ErrOverwrites", err)
	}
	for _, op := range []storetest.Op{storetest.Create, storetest.Get, storetest.Delete} {
		st := storetest.NewFaults(mem)
		st.Fail(storetest.Fault{Op: op, N: 1})
		if err := shards.VerifyCreateOnly(t.Context(), st); !errors.Is(err, storetest.ErrFault) {
			t.Errorf("a store whose %s fails: %v; want the fault", op, err)
		}
	}
	n := 0
	for _, err := range mem.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 1 { // the failed delete's
		t.Errorf("%d objects left; want 1", n)
	}
}

func TestErrorsNameTheObject(t *testing.T) {
	st := memstore.New()
	_, err := shards.ReadReceipt(t.Context(), st, "captions/none.json")
	if want := "get captions/none.json: no such object"; fmt.Sprint(err) != want {
		t.Errorf("%v; want %s", err, want)
	}
}

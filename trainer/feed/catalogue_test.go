package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/memstore"
	"recaption/shards/storetest"
	"recaption/trainer/feed/feedtest"
)

func receiptObject(r schemas.Receipt) string {
	return shards.CaptionsKey(r.Recipe, r.Shard, r.Generation, r.Attempt)
}

// damage inverts a byte near the end of an object.
func damage(t testing.TB, st shards.Store, key string) {
	t.Helper()
	b, err := st.Get(t.Context(), key, 1<<30)
	must(t, err)
	b = bytes.Clone(b)
	b[len(b)-40] ^= 0xff
	must(t, st.Put(t.Context(), key, bytes.NewReader(b), int64(len(b))))
}

func TestCatalogueTakesOnce(t *testing.T) {
	st, s := site(t)
	c := catalogue(t, st, policy())
	must(t, c.List(t.Context()))
	want := Stats{Shards: 3, Rows: 60, Receipts: 6, SetAside: map[string]int{}}
	for range 2 {
		for _, r := range s.Receipts {
			must(t, c.Take(t.Context(), r.Ready()))
		}
		must(t, c.List(t.Context()))
		if d := cmp.Diff(want, c.Stats()); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
	}
	newer, err := s.Caption(t.Context(), st, 1, 0, 1)
	must(t, err)
	must(t, c.Take(t.Context(), newer.Ready()))
	must(t, c.Take(t.Context(), s.Receipts[1].Ready())) // the older one comes late
	if d := cmp.Diff(want, c.Stats()); d != "" {
		t.Fatalf("after a newer generation (-want +got):\n%s", d)
	}
	l, err := c.Freeze(t.Context(), plan(0))
	must(t, err)
	generations := map[int]int{}
	for _, e := range l.Entries {
		for _, c := range e.Captions {
			generations[c.Generation]++
		}
	}
	if generations[0] != 5 || generations[1] != 1 {
		t.Errorf("generations in the list: %v", generations)
	}
}

// TestSetAside: whatever is wrong with one receipt, the others are taken, and
// what was mended is taken by the next listing.
func TestSetAside(t *testing.T) {
	for reason, harm := range map[string]func(*testing.T, *memstore.Store, *feedtest.Site, schemas.Receipt){
		CaptionsMissing: func(t *testing.T, st *memstore.Store, _ *feedtest.Site, r schemas.Receipt) {
			must(t, st.Delete(t.Context(), receiptObject(r)))
		},
		CaptionsCorrupt: func(t *testing.T, st *memstore.Store, _ *feedtest.Site, r schemas.Receipt) {
			damage(t, st, receiptObject(r))
		},
		ReceiptUnread: func(t *testing.T, st *memstore.Store, _ *feedtest.Site, r schemas.Receipt) {
			storetest.MustPut(t, st, shards.ReceiptKey(r.Recipe, r.Shard, r.Generation), []byte(`{"kind":"receipt","version":1`))
		},
		RowsDiffer: func(t *testing.T, st *memstore.Store, _ *feedtest.Site, r schemas.Receipt) {
			r.File.Rows--
			r.File.Batches[len(r.File.Batches)-1].Rows--
			b, err := r.Encode()
			must(t, err)
			storetest.MustPut(t, st, shards.ReceiptKey(r.Recipe, r.Shard, r.Generation), b)
		},
		SamplesMissing: func(t *testing.T, st *memstore.Store, s *feedtest.Site, r schemas.Receipt) {
			must(t, st.Delete(t.Context(), shards.SampleShardKey("d", r.Shard)))
		},
		SamplesCorrupt: func(t *testing.T, st *memstore.Store, s *feedtest.Site, r schemas.Receipt) {
			damage(t, st, shards.SampleShardKey("d", r.Shard))
		},
	} {
		t.Run(reason, func(t *testing.T) {
			st, s := site(t)
			r := s.Receipts[0]
			before := map[string][]byte{}
			for o, err := range st.List(t.Context(), "", "") {
				must(t, err)
				b, err := st.Get(t.Context(), o.Key, 1<<30)
				must(t, err)
				before[o.Key] = bytes.Clone(b)
			}
			harm(t, st, s, r)
			c := catalogue(t, st, policy())
			must(t, c.List(t.Context()))
			lost := 1
			if reason == SamplesMissing || reason == SamplesCorrupt {
				lost = 2 // of both recipes
			}
			got := c.Stats()
			if got.SetAside[reason] != lost || got.Receipts != 6-lost {
				t.Errorf("%+v; want %d set aside as %s", got, lost, reason)
			}
			must(t, c.Take(t.Context(), r.Ready())) // no second look at it
			for key, b := range before {
				storetest.MustPut(t, st, key, b)
			}
			must(t, c.List(t.Context()))
			if got := c.Stats(); got.Receipts != 6 || len(got.SetAside) != 0 || got.Rows != 60 {
				t.Errorf("mended: %+v", got)
			}
		})
	}
}

func TestAnnouncedButGone(t *testing.T) {
	st, s := site(t)
	c := catalogue(t, st, policy())
	e := s.Receipts[0].Ready()
	e.Generation = 7
	must(t, c.Take(t.Context(), e))
	e = s.Receipts[0].Ready()
	e.Shard = schemas.ShardID(schemas.Sum([]byte("other")).String())
	must(t, c.Take(t.Context(), e))
	e.Dataset = "other"
	must(t, c.Take(t.Context(), e)) // not ours
	if d := cmp.Diff(map[string]int{ReceiptMissing: 1, UnknownShard: 1}, c.Stats().SetAside); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestOlderStays where the newer generation is damaged.
func TestOlderStays(t *testing.T) {
	st, s := site(t)
	newer, err := s.Caption(t.Context(), st, 0, 0, 1)
	must(t, err)
	must(t, st.Delete(t.Context(), receiptObject(newer)))
	c := catalogue(t, st, policy())
	must(t, c.List(t.Context()))
	if got := c.Stats(); got.Receipts != 6 || got.SetAside[CaptionsMissing] != 1 {
		t.Errorf("%+v", got)
	}
}

func TestWeightsOfRecipes(t *testing.T) {
	st, s := site(t)
	p := policy()
	p.Recipes = map[schemas.RecipeID]float64{s.Recipes[1]: 0}
	c := catalogue(t, st, p)
	must(t, c.List(t.Context()))
	if got := c.Stats(); got.Receipts != 3 {
		t.Errorf("%+v; want the receipts of one recipe", got)
	}
}

func TestFreeze(t *testing.T) {
	st, s := site(t)
	empty := catalogue(t, st, policy())
	if _, err := empty.Freeze(t.Context(), plan(0)); !errors.Is(err, ErrEmpty) {
		t.Errorf("nothing to train on: %v", err)
	}
	few := catalogue(t, st, policy())
	must(t, few.listParts(t.Context(), "d"))
	must(t, few.Take(t.Context(), s.Receipts[0].Ready()))
	first, err := few.Freeze(t.Context(), plan(0))
	must(t, err)
	if first.Rows() != 20 || len(first.Entries[0].Captions) != 1 {
		t.Errorf("%d rows, %d captions", first.Rows(), len(first.Entries[0].Captions))
	}
	again := frozen(t, st, 0) // by one that has all
	if d := cmp.Diff(first, again); d != "" {
		t.Errorf("the list that rests is not the one used (-want +got):\n%s", d)
	}
	if next := frozen(t, st, 1); next.Rows() != 60 {
		t.Errorf("the next list has %d rows", next.Rows())
	}
	other := plan(0)
	other.Seed++
	if _, err := few.Freeze(t.Context(), other); !errors.Is(err, ErrOtherPlan) {
		t.Errorf("another seed: %v", err)
	}
	otherPolicy := policy()
	otherPolicy.Context++
	if _, err := catalogue(t, st, otherPolicy).Freeze(t.Context(), plan(0)); !errors.Is(err, ErrOtherPlan) {
		t.Errorf("another policy: %v", err)
	}
	all := catalogue(t, st, policy())
	must(t, all.listParts(t.Context(), "d"))
	p := plan(2)
	p.Uncaptioned = true
	l, err := all.Freeze(t.Context(), p)
	must(t, err)
	if l.Rows() != 60 || l.Entries[0].Captions != nil {
		t.Errorf("without captions: %d rows", l.Rows())
	}
}

// TestFreezeFits: lanes become fewer until the order fits into the memory.
func TestFreezeFits(t *testing.T) {
	st, _ := site(t)
	c := catalogue(t, st, policy())
	must(t, c.List(t.Context()))
	p := plan(0)
	wide, err := c.Freeze(t.Context(), p)
	must(t, err)
	p.Epoch, p.Bytes = 1, needs(wide)/2
	narrow, err := c.Freeze(t.Context(), p)
	must(t, err)
	if wide.Order.Lanes != 4 || narrow.Order.Lanes >= 4 || needs(narrow) > p.Bytes {
		t.Errorf("lanes %d, then %d that need %d of %d", wide.Order.Lanes, narrow.Order.Lanes, needs(narrow), p.Bytes)
	}
}

func TestSources(t *testing.T) {
	st, s := site(t)
	later := schemas.RunRecord{
		Run: "later", State: schemas.RunLaunched, Dataset: "d", Revision: "fedcba9876543210", Recipe: s.Recipes[0],
		Gate: schemas.GateID(schemas.Sum(nil).String()), Pool: "default", At: time.Unix(100, 0).UTC(),
	}
	b, err := later.Encode()
	must(t, err)
	storetest.MustPut(t, st, shards.RunKey("later", 0), b)
	got, err := Sources(t.Context(), st)
	must(t, err)
	if d := cmp.Diff([]Source{{"d", "fedcba9876543210"}}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if _, err := Sources(t.Context(), st, "d", "e"); err == nil {
		t.Error("a dataset without runs: no error")
	}
	if _, err := NewCatalogue(st, append(got, Source{"d", s.Revision}), policy(), quiet); err == nil {
		t.Error("two revisions of one dataset: no error")
	}
}

// TestFollow: a training begins with the first shard, over the real services:
// what rested before is listed, and what comes after is announced, once or
// twice.
func TestFollow(t *testing.T) {
	st, conn := gateway(t), connect(t)
	must(t, conn.EnsureStreams(t.Context(), jetstream.DefaultLayout()))
	cfg := feedtest.DefaultConfig()
	cfg.Dataset, cfg.Recipes = schemas.DatasetID(fmt.Sprint("follow-", stores.next())), 1 // the server drops an event that it had lately
	s, err := feedtest.Write(t.Context(), st, cfg)
	must(t, err)
	events, err := conn.Subscribe(t.Context(), string(cfg.Dataset), jetstream.Follow{Dataset: cfg.Dataset})
	must(t, err)
	c := catalogue(t, st, policy())
	ctx, cancel := context.WithCancel(t.Context())
	followed := make(chan error, 1)
	go func() { followed <- c.Follow(ctx, Announced(events)) }()
	defer func() {
		cancel()
		if err := <-followed; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	within, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	must(t, c.Wait(within, 60))
	newer, err := s.Caption(t.Context(), st, 2, 0, 1)
	must(t, err)
	for range 2 {
		must(t, conn.Announce(within, newer.Ready()))
	}
	for {
		c.mu.Lock()
		have := c.captions[captionsKey{shardKey{cfg.Dataset, newer.Shard}, newer.Recipe}].Generation
		c.mu.Unlock()
		if have == 1 {
			break
		}
		select {
		case <-c.Changed():
		case <-within.Done():
			t.Fatal("the newer generation was not taken")
		}
	}
	if got := c.Stats(); got.Receipts != 3 || got.Rows != 60 {
		t.Errorf("%+v", got)
	}
}

// TestTakeTwiceAtOnce: listings and events run into each other.
func TestTakeTwiceAtOnce(t *testing.T) {
	st, s := site(t)
	c := catalogue(t, st, policy())
	errs := make(chan error)
	for range 4 {
		go func() {
			err := c.List(t.Context())
			for _, r := range s.Receipts {
				err = errors.Join(err, c.Take(t.Context(), r.Ready()))
			}
			errs <- err
		}()
	}
	for range 4 {
		must(t, <-errs)
	}
	if got := c.Stats(); got.Receipts != 6 || got.Rows != 60 || got.Shards != 3 {
		t.Errorf("%+v", got)
	}
}

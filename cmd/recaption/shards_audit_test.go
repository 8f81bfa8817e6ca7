package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"recaption/gate"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/memstore"
)

// rested is what a run leaves in a store, before it is written: tests change
// it first.
type rested struct {
	dataset  schemas.Dataset
	samples  [][]schemas.Sample // by shard
	rows     [][]schemas.CaptionRow
	part     func(*schemas.PartRecord)
	receipt  func(*schemas.Receipt)
	uncaught int // shards at the end without captions
	ended    bool
}

func newRested() *rested {
	r := &rested{
		dataset: schemas.Dataset{Dataset: "pairs", Revision: "0123456789abcdef", Source: "src", Format: "webdataset", Parts: 1, Cut: schemas.DefaultCutLimits()},
		part:    func(*schemas.PartRecord) {},
		receipt: func(*schemas.Receipt) {},
		ended:   true,
	}
	for _, keys := range [][]string{{"a", "b", "c"}, {"d", "e"}} {
		var samples []schemas.Sample
		var rows []schemas.CaptionRow
		for _, k := range keys {
			alt, image := "the alt-text of "+k, []byte("picture of "+k)
			s := schemas.Sample{Key: k, Image: image, ImageSHA256: schemas.Sum(image), AltText: &alt, Status: schemas.SampleOK}
			row := schemas.CaptionRow{
				Key: k, ImageSHA256: s.ImageSHA256, Status: schemas.RowCaptioned,
				Captions: []schemas.Caption{{Text: "A large red star on a wall, named " + k + ".", Prompt: "plain", Finish: schemas.FinishStop}},
			}
			if k == "c" {
				s.Status, s.Reason = schemas.SampleUnusable, schemas.ReasonTruncated
				row.Status, row.Reason, row.Captions = schemas.RowUnusable, schemas.ReasonTruncated, nil
			}
			samples, rows = append(samples, s), append(rows, row)
		}
		r.samples, r.rows = append(r.samples, samples), append(r.rows, rows)
	}
	return r
}

// write writes it all, in the order in which a run does.
func (r *rested) write(t *testing.T, st shards.Store) schemas.RecipeID {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(key string, b []byte, err error) {
		t.Helper()
		must(err)
		must(st.Create(t.Context(), key, b))
	}
	d := r.dataset
	recipe := schemas.Recipe{
		Model:   schemas.Model{Family: "llava", Files: map[string]schemas.Digest{"x": schemas.Sum(nil)}},
		Prompts: []schemas.Prompt{{Name: "plain", Text: "Describe the image."}}, CaptionsPerImage: 1, InputLimit: 100,
	}
	rb, recipeID, err := recipe.Encode()
	put(shards.RecipeKey(recipeID), rb, err)
	gb, gateID, err := schemas.DefaultGate().Encode()
	put(shards.GateKey(gateID), gb, err)
	b, err := d.Encode()
	put(shards.DatasetKey(d.Dataset, d.Revision), b, err)
	part := schemas.PartRecord{Dataset: d.Dataset, Revision: d.Revision, Part: "00000000-x", Location: "x.tar"}
	for _, samples := range r.samples {
		w, err := shards.NewSampleWriter(shards.DefaultWriterConfig(), nil)
		must(err)
		for _, s := range samples {
			must(w.Append(s))
		}
		shard, err := w.Commit(t.Context(), st, d.Dataset)
		must(err)
		part.Shards = append(part.Shards, shard)
	}
	written := part.Shards
	r.part(&part)
	_, err = shards.CommitPart(t.Context(), st, part)
	must(err)
	g, err := gate.New(schemas.DefaultGate(), recipe.Prompts)
	must(err)
	run := schemas.NewRunID(d.Dataset, d.Revision, recipeID, gateID)
	for i, rows := range r.rows[:len(r.rows)-r.uncaught] {
		job := schemas.CaptionJob{Run: run, Dataset: d.Dataset, Shard: written[i].ID, File: written[i].File, Recipe: recipeID, Gate: gateID}
		job.File.Rows = len(rows) // as many as the test wants
		a := shards.NewAttempt("test", "test", "")
		file, err := a.WriteCaptions(t.Context(), st, job, schemas.Digest{}, rows)
		must(err)
		receipt := a.Receipt(job, file)
		tally := g.Tally()
		for j, row := range rows {
			tally.Add(r.samples[i][min(j, len(r.samples[i])-1)].AltText, row)
		}
		tally.Into(&receipt)
		key := shards.ReceiptKey(recipeID, written[i].ID, 0)
		r.receipt(&receipt)
		b, err := receipt.Encode()
		put(key, b, err)
	}
	for n, state := range []schemas.RunState{schemas.RunLaunched, schemas.RunEnded} {
		if state == schemas.RunEnded && !r.ended {
			break
		}
		b, err := schemas.RunRecord{Run: run, State: state, Dataset: d.Dataset, Revision: d.Revision, Recipe: recipeID, Gate: gateID}.Encode()
		put(shards.RunKey(run, n), b, err)
	}
	return recipeID
}

func TestAudit(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*rested)
		want   []string // a part of each fault
	}{
		{"sound", func(*rested) {}, nil},
		{"under way", func(r *rested) { r.uncaught, r.ended, r.dataset.Parts = 1, false, 2 }, nil},
		{"ended without a receipt", func(r *rested) { r.uncaught = 1 }, []string{"has ended without this receipt"}},
		{"ended without a part", func(r *rested) { r.dataset.Parts = 2 }, []string{"has ended, but 1 of 2 parts are cut"}},
		{"ended at its limit", func(r *rested) { r.dataset.Parts, r.dataset.Limit = 3, 5 }, nil},
		{"ended before its limit", func(r *rested) { r.dataset.Parts, r.dataset.Limit = 3, 6 }, []string{"has ended, but 1 of 3 parts are cut"}},
		{"key twice", func(r *rested) { r.samples[1][0].Key, r.rows[1][0].Key = "a", "a" }, []string{`holds the key "a" twice`}},
		{"another image", func(r *rested) {
			r.samples[0][1].ImageSHA256 = schemas.Sum([]byte("other"))
			r.rows[0][1].ImageSHA256 = r.samples[0][1].ImageSHA256
		}, []string{`row 1, "b": the image is not the one of image_sha256`}},
		{"captions of another image", func(r *rested) { r.rows[0][0].ImageSHA256 = schemas.Digest{1} }, []string{`row 0: "a": it was made of another image`}},
		{"rows in another order", func(r *rested) { r.rows[1][0], r.rows[1][1] = r.rows[1][1], r.rows[1][0] },
			[]string{`row 0: it is "e", the shard's row is "d"`, `row 1: it is "d", the shard's row is "e"`}},
		{"row twice", func(r *rested) { r.rows[1][1] = r.rows[1][0] }, []string{`row 1: it is "d", the shard's row is "e"`}},
		{"row missing", func(r *rested) { r.rows[0] = r.rows[0][:2] }, []string{"it is of 2 rows, the shard has 3"}},
		{"row too many", func(r *rested) { r.rows[0] = append(r.rows[0], r.rows[0][0]) }, []string{"it is of 4 rows, the shard has 3"}},
		{"unusable and captioned", func(r *rested) {
			r.rows[0][2] = schemas.CaptionRow{Key: "c", ImageSHA256: r.samples[0][2].ImageSHA256, Status: schemas.RowFailed}
		}, []string{`row 2: "c": status failed, though the sample is unusable`}},
		{"ok and unusable", func(r *rested) { r.rows[0][0].Status = schemas.RowUnusable }, []string{`row 0: "a": status unusable, though the sample is ok`}},
		{"captioned without a caption", func(r *rested) { r.rows[0][0].Captions = nil }, []string{`row 0: "a": status captioned, and no caption`}},
		{"counts of the part", func(r *rested) {
			r.part = func(p *schemas.PartRecord) { p.Shards[0].Statuses = map[schemas.SampleStatus]int{schemas.SampleOK: 3} }
		}, []string{"status ok: its record counts 3 rows, it has 2", "status unusable: its record counts 0 rows, it has 1"}},
		{"counts of the receipts", func(r *rested) {
			r.receipt = func(x *schemas.Receipt) { x.Accepted++; x.Statuses[schemas.RowFailed] = 7 }
		}, []string{
			"counts 3 rows with an accepted caption, its gate accepts 2", "status failed: its record counts 7 rows",
			"counts 3 rows with an accepted caption, its gate accepts 2", "status failed: its record counts 7 rows",
		}},
		{"receipt of another shard", func(r *rested) {
			r.receipt = func(x *schemas.Receipt) { x.Shard = schemas.ShardID(strings.Repeat("a", 64)) }
		}, []string{"it is the receipt of shard aaaa", "it is the receipt of shard aaaa"}},
		{"shard under another name", func(r *rested) {
			r.part = func(p *schemas.PartRecord) {
				p.Shards = slices.Clone(p.Shards)
				p.Shards[1].ID = schemas.ShardID(strings.Repeat("b", 64))
			}
			r.ended = false
		}, []string{"shard bbbb"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, st := newRested(), memstore.New()
			c.change(r)
			r.write(t, st)
			var got []string
			a := newAudit(st, func(f fault) error { got = append(got, f.Key+": "+f.Fault); return nil })
			if err := a.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				i := slices.IndexFunc(got, func(f string) bool { return strings.Contains(f, want) })
				if i < 0 {
					t.Errorf("no fault says %q; got %q", want, got)
					continue
				}
				got = slices.Delete(got, i, i+1)
			}
			if len(got) > 0 {
				t.Errorf("more faults: %q", got)
			}
			if a.counts.Faults != len(c.want) {
				t.Errorf("counted %d faults, want %d", a.counts.Faults, len(c.want))
			}
		})
	}
}

func TestAuditCounts(t *testing.T) {
	r, st := newRested(), memstore.New()
	r.write(t, st)
	if err := st.Create(t.Context(), "pieces/left", []byte("123")); err != nil {
		t.Fatal(err)
	}
	a := newAudit(st, func(f fault) error { t.Error(f); return nil })
	if err := a.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := a.counts
	got.Bytes = 0
	want := verified{
		Datasets: 1, Revisions: 1, Parts: 1, Shards: 2, Samples: 5, Recipes: 1, Receipts: 2, Rows: 5,
		Objects: 13, Orphans: 1, OrphanBytes: 3,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestRevisionsAreListedAroundShards holds the listing of revisions against a
// store with names that sort close to each other.
func TestRevisionsAreListedAroundShards(t *testing.T) {
	st := memstore.New()
	name := func(r revision) string { return fmt.Sprintf("%s/%s", r.dataset, r.id) }
	var want []string
	for _, d := range []schemas.DatasetID{"a", "a-b", "a0", "a_"} {
		for _, r := range []schemas.RevisionID{"0000000000000000", "ffffffffffffffff"} {
			want = append(want, name(revision{d, r}))
			for _, key := range []string{shards.DatasetKey(d, r), shards.PartKey(d, r, "1"), shards.PartKey(d, r, "2")} {
				if err := st.Create(t.Context(), key, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, s := range []string{strings.Repeat("0", 64), strings.Repeat("f", 64)} {
			if err := st.Create(t.Context(), shards.SampleShardKey(d, schemas.ShardID(s)), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got []string
	for r, err := range revisions(t.Context(), st) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, name(r))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

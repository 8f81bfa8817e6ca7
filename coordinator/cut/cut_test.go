package cut

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"recaption/coordinator/source"
	"recaption/internal/embedded"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/memstore"
	"recaption/shards/storetest"
)

func TestMain(m *testing.M) {
	embedded.Main() // this program is the S3 gateway too
	goleak.VerifyTestMain(m)
}

// list is a source of one part that gives what it is told to.
type list struct {
	samples []schemas.Sample
	fail    error // behind the last sample
	reads   int
}

func (l *list) Format() source.Format { return source.WebDataset }

func (l *list) Parts(context.Context) iter.Seq2[source.Part, error] {
	return func(yield func(source.Part, error) bool) { yield(thePart, nil) }
}

var thePart = source.Part{ID: "00000000-a", Location: "a.tar", Fingerprint: "1"}

func (l *list) Read(ctx context.Context, _ source.Part, _ *source.Report) iter.Seq2[schemas.Sample, error] {
	l.reads++
	return func(yield func(schemas.Sample, error) bool) {
		for _, s := range l.samples {
			if err := ctx.Err(); err != nil {
				yield(schemas.Sample{}, err)
				return
			}
			if !yield(s, nil) {
				return
			}
		}
		if l.fail != nil {
			yield(schemas.Sample{}, l.fail)
		}
	}
}

// samples makes n of them with images of size bytes; every fifth is unusable.
func samples(n, size int) []schemas.Sample {
	var out []schemas.Sample
	for i := range n {
		s := schemas.Sample{Key: fmt.Sprintf("a.tar/%06d", i), MediaType: "image/png", Width: 3, Height: 2, Status: schemas.SampleOK}
		s.Image = []byte(strings.Repeat(fmt.Sprint(i), size)[:size])
		s.ImageSHA256 = schemas.Sum(s.Image)
		switch i % 5 {
		case 1:
			text := fmt.Sprintf("text\n%d ", i)
			s.AltText = &text
		case 2:
			s.Context = []byte(fmt.Sprintf(`{ "n" : %d.0 }`, i))
		case 3:
			empty := ""
			s.AltText, s.Reason = &empty, schemas.ReasonDamagedPart
		case 4:
			s.Image, s.ImageSHA256, s.Status, s.Reason = nil, schemas.Digest{}, schemas.SampleUnusable, schemas.ReasonNoImage
		}
		out = append(out, s)
	}
	return out
}

// revision describes one that is cut into shards of rows and bytes.
func revision(rows int, bytes int64) schemas.Dataset {
	return schemas.Dataset{Dataset: "d", Revision: "0123456789abcdef", Cut: schemas.CutLimits{Rows: rows, Bytes: bytes}}
}

func cutter(t testing.TB, st shards.Store, d schemas.Dataset) *Cutter {
	t.Helper()
	c, err := New(st, d, Config{Spool: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rest reads all samples of a record's shards, each file held against it.
func rest(t testing.TB, st shards.Store, p schemas.PartRecord) []schemas.Sample {
	t.Helper()
	var out []schemas.Sample
	for _, s := range p.Shards {
		key := shards.SampleShardKey(p.Dataset, s.ID)
		if err := shards.Verify(t.Context(), st, key, s.File); err != nil {
			t.Fatal(err)
		}
		r, err := shards.Open(t.Context(), st, key, s.File)
		if err != nil {
			t.Fatal(err)
		}
		statuses, reasons := map[schemas.SampleStatus]int{}, map[schemas.Reason]int{}
		for row, err := range r.Samples(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, row.Sample)
			statuses[row.Status]++
			if row.Reason != "" {
				reasons[row.Reason]++
			}
		}
		if !maps.Equal(statuses, s.Statuses) || !maps.Equal(reasons, s.Reasons) {
			t.Errorf("shard %s counts %v %v; its rows are %v %v", s.ID.Short(), s.Statuses, s.Reasons, statuses, reasons)
		}
	}
	return out
}

func rowsOf(p schemas.PartRecord) []int {
	var out []int
	for _, s := range p.Shards {
		out = append(out, s.File.Rows)
	}
	return out
}

func TestPart(t *testing.T) {
	for _, c := range []struct {
		name       string
		samples, n int // made and wanted: n as for Part
		size       int
		rows       int
		bytes      int64
		want       []int
	}{
		{"full shards and a rest", 25, All, 10, 10, 1 << 20, []int{10, 10, 5}},
		{"full shards", 20, All, 10, 10, 1 << 20, []int{10, 10}},
		{"bounded by bytes", 12, All, 1000, 100, 4500, []int{4, 4, 4}},
		{"a sample larger than a shard", 4, All, 5000, 100, 4500, []int{1, 1, 1, 1}},
		{"the first few", 25, 13, 10, 10, 1 << 20, []int{10, 3}},
		{"the first shard", 25, 10, 10, 10, 1 << 20, []int{10}},
		{"more than there are", 5, 13, 10, 10, 1 << 20, []int{5}},
		{"none", 5, 0, 10, 10, 1 << 20, nil},
		{"nothing there", 0, All, 10, 10, 1 << 20, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := memstore.New()
			src := &list{samples: samples(c.samples, c.size)}
			record, err := cutter(t, st, revision(c.rows, c.bytes)).Part(t.Context(), src, thePart, c.n)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, rowsOf(record)); d != "" {
				t.Errorf("rows of shards (-want +got):\n%s", d)
			}
			want := src.samples
			if c.n != All {
				want = want[:min(c.n, len(want))]
			}
			if d := cmp.Diff(want, rest(t, st, record)); d != "" && len(want) > 0 {
				t.Errorf("samples (-cut +at rest):\n%s", d)
			}
			rests, err := shards.ReadPart(t.Context(), st, shards.PartKey("d", "0123456789abcdef", thePart.ID))
			if err != nil || cmp.Diff(record, rests) != "" {
				t.Errorf("the record at rest: %v\n%s", err, cmp.Diff(record, rests))
			}
			if record.Location != "a.tar" {
				t.Errorf("location %q", record.Location)
			}
		})
	}
}

func TestPartIsCutOnce(t *testing.T) {
	st := memstore.New()
	src := &list{samples: samples(25, 10)}
	c := cutter(t, st, revision(10, 1<<20))
	first, err := c.Part(t.Context(), src, thePart, All)
	if err != nil {
		t.Fatal(err)
	}
	src.samples = samples(3, 10)
	second, err := c.Part(t.Context(), src, thePart, All)
	if err != nil || cmp.Diff(first, second) != "" {
		t.Errorf("cut again: %v\n%s", err, cmp.Diff(first, second))
	}
	if src.reads != 1 {
		t.Errorf("read %d times", src.reads)
	}
}

func TestEqualPartsGiveEqualShards(t *testing.T) {
	src := &list{samples: samples(50, 100)}
	var records []schemas.PartRecord
	for range 2 {
		record, err := cutter(t, memstore.New(), revision(20, 1<<20)).Part(t.Context(), src, thePart, All)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
	if d := cmp.Diff(records[0], records[1]); d != "" {
		t.Error(d)
	}
}

// Two coordinators that cut one part with different results: the first record
// wins, and both go on with it.
func TestFirstCutWins(t *testing.T) {
	st := memstore.New()
	d := revision(10, 1<<20)
	other := &list{samples: samples(7, 10)}
	late := &interrupted{list: list{samples: samples(25, 10)}, before: func() {
		if _, err := cutter(t, st, d).Part(t.Context(), other, thePart, All); err != nil {
			t.Error(err)
		}
	}}
	record, err := cutter(t, st, d).Part(t.Context(), late, thePart, All)
	if err != nil {
		t.Fatal(err)
	}
	if got := rest(t, st, record); cmp.Diff(other.samples, got) != "" {
		t.Errorf("the second cut won: %d rows", len(got))
	}
}

// interrupted runs before when the part was read and nothing was committed.
type interrupted struct {
	list
	before func()
}

func (i *interrupted) Read(ctx context.Context, p source.Part, r *source.Report) iter.Seq2[schemas.Sample, error] {
	return func(yield func(schemas.Sample, error) bool) {
		for s, err := range i.list.Read(ctx, p, r) {
			if !yield(s, err) {
				return
			}
		}
		i.before()
	}
}

func TestSourceFails(t *testing.T) {
	broken := errors.New("broken")
	for _, n := range []int{0, 5, 10, 25} {
		st := memstore.New()
		src := &list{samples: samples(n, 10), fail: broken}
		c := cutter(t, st, revision(10, 1<<20))
		if _, err := c.Part(t.Context(), src, thePart, All); !errors.Is(err, broken) {
			t.Errorf("after %d samples: error %v", n, err)
		}
		wantNoRecord(t, st)
		src.fail = nil
		record, err := c.Part(t.Context(), src, thePart, All)
		if err != nil {
			t.Fatal(err)
		}
		if got := rest(t, st, record); len(got) != n {
			t.Errorf("cut again: %d rows of %d", len(got), n)
		}
	}
}

func wantNoRecord(t *testing.T, st shards.Store) {
	t.Helper()
	for o, err := range st.List(t.Context(), shards.PartsPrefix("d", "0123456789abcdef"), "") {
		t.Errorf("record %s rests, %v", o.Key, err)
	}
}

// Whichever request of the store fails, before or after it took effect: there
// is no record without its shards, and the next cut gives the one that a cut
// without faults gives.
func TestStoreFails(t *testing.T) {
	src := &list{samples: samples(35, 10)}
	d := revision(10, 1<<20)
	want, err := cutter(t, memstore.New(), d).Part(t.Context(), src, thePart, All)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []storetest.Op{storetest.Put, storetest.Create, storetest.Get, storetest.ReadTail} {
		for n := 1; n <= 4; n++ {
			for _, when := range []storetest.Moment{storetest.Before, storetest.After} {
				t.Run(fmt.Sprintf("%s %d moment %d", op, n, when), func(t *testing.T) {
					inner := memstore.New()
					st := storetest.NewFaults(inner)
					st.Fail(storetest.Fault{Op: op, N: n, When: when})
					record, err := cutter(t, st, d).Part(t.Context(), src, thePart, All)
					if err == nil && cmp.Diff(want, record) != "" {
						t.Errorf("record (-want +got):\n%s", cmp.Diff(want, record))
					}
					for o, err := range inner.List(t.Context(), shards.PartsPrefix("d", d.Revision), "") {
						if err != nil {
							t.Fatal(err)
						}
						rests, err := shards.ReadPart(t.Context(), inner, o.Key)
						if err != nil {
							t.Fatal(err)
						}
						rest(t, inner, rests)
					}
					record, err = cutter(t, inner, d).Part(t.Context(), src, thePart, All)
					if err != nil || cmp.Diff(want, record) != "" {
						t.Errorf("cut again: %v\n%s", err, cmp.Diff(want, record))
					}
					if got := rest(t, inner, record); cmp.Diff(src.samples, got) != "" {
						t.Errorf("samples differ: %d rows", len(got))
					}
				})
			}
		}
	}
}

func TestCutIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	st := memstore.New()
	src := &interrupted{list: list{samples: samples(25, 10)}, before: cancel}
	_, err := cutter(t, st, revision(10, 1<<20)).Part(ctx, src, thePart, All)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	wantNoRecord(t, st)
}

// A real archive: what rests is what the source gives, faults included.
func TestArchive(t *testing.T) {
	st := memstore.New()
	src, err := source.Open(t.Context(), filepath.Join("..", "source", "testdata", "webdataset"), source.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c := cutter(t, st, revision(64, 1<<20))
	statuses := map[schemas.SampleStatus]int{}
	faults := 0
	for p, err := range src.Parts(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		record, err := c.Part(t.Context(), src, p, All)
		if err != nil {
			t.Fatal(err)
		}
		var want []schemas.Sample
		for s, err := range src.Read(t.Context(), p, &source.Report{}) {
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, s)
			statuses[s.Status]++
		}
		if d := cmp.Diff(want, rest(t, st, record)); d != "" {
			t.Errorf("%s:\n%s", p.ID, d)
		}
		for _, f := range record.Faults {
			faults += f.Count
		}
	}
	if d := cmp.Diff(map[schemas.SampleStatus]int{schemas.SampleOK: 90, schemas.SampleUnusable: 103}, statuses); d != "" || faults != 193 {
		t.Errorf("%d faults; statuses (-want +got):\n%s", faults, d)
	}
}

func TestShardsSayWhatTheyAre(t *testing.T) {
	st := memstore.New()
	record, err := cutter(t, st, revision(10, 1<<20)).Part(t.Context(), &list{samples: samples(1, 1)}, thePart, All)
	if err != nil {
		t.Fatal(err)
	}
	s := record.Shards[0]
	r, err := shards.Open(t.Context(), st, shards.SampleShardKey("d", s.ID), s.File)
	if err != nil {
		t.Fatal(err)
	}
	meta := r.Schema().Metadata()
	for k, want := range map[string]string{schemas.MetaSchema: schemas.SamplesSchema, schemas.MetaDataset: "d"} {
		if got, _ := meta.GetValue(k); got != want {
			t.Errorf("metadata %s is %q, not %q", k, got, want)
		}
	}
}

func TestNewChecksLimits(t *testing.T) {
	_, err := New(memstore.New(), revision(0, 0), Config{})
	if err == nil || !strings.Contains(err.Error(), "rows 0") || !strings.Contains(err.Error(), "bytes 0") {
		t.Errorf("error %v", err)
	}
}

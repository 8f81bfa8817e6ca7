package worker

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/storetest"
	"recaption/worker/vlm"
)

// brief is a row as tests write it down.
func brief(rows []schemas.CaptionRow) []string {
	var out []string
	for _, r := range rows {
		s := fmt.Sprintf("%s %s", r.Key, r.Status)
		if r.Reason != "" {
			s += " " + string(r.Reason)
		}
		for _, c := range r.Captions {
			s += fmt.Sprintf(" %q", c.Text)
		}
		out = append(out, s)
	}
	return out
}

// A bad sample is a row with a status; the others don't notice.
func TestRowsHaveTheirStatuses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	rows := samples(9)
	rows[1] = schemas.Sample{Key: "a.tar/0001", Status: schemas.SampleUnusable, Reason: schemas.ReasonNoImage}
	rows[2] = schemas.Sample{Key: "a.tar/0002", Status: schemas.SampleUnreachable, Reason: "http_404"}
	rows[3].Status, rows[3].Reason = schemas.SampleWithdrawn, ""
	rows[4].Image = []byte("broken")
	rows[5].AltText = nil
	rows[6].Reason = schemas.ReasonDamagedPart
	rows[7].Image = []byte("poison")
	rows[8].Image = []byte("silence")
	e := newFake()
	e.text = func(image string, _ int64) string {
		switch image {
		case "silence":
			return ""
		case "image 6":
			return "Not \xff UTF-8."
		}
		return "Text of " + image + "."
	}
	e.before = failOn("poison", &vlm.SampleError{Reason: schemas.ReasonEngine, Err: errors.New("poison")})
	job := s.job(s.shard(rows), recipeOf(e))
	got := s.do(e, job)[0]
	want := []string{
		`a.tar/0000 captioned "Text of image 0."`,
		`a.tar/0001 unusable no_image`,
		`a.tar/0002 unreachable http_404`,
		`a.tar/0003 withdrawn`,
		`a.tar/0004 failed corrupt_image`,
		`a.tar/0005 captioned "Text of image 5."`,
		`a.tar/0006 captioned damaged_part "Not ` + "\uFFFD" + ` UTF-8."`,
		`a.tar/0007 failed engine`,
		`a.tar/0008 refused empty_caption ""`,
	}
	if d := cmp.Diff(want, brief(got)); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	if got[0].Captions[0].Prompt != "grounded" || got[5].Captions[0].Prompt != "plain" {
		t.Errorf("prompts %q and %q", got[0].Captions[0].Prompt, got[5].Captions[0].Prompt)
	}
	for i, r := range got {
		if r.ImageSHA256 != rows[i].ImageSHA256 {
			t.Errorf("row %d: image %s, want %s", i, r.ImageSHA256, rows[i].ImageSHA256)
		}
	}
	// What came in is what rests: the sample shard is as it was written.
	must(t, shards.Verify(t.Context(), s.rest, shards.SampleShardKey(job.Dataset, job.Shard), job.File))
}

// Every stage that a receipt names was clocked.
func TestStagesOfAReceipt(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	job := s.job(s.shard(samples(3)), recipeOf(e))
	s.do(e, job)
	r, err := shards.ReadReceipt(t.Context(), s.rest, shards.ReceiptKey(job.Recipe, job.Shard, job.Generation))
	must(t, err)
	if d := cmp.Diff([]string{"prepare", "read", "wait_and_generate", "write"}, slices.Sorted(maps.Keys(r.Seconds))); d != "" {
		t.Errorf("stages (-want +got):\n%s", d)
	}
	for stage, n := range r.Seconds {
		if n <= 0 {
			t.Errorf("stage %s: %v s", stage, n)
		}
	}
}

func TestNoPromptFits(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	recipe := recipeOf(e)
	recipe.Prompts = []schemas.Prompt{{Name: "titled", Text: "{title}"}}
	rows := samples(2)
	rows[1].Context = []byte(`{"title":"A title"}`)
	got := s.do(e, s.job(s.shard(rows), recipe))[0]
	want := []string{"a.tar/0000 failed no_prompt", `a.tar/0001 captioned "A caption of image 1 asked by A title."`}
	if d := cmp.Diff(want, brief(got)); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

// While the latest caption carries a flag of the recipe's there is another try,
// with another seed and the settings for further tries. All are kept.
func TestTriesAreKept(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	n := map[string]int{}
	e.text = func(image string, _ int64) string {
		e.mu.Lock()
		defer e.mu.Unlock()
		n[image]++
		if image == "image 1" && n[image] < 3 || image == "image 2" {
			return "Short."
		}
		return "Long enough for the gate."
	}
	recipe := recipeOf(e)
	recipe.Retry = schemas.Retry{Tries: 3, Flags: []schemas.Flag{schemas.FlagShort}, Generation: map[string]any{"max_new_tokens": 40}}
	job := s.job(s.shard(samples(3)), recipe)
	got := s.do(e, job)[0]
	for i, want := range []int{1, 3, 4} {
		seeds := map[int64]bool{}
		for _, c := range got[i].Captions {
			seeds[c.Seed] = true
		}
		if len(got[i].Captions) != want || len(seeds) != want {
			t.Errorf("row %d: %d captions with %d seeds, want %d", i, len(got[i].Captions), len(seeds), want)
		}
		if got[i].Status != schemas.RowCaptioned {
			t.Errorf("row %d: %s", i, got[i].Status)
		}
	}
	r, err := shards.ReadReceipt(t.Context(), s.rest, shards.ReceiptKey(job.Recipe, job.Shard, 0))
	must(t, err)
	if r.Captions != 8 || r.Accepted != 2 || r.Flags[schemas.FlagShort] != 6 || r.Tokens != 24 {
		t.Errorf("receipt: %d captions, %d accepted, %d short, %d tokens", r.Captions, r.Accepted, r.Flags[schemas.FlagShort], r.Tokens)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	tokens := map[int]bool{}
	for _, a := range e.asked {
		tokens[a.tokens] = true
	}
	if !tokens[12] || !tokens[40] {
		t.Errorf("settings asked for: %v tokens, want 12 at first and 40 then", tokens)
	}
}

func TestSeveralCaptionsOfAnImage(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	e.text = func(image string, seed int64) string {
		return fmt.Sprintf("A caption of %s with seed %d.", image, seed)
	}
	recipe := recipeOf(e)
	recipe.CaptionsPerImage = 3
	for i, r := range s.do(e, s.job(s.shard(samples(2)), recipe))[0] {
		texts := map[string]bool{}
		for n, c := range r.Captions {
			texts[c.Text] = true
			if want := recipe.CaptionSeed(r.Key, n, 0); c.Seed != want {
				t.Errorf("row %d, caption %d: seed %d, want %d", i, n, c.Seed, want)
			}
		}
		if len(r.Captions) != 3 || len(texts) != 3 {
			t.Errorf("row %d: %d captions, %d texts, want 3", i, len(r.Captions), len(texts))
		}
	}
}

// Samples that can't be read are rows too: of a damaged record batch those in
// it, of a lost shard all.
func TestDamagedShards(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		damage func(s *site, key string, f schemas.File)
		lost   []int
	}{
		{"a batch in the middle", func(s *site, key string, f schemas.File) { s.flip(key, f.Batches[1].Offset+f.Batches[1].Bytes/2) }, []int{4, 5, 6, 7}},
		{"first and last batch", func(s *site, key string, f schemas.File) {
			s.flip(key, f.Batches[0].Offset+f.Batches[0].Bytes/2)
			s.flip(key, f.Batches[2].Offset+f.Batches[2].Bytes/2)
		}, []int{0, 1, 2, 3, 8, 9}},
		{"the footer", func(s *site, key string, f schemas.File) { s.flip(key, f.Footer.Offset+f.Footer.Bytes/2) }, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{"cut off", func(s *site, key string, f schemas.File) {
			b := storedBytes(s.t, s.rest, key)
			storetest.MustPut(s.t, s.rest, key, b[:len(b)/2])
		}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{"gone", func(s *site, key string, f schemas.File) { must(s.t, s.rest.Delete(s.t.Context(), key)) }, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, e := newSite(t), newFake()
			job := s.job(s.shard(samples(10)), recipeOf(e))
			test.damage(s, shards.SampleShardKey(job.Dataset, job.Shard), job.File)
			for i, r := range s.do(e, job)[0] {
				if slices.Contains(test.lost, i) {
					if r.Status != schemas.RowFailed || r.Reason != schemas.ReasonShardCorrupt || r.Key != shards.UnreadableKey(i) {
						t.Errorf("row %d: %s %s %s", i, r.Key, r.Status, r.Reason)
					}
				} else if r.Status != schemas.RowCaptioned || r.Key != fmt.Sprintf("a.tar/%04d", i) {
					t.Errorf("row %d: %s %s %s", i, r.Key, r.Status, r.Reason)
				}
			}
		})
	}
}

// flip changes one byte of what rests.
func (s *site) flip(key string, at int64) {
	s.t.Helper()
	b := storedBytes(s.t, s.rest, key)
	b[at] ^= 0x55
	storetest.MustPut(s.t, s.rest, key, b)
}

func storedBytes(t testing.TB, st shards.Store, key string) []byte {
	t.Helper()
	b, err := st.Get(t.Context(), key, 1<<30)
	must(t, err)
	return b
}

// A later generation captions the rows that it selects and keeps the others.
func TestLaterGenerationKeepsTheOthers(t *testing.T) {
	t.Parallel()
	s, e := newSite(t), newFake()
	job := s.job(s.shard(samples(10)), recipeOf(e))
	first := s.do(e, job)[0]
	e.text = func(image string, _ int64) string { return "The second caption of " + image + "." }
	again := job
	again.Generation, again.Rows = 1, []schemas.RowRange{{From: 1, To: 3}, {From: 9, To: 10}}
	again = schemas.NewCaptionJob(again)
	second := s.do(e, again)[0]
	for i := range first {
		if again.Selects(i) {
			if want := fmt.Sprintf("The second caption of image %d.", i); second[i].Captions[0].Text != want {
				t.Errorf("row %d: %q, want %q", i, second[i].Captions[0].Text, want)
			}
		} else if d := cmp.Diff(first[i], second[i]); d != "" {
			t.Errorf("row %d is not kept: %s", i, d)
		}
	}
	if d := cmp.Diff(first, s.rows(job)); d != "" {
		t.Errorf("the first generation changed: %s", d)
	}

	// Where the captions before can't be read, the rows that were to be kept
	// are lost, and say so.
	r, err := shards.ReadReceipt(t.Context(), s.rest, shards.ReceiptKey(job.Recipe, job.Shard, 1))
	must(t, err)
	s.flip(shards.CaptionsKey(r.Recipe, r.Shard, 1, r.Attempt), r.File.Batches[0].Offset+r.File.Batches[0].Bytes/2)
	again.Generation = 2
	again = schemas.NewCaptionJob(again)
	for i, row := range s.do(e, again)[0] {
		want := schemas.RowFailed
		if again.Selects(i) {
			want = schemas.RowCaptioned
		}
		if row.Status != want || row.Key != fmt.Sprintf("a.tar/%04d", i) {
			t.Errorf("generation 2, row %d: %s %s %s, want %s", i, row.Key, row.Status, row.Reason, want)
		}
	}
}

// Same samples, same recipe: the same captions, whatever the number of jobs and
// samples at once and the size of batches. With the real engine, drawing.
func TestSameCaptionsWhateverTheSettings(t *testing.T) {
	t.Parallel()
	var rows []schemas.Sample
	for i := range 20 {
		b, err := os.ReadFile(fmt.Sprintf("vlm/testdata/tiny/images/%02d.png", i))
		must(t, err)
		rows = append(rows, sample(i, b))
	}
	var want [][]schemas.CaptionRow
	for _, test := range []struct {
		name           string
		slots, samples int
		batch          int
	}{{"one by one", 1, 1, 32}, {"two jobs, samples by three", 2, 3, 32}, {"many at once", 3, 60, 32}, {"batches of three", 2, 0, 3}} {
		s := newSiteOf(t, test.name)
		e := tiny
		if test.batch != 32 {
			e = openTiny(t, test.batch)
		}
		recipe := recipeOf(e)
		recipe.Generation = map[string]any{"max_new_tokens": 8, "do_sample": true, "temperature": 1.0, "top_k": 20, "top_p": 1.0}
		recipe.CaptionsPerImage = 2
		jobs := []schemas.CaptionJob{s.job(s.shard(rows[:10]), recipe), s.job(s.shard(rows[10:]), recipe)}
		s.publish(jobs...)
		p := s.start(e, func(c *Config) { c.Slots, c.Samples = test.slots, test.samples })
		s.event()
		s.event()
		p.finish()
		got := [][]schemas.CaptionRow{s.rows(jobs[0]), s.rows(jobs[1])}
		if want == nil {
			want = got
			for _, r := range got[0] {
				if r.Status != schemas.RowCaptioned {
					t.Fatalf("%s: %s %s", r.Key, r.Status, r.Reason)
				}
			}
			continue
		}
		// The log-probability may differ within rounding.
		if d := cmp.Diff(want, got, cmp.Comparer(func(a, b float32) bool { return a-b < 1e-2 && b-a < 1e-2 })); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, d)
		}
	}
}

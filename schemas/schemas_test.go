package schemas

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
)

func TestIDs(t *testing.T) {
	hex64 := strings.Repeat("0a", 32)
	for _, test := range []struct {
		name  string
		parse func(string) error
		good  []string
		bad   []string
	}{
		{"dataset", func(s string) error { return idErr(ParseDatasetID(s)) }, []string{"a", "laion-2b_en", "9"}, []string{"", "-a", "_a", "A", "a.b", "a/b", "a b", "ä", strings.Repeat("a", 64), "a*", "a>"}},
		{"shard", func(s string) error { return idErr(ParseShardID(s)) }, []string{hex64}, []string{"", hex64[1:], strings.ToUpper(hex64), hex64[:63] + "g"}},
		{"job", func(s string) error { return idErr(ParseJobID(s)) }, []string{hex64[:32]}, []string{hex64}},
		{"attempt", func(s string) error { return idErr(ParseAttemptID(s)) }, []string{string(NewAttemptID())}, []string{"x"}},
	} {
		for _, s := range test.good {
			if err := test.parse(s); err != nil {
				t.Errorf("%s %q: %v", test.name, s, err)
			}
		}
		for _, s := range test.bad {
			if err := test.parse(s); !errors.Is(err, ErrID) {
				t.Errorf("%s %q: got %v; want ErrID", test.name, s, err)
			}
		}
	}
}

func TestCanonical(t *testing.T) {
	type inner struct {
		Z int    `json:"z"`
		A string `json:"a"`
	}
	got, err := Canonical(map[string]any{"b": inner{9007199254740993, "<&>"}, "a": []float64{1, .5, 1e21}})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":[1,0.5,1e+21],"b":{"a":"<&>","z":9007199254740993}}`; string(got) != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

func TestRender(t *testing.T) {
	text := func(s string) *string { return &s }
	r := testRecipeValue()
	r.InputLimit = 12
	r.Prompts = []Prompt{
		{"both", "{{alt}} {alt_text} / {title}"},
		{"alt", "alt: {alt_text}"},
		{"none", "describe"},
	}
	upper := func(s string) string { return strings.ReplaceAll(s, "<image>", "") }
	for _, test := range []struct {
		name         string
		sample       Sample
		prompt, want string
	}{
		{"both", Sample{AltText: text(" a\n red  star "), Context: []byte(`{"title":"Stars"}`)}, "both", "{alt} a red star / Stars"},
		{"a number", Sample{AltText: text("x"), Context: []byte(`{"title":12.50}`)}, "both", "{alt} x / 12.50"},
		{"blank title", Sample{AltText: text("x"), Context: []byte(`{"title":"  "}`)}, "alt", "alt: x"},
		{"null title", Sample{AltText: text("x"), Context: []byte(`{"title":null}`)}, "alt", "alt: x"},
		{"no alt-text", Sample{Context: []byte(`{"title":"Stars"}`)}, "none", "describe"},
		{"empty alt-text", Sample{AltText: text("")}, "none", "describe"},
		{"special tokens taken out", Sample{AltText: text("a <image>star")}, "alt", "alt: a star"},
		{"nothing but special tokens", Sample{AltText: text("<image>")}, "none", "describe"},
		{"cut at a character", Sample{AltText: text("ääääääääääää b")}, "alt", "alt: ääääääääääää"},
		{"braces in the alt-text stay", Sample{AltText: text("{title}")}, "alt", "alt: {title}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in, ok := r.Render(test.sample, upper)
			if !ok || in.Prompt != test.prompt || in.Text != test.want {
				t.Errorf("got %q %q %v; want %q %q", in.Prompt, in.Text, ok, test.prompt, test.want)
			}
		})
	}
	r.Prompts = r.Prompts[:2]
	if _, ok := r.Render(Sample{}, nil); ok {
		t.Error("rendered a prompt whose variables the sample lacks")
	}
	a, _ := r.Render(Sample{AltText: text("a b")}, nil)
	b, _ := r.Render(Sample{AltText: text("a  b"), Context: []byte(`{"other":1}`)}, nil)
	c, _ := r.Render(Sample{AltText: text("a c")}, nil)
	if a.SHA256 != b.SHA256 || a.SHA256 == c.SHA256 {
		t.Error("the input's digest is not of what was rendered alone")
	}
}

func TestPromptErrors(t *testing.T) {
	for _, text := range []string{"{", "a } b", "{}", "{a b}", "{alt_text"} {
		r := testRecipeValue()
		r.Prompts = []Prompt{{"p", text}}
		if _, _, err := r.Encode(); err == nil || !strings.Contains(err.Error(), "prompts[0].text") {
			t.Errorf("%q: got %v; want an error that names prompts[0].text", text, err)
		}
	}
}

func TestRecipeID(t *testing.T) {
	_, id, err := testRecipeValue().Encode()
	if err != nil {
		t.Fatal(err)
	}
	same := testRecipeValue()
	same.Retry.Flags = []Flag{FlagRepetition, FlagCut}
	if _, got, _ := same.Encode(); got != id {
		t.Error("the order of retry.flags changes the ID")
	}
	for name, change := range map[string]func(*Recipe){
		"seed":   func(r *Recipe) { r.Seed++ },
		"model":  func(r *Recipe) { r.Model.Files["tokenizer.json"] = Sum([]byte("other")) },
		"tokens": func(r *Recipe) { r.Generation["max_new_tokens"] = 97 },
		"prompt": func(r *Recipe) { r.Prompts[0].Text += " " },
	} {
		r := testRecipeValue()
		change(&r)
		if _, got, err := r.Encode(); err != nil || got == id {
			t.Errorf("%s: the ID did not change (%v)", name, err)
		}
	}
	b, _, _ := testRecipeValue().Encode()
	if _, err := DecodeRecipe(b, testRecipe()); !errors.Is(err, ErrMalformed) {
		t.Errorf("another recipe's ID: got %v; want ErrMalformed", err)
	}
}

func TestCaptionSeed(t *testing.T) {
	r := testRecipeValue()
	seen := map[int64]bool{}
	for _, key := range []string{"a", "b", "1\na"} {
		for caption := range 3 {
			for try := range 3 {
				s := r.CaptionSeed(key, caption, try)
				if s < 0 || seen[s] {
					t.Errorf("seed %d of %q %d %d: negative or seen before", s, key, caption, try)
				}
				seen[s] = true
			}
		}
	}
	if got := r.CaptionSeed("a", 0, 0); got != r.CaptionSeed("a", 0, 0) {
		t.Error("two seeds for one try")
	}
}

func TestSampleRows(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	alt, empty := "a star", ""
	want := []Sample{
		{Key: "1", Image: []byte("jpeg"), ImageSHA256: Sum([]byte("jpeg")), MediaType: "image/jpeg", Width: 4, Height: 3, AltText: &alt, Context: []byte(`{"n":1.0}`), Status: SampleOK},
		{Key: "2", AltText: &empty, Status: SampleUnusable, Reason: ReasonNoImage},
		{Key: "3", Image: []byte{}, Status: SampleUnusable, Reason: ReasonEmptyImage},
	}
	b := NewSampleBuilder(mem, Samples(map[string]string{MetaDataset: "d"}))
	defer b.Release()
	for _, s := range want {
		if err := b.Append(s); err != nil {
			t.Fatal(err)
		}
	}
	rec := b.NewRecord()
	defer rec.Release()
	rows, err := NewSampleRows(rec)
	if err != nil {
		t.Fatal(err)
	}
	var got []Sample
	for i := range rows.Len() {
		got = append(got, rows.At(i))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, bad := range []Sample{{Status: SampleOK}, {Key: "k", Status: "fine"}, {Key: "k", Status: SampleOK, Context: []byte("{")}} {
		if err := b.Append(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v: got %v; want ErrMalformed", bad, err)
		}
	}
}

func TestCaptionRows(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	want := []CaptionRow{
		{Key: "1", ImageSHA256: Sum([]byte("i")), InputSHA256: Sum([]byte("p")), Status: RowCaptioned, Captions: []Caption{
			{Text: "A star.", Prompt: "plain", Seed: 5, Tokens: 4, Finish: FinishStop, LogProb: -.5, Scores: map[string]float32{"clip": .3, "len": 2}},
			{Text: "A red", Prompt: "plain", Seed: 6, Tokens: 2, Finish: FinishLength, LogProb: -1},
		}},
		{Key: "2", Status: RowUnusable, Reason: ReasonNoImage},
	}
	b := NewCaptionBuilder(mem, Captions(nil))
	defer b.Release()
	for _, c := range want {
		if err := b.Append(c); err != nil {
			t.Fatal(err)
		}
	}
	rec := b.NewRecord()
	defer rec.Release()
	rows, err := NewCaptionRows(rec)
	if err != nil {
		t.Fatal(err)
	}
	var got []CaptionRow
	for i := range rows.Len() {
		got = append(got, rows.At(i))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if _, err := NewSampleRows(rec); !errors.Is(err, ErrMalformed) {
		t.Errorf("captions read as samples: got %v; want ErrMalformed", err)
	}
}

// TestFingerprints holds the fields of the schemas: a change needs a new name.
func TestFingerprints(t *testing.T) {
	goldenText(t, "fingerprints.txt", SamplesSchema+" "+fingerprint(sampleFields())+"\n"+CaptionsSchema+" "+fingerprint(captionFields())+"\n")
	if err := CheckSchema(Samples(map[string]string{MetaSchema: "samples/2"}), SamplesSchema); !errors.Is(err, ErrVersion) {
		t.Errorf("samples/2: got %v; want ErrVersion", err)
	}
}

// TestHostileRecords: who reads a record may slice its identifiers, and hold a
// row for each that its file names.
func TestHostileRecords(t *testing.T) {
	file := func(change func(*File)) []byte {
		f := testFile()
		change(&f)
		b, err := encode(PartRecord{Kind: "part", Version: 1, Dataset: "d", Revision: "0123456789abcdef", Part: "p", Shards: []Shard{{ID: testShard(), File: f}}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	part := func(b []byte) error { _, err := DecodePartRecord(b); return err }
	run := func(b []byte) error { _, err := DecodeRunRecord(b); return err }
	data := func(b []byte) error { _, err := DecodeDataset(b); return err }
	if err := part(file(func(*File) {})); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"rows without end":          part(file(func(f *File) { f.Rows, f.Batches[0].Rows = MaxRows+1, MaxRows })),
		"a batch of rows above all": part(file(func(f *File) { f.Rows, f.Batches[0].Rows, f.Batches[1].Rows = 0, 1<<62, 1<<62 })),
		"a footer beyond 63 bits":   part(file(func(f *File) { f.Footer.Offset, f.Footer.Bytes = math.MaxInt64, 2 })),
		"a part without a name":     part([]byte(`{"kind":"part","version":1,"dataset":"d","revision":"0123456789abcdef","part":"","location":"","shards":null}`)),
		"a run of no recipe":        run([]byte(`{"kind":"run","version":1,"run":"r","state":"launched","dataset":"d","revision":"0123456789abcdef","recipe":"short","gate":"","pool":"p","at":"2026-01-02T03:04:05Z"}`)),
		"a dataset elsewhere":       data([]byte(`{"kind":"dataset","version":1,"dataset":"../d","revision":"0123456789abcdef"}`)),
	} {
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v; want ErrMalformed", name, err)
		}
	}
}

func FuzzDecodeCaptionJob(f *testing.F) {
	b, err := NewCaptionJob(CaptionJob{Run: "r", Pool: "p", Dataset: "d", Shard: testShard(), File: testFile(), Recipe: testRecipe(), Gate: testGate()}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"kind":"caption_job","version":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := DecodeCaptionJob(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrVersion) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		again, err := j.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if k, err := DecodeCaptionJob(again); err != nil || cmp.Diff(j, k) != "" {
			t.Errorf("not the same twice: %v", err)
		}
	})
}

func FuzzPrompt(f *testing.F) {
	f.Add("a {alt_text} {{b}}", "x{y}")
	f.Fuzz(func(t *testing.T, text, alt string) {
		r := testRecipeValue()
		r.Prompts = []Prompt{{"p", text}}
		if in, ok := r.Render(Sample{Key: "k", AltText: &alt}, nil); ok && in.SHA256.IsZero() {
			t.Error("no digest")
		}
	})
}

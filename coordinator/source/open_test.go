package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
)

// layOut writes files into a new folder; names end in '/' for empty folders,
// and data that begins with "-> " makes a link.
func layOut(t testing.TB, pairs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(pairs); i += 2 {
		path, data := filepath.Join(dir, pairs[i]), pairs[i+1]
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(data, "-> "); ok {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(data), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func partsOf(t testing.TB, s Source) []Part {
	t.Helper()
	var out []Part
	for p, err := range s.Parts(context.Background()) {
		if err != nil {
			t.Fatalf("parts: %v", err)
		}
		if _, err := schemas.ParsePartID(string(p.ID)); err != nil {
			t.Error(err)
		}
		if len(out) > 0 && p.ID <= out[len(out)-1].ID {
			t.Errorf("part %s sorts before %s", p.ID, out[len(out)-1].ID)
		}
		out = append(out, p)
	}
	return out
}

// readSource reads all parts.
func readSource(t testing.TB, s Source) (rows []schemas.Sample, faults []string) {
	t.Helper()
	for _, p := range partsOf(t, s) {
		var report Report
		var of []schemas.Sample
		for s, err := range s.Read(context.Background(), p, &report) {
			if err != nil {
				t.Fatalf("read %s: %v", p.ID, err)
			}
			of = append(of, s)
		}
		checkReport(t, of, &report)
		rows = append(rows, of...)
		faults = append(faults, faultsOf(&report)...)
	}
	return rows, faults
}

func open(t testing.TB, where string) Source {
	t.Helper()
	s, err := Open(context.Background(), where, Config{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOpenFindsWhatIsThere(t *testing.T) {
	img := string(picture(1))
	tarOf := func(key string) string { return string(pack(t, files(key+".png", img))) }
	dir := layOut(t,
		"tars/b.tar", tarOf("1"), "tars/a.tar.gz", tarOf("2"), "tars/sub/c.TGZ", tarOf("3"), "tars/d.tar.zst", tarOf("4"), "tars/readme.md", "x",
		"images/b.png", img, "images/sub/a.JPG", img,
		"linked/x.tar", "-> ../tars/b.tar",
	)
	for _, c := range []struct {
		where  string
		format Format
		keys   []string
		parts  []string
	}{
		{"tars", WebDataset, []string{"a.tar.gz/2", "b.tar/1", "d.tar.zst/4", "sub/c.TGZ/3"}, []string{"00000000-a", "00000001-b", "00000002-d", "00000003-c"}},
		{"tars/b.tar", WebDataset, []string{"b.tar/1"}, []string{"00000000-b"}},
		{"tars/[ab].tar*", WebDataset, []string{"a.tar.gz/2", "b.tar/1"}, []string{"00000000-a", "00000001-b"}},
		{"t*/*.tar", WebDataset, []string{"tars/b.tar/1"}, []string{"00000000-b"}},
		{"tars/{a.tar.gz,b.tar}", WebDataset, []string{"a.tar.gz/2", "b.tar/1"}, []string{"00000000-a", "00000001-b"}},
		{"tars/{[ab].tar*,b.tar}", WebDataset, []string{"a.tar.gz/2", "b.tar/1"}, []string{"00000000-a", "00000001-b"}},
		{"images", ImageFolder, []string{"b.png", "sub/a.JPG"}, []string{"00000000-b-png"}},
		{"linked", WebDataset, []string{"x.tar/1"}, []string{"00000000-x"}},
	} {
		t.Run(c.where, func(t *testing.T) {
			s := open(t, filepath.Join(dir, c.where))
			if s.Format() != c.format {
				t.Errorf("format %s", s.Format())
			}
			var parts, keys []string
			for _, p := range partsOf(t, s) {
				parts = append(parts, string(p.ID))
			}
			rows, _ := readSource(t, s)
			for _, r := range rows {
				keys = append(keys, r.Key)
			}
			if d := cmp.Diff(c.parts, parts); d != "" {
				t.Errorf("parts (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.keys, keys); d != "" {
				t.Errorf("keys (-want +got):\n%s", d)
			}
		})
	}
}

// What has a tar's name and is no file stops nothing: it is a part with a
// reason and without samples.
func TestTarsThatAreNoFiles(t *testing.T) {
	whole := string(pack(t, files("1.png", string(picture(1)))))
	dir := layOut(t, "a.tar", whole, "b.tar", "-> gone.tar", "c.tar", "-> c.tar", "d.tar/e.txt", "x", "f.tar", "-> d.tar", "z.tar", whole)
	if err := syscall.Mkfifo(filepath.Join(dir, "p.tar"), 0o644); err != nil {
		t.Fatal(err)
	}
	src := open(t, filepath.Join(dir, "*.tar"))
	rows, faults := readSource(t, src)
	if len(rows) != 2 || rows[1].Key != "z.tar/1" {
		t.Errorf("%d rows, want those of a.tar and z.tar", len(rows))
	}
	want := []string{"link 1 lost", "link 1 lost", "ignored_extension 1 lost", "link 1 lost", "device 1 lost"}
	if d := cmp.Diff(want, faults); d != "" {
		t.Errorf("faults (-want +got):\n%s", d)
	}
	if rows, _ = readSource(t, open(t, dir)); len(rows) != 2 { // as a folder, too
		t.Errorf("%d rows of the folder, want 2", len(rows))
	}
	link := partsOf(t, src)[1]
	if err := os.Rename(filepath.Join(dir, "a.tar"), filepath.Join(dir, "gone.tar")); err != nil {
		t.Fatal(err)
	}
	for _, err := range src.Read(t.Context(), link, &Report{}) {
		if !errors.Is(err, ErrChanged) {
			t.Errorf("a link that leads somewhere now: %v, want %v", err, ErrChanged)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	img := string(picture(1))
	dir := layOut(t,
		"mixed/a.tar", "x", "mixed/b.png", img, "mixed/c/d.png", img,
		"other/a.parquet", "x", "other/b.parquet", "x", "other/readme", "x", "other/t.txt", "x",
		"file.zip", "x", "images/a.png", img, "images/b.csv", "x", "images/sub/.git/x.png", img,
		"parquet/metadata.parquet", "x", "parquet/a.png", img,
		"both/metadata.csv", "file_name\n", "both/metadata.jsonl", "", "both/a.png", img,
		"columns/metadata.csv", "name;text\n", "columns/a.png", img,
		"twice/metadata.csv", "file_name,a,a\n", "twice/a.png", img,
		"blank/metadata.csv", "", "blank/a.png", img,
		"name/a\nb.tar", "x",
	)
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	for where, want := range map[string]string{
		"":               "no place is given",
		"gone":           "is not there",
		"gone/*.tar":     "nothing matches",
		"images/[":       "syntax error in pattern",
		"images/*":       "a.png, which is no tar",
		"t-{00..02}.tar": "t-00.tar is not there",
		"t-{00..2":       "want braces like",
		"t-{9..0}":       "the smaller first",
		"t-{a}":          "no range and no list",
		"mixed":          "holds 1 tars and 2 images (the first: b.png)",
		"other":          "it holds 2 .parquet, 1 (no extension), 1 .txt",
		"empty":          "it holds no files",
		"file.zip":       "is no tar by its name",
		"gs://a/b":       "sources of kind gs:// are not read",
		"s3://a/b":       "no access to object storage is set up",
		"parquet":        "write it as metadata.jsonl or metadata.csv",
		"both":           "holds both",
		"columns":        `has no column file_name; its columns, divided by commas, are ["name;text"]`,
		"twice":          `has two columns "a"`,
		"blank":          "is empty",
		"name":           "rename the file",
	} {
		t.Run(where, func(t *testing.T) {
			path := where
			if where != "" && !strings.Contains(where, "://") {
				path = filepath.Join(dir, where)
			}
			_, err := Open(context.Background(), path, Config{})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v", err)
			}
			if !errors.Is(err, ErrNoSource) {
				t.Errorf("%v is no ErrNoSource", err)
			}
		})
	}
}

func TestFingerprintTellsChanges(t *testing.T) {
	img := string(picture(1))
	archive := string(pack(t, files("a.png", img)))
	for name, change := range map[string]struct {
		files []string
		file  string
	}{
		"tar":      {[]string{"a.tar", archive, "b.tar", archive}, "b.tar"},
		"image":    {[]string{"a.png", img}, "a.png"},
		"text":     {[]string{"a.png", img, "a.txt", "x"}, "a.txt"},
		"metadata": {[]string{"a.png", img, "metadata.jsonl", `{"file_name":"a.png","text":"x"}`}, "metadata.jsonl"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := layOut(t, change.files...)
			s := open(t, dir)
			before := partsOf(t, s)
			if d := cmp.Diff(before, partsOf(t, open(t, dir))); d != "" {
				t.Errorf("the same source gives other parts:\n%s", d)
			}
			path := filepath.Join(dir, change.file)
			if err := os.Chtimes(path, time.Time{}, time.Unix(1e9, 1)); err != nil {
				t.Fatal(err)
			}
			if cmp.Diff(before, partsOf(t, open(t, dir))) == "" {
				t.Error("a changed source gives the same parts")
			}
			err := readError(s, before[len(before)-1])
			if !errors.Is(err, ErrChanged) {
				t.Errorf("reading a changed part: %v", err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := readError(s, before[len(before)-1]); err == nil {
				t.Error("reading a part that is gone: no error")
			}
		})
	}
}

// readError reads the part to its end or first error.
func readError(s Source, p Part) error {
	for _, err := range s.Read(context.Background(), p, &Report{}) {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestReadCanBeLeftAndRepeated(t *testing.T) {
	dir := layOut(t, "a.tar", string(pack(t, pairs(20))))
	s := open(t, dir)
	p := partsOf(t, s)[0]
	var want []string
	for s, err := range s.Read(context.Background(), p, &Report{}) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, brief(s))
	}
	for n := 1; n <= 20; n++ {
		var got []string
		var report Report
		for s, err := range s.Read(context.Background(), p, &report) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, brief(s)); len(got) == n {
				break
			}
		}
		if d := cmp.Diff(want[:n], got); d != "" || report.Rows != n {
			t.Fatalf("left after %d: report says %d\n%s", n, report.Rows, d)
		}
	}
}

// The archives are test data of the WebDataset library; testdata/webdataset
// has their licence.
func TestArchivesOfWebDataset(t *testing.T) {
	for _, c := range []struct {
		file   string
		rows   int
		status schemas.SampleStatus
		reason schemas.Reason
		first  string
		faults []string
	}{
		{"sample.tgz", 90, schemas.SampleOK, "", "sample.tgz/10", []string{"ignored_extension 90"}},
		{"compressed.tar", 3, schemas.SampleUnusable, schemas.ReasonNoImage, "compressed.tar/compressed/0001", []string{"ignored_extension 3"}},
		{"mpdata.tar", 100, schemas.SampleUnusable, schemas.ReasonNoImage, "mpdata.tar/000000", []string{"ignored_extension 100"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			rows, faults := readSource(t, open(t, filepath.Join("testdata", "webdataset", c.file)))
			if len(rows) != c.rows || rows[0].Key != c.first {
				t.Errorf("%d rows, the first %s", len(rows), brief(rows[0]))
			}
			for _, r := range rows {
				if r.Status != c.status || r.Reason != c.reason {
					t.Errorf("row %s", brief(r))
				}
			}
			if d := cmp.Diff(c.faults, faults); d != "" {
				t.Error(d)
			}
		})
	}
}

func ExampleReport() {
	var r Report
	r.loss(schemas.ReasonBadHeader, "at byte %d: …", 512)
	for _, f := range r.Faults() {
		fmt.Println(f.Reason, f.Count, f.Lost, f.Detail)
	}
	// Output: bad_header 1 true at byte 512: …
}

func TestBraces(t *testing.T) {
	for pattern, want := range map[string][]string{
		"a.tar":          {"a.tar"},
		"a-{8..11}.tar":  {"a-8.tar", "a-9.tar", "a-10.tar", "a-11.tar"},
		"a-{08..11}.tar": {"a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"},
		"{0..1}/{x,y}":   {"0/x", "0/y", "1/x", "1/y"},
		"a{,b}*":         {"a*", "ab*"},
		"{000..000}}":    {"000}"},
	} {
		if got, err := braces(pattern); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", pattern, got, err, want)
		}
	}
	for _, pattern := range []string{"{", "a{b", "{1..2{3..4}}", "{}", "{1..}", "{-1..3}", "{0..999999}{0..9}", "{0..1000000}"} {
		if got, err := braces(pattern); !errors.Is(err, ErrNoSource) {
			t.Errorf("%s: %d names, %v", pattern, len(got), err)
		}
	}
}

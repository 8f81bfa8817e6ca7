package source

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"recaption/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// picture is a small PNG; each n gives another.
func picture(n int) []byte {
	im := image.NewGray(image.Rect(0, 0, 4+n%3, 3))
	im.SetGray(0, 0, color.Gray{Y: uint8(n)})
	im.SetGray(1, 0, color.Gray{Y: uint8(n >> 8)})
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// part of an archive: a name with data, or whatever the header says.
type memberFile struct {
	name string
	data string
	head tar.Header // Typeflag and Linkname, where it is no file
}

// files makes members of pairs of name and data.
func files(pairs ...string) []memberFile {
	var out []memberFile
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, memberFile{name: pairs[i], data: pairs[i+1]})
	}
	return out
}

// pack writes an archive with its end blocks.
func pack(t testing.TB, members []memberFile) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := m.head
		h.Name, h.Mode = m.name, 0o644
		if h.Typeflag == 0 {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(m.data))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatalf("pack %q: %v", m.name, err)
		}
		if _, err := w.Write([]byte(m.data)); err != nil {
			t.Fatalf("pack %q: %v", m.name, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pairs is n samples of an image and a text.
func pairs(n int) []memberFile {
	var out []memberFile
	for i := range n {
		key := fmt.Sprintf("%03d", i)
		out = append(out, files(key+".png", string(picture(i)), key+".txt", "text "+key)...)
	}
	return out
}

// readAll reads an archive as the part "t.tar".
func readAll(t testing.TB, archive []byte) ([]schemas.Sample, *Report) {
	t.Helper()
	var rows []schemas.Sample
	var report Report
	err := readTar(context.Background(), bytes.NewReader(archive), "t.tar", &report, func(s schemas.Sample) bool {
		rows = append(rows, s)
		return true
	})
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return rows, &report
}

// brief is a row in one line: key, status, reason, alt-text and context.
func brief(s schemas.Sample) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", s.Key, s.Status)
	if s.Reason != "" {
		fmt.Fprintf(&b, " %s", s.Reason)
	}
	if s.AltText != nil {
		fmt.Fprintf(&b, " %q", *s.AltText)
	}
	if s.Context != nil {
		fmt.Fprintf(&b, " %s", s.Context)
	}
	return b.String()
}

func briefs(rows []schemas.Sample) []string {
	var out []string
	for _, s := range rows {
		out = append(out, brief(s))
	}
	return out
}

// faultsOf is the report's faults in one line each: reason, count, and "lost"
// where samples may be.
func faultsOf(r *Report) []string {
	var out []string
	for _, f := range r.Faults() {
		s := fmt.Sprintf("%s %d", f.Reason, f.Count)
		if f.Lost {
			s += " lost"
		}
		out = append(out, s)
	}
	return out
}

// checkReport compares the report's counts with the rows.
func checkReport(t testing.TB, rows []schemas.Sample, r *Report) {
	t.Helper()
	statuses, reasons := map[schemas.SampleStatus]int{}, map[schemas.Reason]int{}
	keys := map[string]bool{}
	for _, s := range rows {
		statuses[s.Status]++
		if s.Reason != "" {
			reasons[s.Reason]++
		}
		if keys[s.Key] {
			t.Errorf("key %q comes twice", s.Key)
		}
		keys[s.Key] = true
		if s.Status == schemas.SampleUnusable && s.Reason == "" {
			t.Errorf("row %q is unusable without a reason", s.Key)
		}
		if s.Status == schemas.SampleOK && (s.MediaType == "" || s.Width < 1 || s.Height < 1) {
			t.Errorf("row %q is ok, and has media type %q, %d x %d", s.Key, s.MediaType, s.Width, s.Height)
		}
		if (s.Image == nil) != s.ImageSHA256.IsZero() || s.Image != nil && schemas.Sum(s.Image) != s.ImageSHA256 {
			t.Errorf("row %q: its digest is not its image's", s.Key)
		}
	}
	if r.Rows != len(rows) || !maps.Equal(r.Statuses, statuses) && len(rows) > 0 || !maps.Equal(r.Reasons, reasons) && len(rows) > 0 {
		t.Errorf("report counts %d rows, %v, %v; they are %d, %v, %v", r.Rows, r.Statuses, r.Reasons, len(rows), statuses, reasons)
	}
}

func concat(parts ...[]byte) []byte { return slices.Concat(parts...) }

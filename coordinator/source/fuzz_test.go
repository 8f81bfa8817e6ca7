package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
)

// Whatever the bytes are, they end as rows or as faults, and twice the same.
func FuzzTar(f *testing.F) {
	whole := pack(f, append(pairs(2), files("b.json", `{"a":1}`, "../c.png", "x", "._d", "y", "a.cls", "z", strings.Repeat("n/", 150)+"e.png", "")...))
	f.Add(whole)
	f.Add(whole[:1500])
	f.Add(concat(whole, whole))
	broken := bytes.Clone(whole)
	broken[1024] ^= 1
	f.Add(broken)
	for _, name := range []string{"compressed.tar", "sample.tgz"} {
		b, err := os.ReadFile(filepath.Join("testdata", "webdataset", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 8<<10)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 64<<10 {
			return
		}
		rows, report := readAll(t, b)
		checkReport(t, rows, report)
		if len(rows) == 0 && len(report.Faults()) == 0 && !quiet(b) {
			t.Error("neither a row nor a fault")
		}
		for _, s := range rows {
			checkTexts(t, s)
		}
		again, second := readAll(t, b)
		if d := cmp.Diff(rows, again) + cmp.Diff(report.Faults(), second.Faults()); d != "" {
			t.Errorf("read again:\n%s", d)
		}
	})
}

// quiet tells an archive that holds nothing but folders, or attributes of the
// archive itself: the one kind without rows that is no fault.
func quiet(b []byte) bool {
	unpacked, done, err := unpack(&rawReader{ctx: context.Background(), r: bytes.NewReader(b)})
	if err != nil {
		return false
	}
	defer done()
	var report Report
	t := newTarReader(unpacked, &report)
	for {
		e, err := t.next()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil || e.kind != tarFolder {
			return false
		}
	}
}

func checkTexts(t *testing.T, s schemas.Sample) {
	t.Helper()
	if !utf8.ValidString(s.Key) || printable(s.Key) != s.Key {
		t.Errorf("key %q is not printable", s.Key)
	}
	if s.AltText != nil && !utf8.ValidString(*s.AltText) {
		t.Errorf("row %s: its text is not UTF-8", s.Key)
	}
	if s.Context != nil && !isObject(s.Context) {
		t.Errorf("row %s: its context is no object", s.Key)
	}
}

// Whatever a metadata file holds, each byte belongs to one row or to the blank
// between, each row is an object with a file name or has a reason, and what a
// row says is found again by its place in the file.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"file_name":"a.png","text":"x"}`+"\n{}\n\n[1]\n"), false)
	f.Add([]byte("\xef\xbb\xbffile_name,text\na.png,\"one\n\"\"two\"\"\"\nb.png,\n\"never"), true)
	f.Add([]byte("file_name\n\"a\"b\n"), true)
	f.Fuzz(func(t *testing.T, b []byte, csv bool) {
		if len(b) > 64<<10 {
			return
		}
		name := "metadata.jsonl"
		if csv {
			name = "metadata.csv"
		}
		r := newRowReader(bytes.NewReader(b), csv)
		m, err := openMetadata(file{path: name}, r)
		if err != nil {
			return
		}
		var end int64
		for {
			row, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if row.off < end || row.off+int64(len(row.data)) > int64(len(b)) {
				t.Fatalf("row at byte %d of %d bytes, behind byte %d of %d", row.off, len(row.data), end, len(b))
			}
			end = row.off + int64(len(row.data))
			if !bytes.Equal(row.data, b[row.off:end]) {
				t.Fatalf("row at byte %d is not what the file holds there", row.off)
			}
			file, object, bad := m.parse(row)
			if bad != "" {
				continue
			}
			if file == "" || !isObject(object) {
				t.Fatalf("row %q: file %q, object %q", row.data, file, object)
			}
			again, object2, bad := m.parse(metaRow{data: bytes.Clone(b[row.off:end])})
			if again != file || !bytes.Equal(object, object2) || bad != "" {
				t.Fatalf("row %q: read again %q %q", row.data, again, bad)
			}
			if csv {
				var cells map[string]*string
				if err := json.Unmarshal(object, &cells); err != nil || len(cells) != len(m.columns) {
					t.Fatalf("object %s for columns %q: %v", object, m.columns, err)
				}
			}
		}
		if r.off != int64(len(b)) {
			t.Fatalf("read up to byte %d of %d", r.off, len(b))
		}
	})
}

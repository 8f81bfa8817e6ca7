package source

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
)

func TestFolder(t *testing.T) {
	img := string(picture(1))
	for _, c := range []struct {
		name   string
		files  []string
		rows   []string
		faults []string
	}{
		{"images alone", []string{"b.png", img, "a/c.JPEG", img, "b.x.png", img}, []string{"a/c.JPEG ok", "b.png ok", "b.x.png ok"}, nil},
		{"one stem, two images", []string{"a.png", img, "a.gif", img, "a.txt", "t"}, []string{`a.gif ok "t"`, `a.png ok "t"`}, nil},
		{"sidecar texts", []string{"a.png", img, "a.txt", "a dog\n", "b.png", img, "d/c.png", img, "d/c.txt", "", "e.txt", "x"},
			[]string{`a.png ok "a dog\n"`, "b.png ok", `d/c.png ok ""`}, []string{"ignored_extension 1"}},
		{"sidecar that is not UTF-8, or too long", []string{"a.png", img, "a.txt", "\xff", "b.png", img, "b.txt", strings.Repeat("b", MaxText+1)},
			[]string{"a.png ok bad_text", "b.png ok bad_text"}, nil},
		{"files that are no images", []string{"a.png", "<html>", "b.png", "", "c.png", img, "d.pdf", "x", "README", "x", ".e.png", img, ".git/f.png", img},
			[]string{"a.png unusable unsupported_format", "b.png unusable empty_image", "c.png ok"}, []string{"hidden_member 2", "ignored_extension 2"}},
		{"JSON lines", []string{"a.png", img, "b.png", img, "metadata.jsonl", `{"file_name":"b.png","text":"b","n":1.0}` + "\r\n\n" + `{"file_name":"a.png","text":null}`},
			[]string{`a.png ok {"file_name":"a.png","text":null}`, `b.png ok "b" {"file_name":"b.png","text":"b","n":1.0}`}, nil},
		{"JSON lines with a byte order mark", []string{"a.png", img, "metadata.jsonl", "\xef\xbb\xbf" + `{"file_name":"a.png","caption":"c"}`},
			[]string{`a.png ok "c" {"file_name":"a.png","caption":"c"}`}, nil},
		{"CSV", []string{"a.png", img, "b.png", img, "metadata.csv", "\xef\xbb\xbffile_name,text,note\r\na.png,\"one, \"\"two\"\"\nthree\",\r\nb.png,,<7>\r\n"},
			[]string{`a.png ok "one, \"two\"\nthree" {"file_name":"a.png","text":"one, \"two\"\nthree","note":null}`, `b.png ok {"file_name":"b.png","text":null,"note":"<7>"}`}, nil},
		{"CSV rows that can't be read", []string{"a.png", img, "b.png", img, "metadata.csv", "file_name,text\nb.png,too,many\na.png,a 5\" screen\n\"x\"y,z\n,no name\n\"never closed,t\na.png,again\n"},
			[]string{`a.png ok "a 5\" screen" {"file_name":"a.png","text":"a 5\" screen"}`, `a.png#metadata.csv:7 unusable duplicate_key "again" {"file_name":"a.png","text":"again"}`,
				"b.png ok not_in_metadata", "metadata.csv:2 unusable bad_metadata", "metadata.csv:4 unusable bad_metadata", "metadata.csv:5 unusable bad_metadata", "metadata.csv:6 unusable bad_metadata"},
			[]string{"bad_metadata 4"}},
		{"JSON lines that can't be read", []string{"a.png", img, "metadata.jsonl", "{\n" + `{"file_name":"a.png"}` + "\n[]\n{}\n" + `{"file_name":1}` + "\n{\"file_name\":\"\xff\"}"},
			[]string{`a.png ok {"file_name":"a.png"}`, "metadata.jsonl:1 unusable bad_metadata", "metadata.jsonl:3 unusable bad_metadata", "metadata.jsonl:4 unusable bad_metadata",
				"metadata.jsonl:5 unusable bad_metadata", "metadata.jsonl:6 unusable bad_metadata"},
			[]string{"bad_metadata 5"}},
		{"rows of missing files", []string{"a.png", img, "metadata.jsonl", jsonl("gone.png", "a.png", "gone.png", "sub")},
			[]string{rowOf("a.png", "ok"), rowOf("gone.png", "unusable missing_file"), `gone.png#metadata.jsonl:3 unusable duplicate_key {"file_name":"gone.png"}`, rowOf("sub", "unusable missing_file")}, nil},
		{"rows that leave the folder", []string{"in/a.png", img, "out.png", img, "in/metadata.jsonl", jsonl("../out.png", "/etc/passwd", "x/../a.png")},
			[]string{`in/%2E%2E/out.png#in/metadata.jsonl:1 unusable unsafe_name {"file_name":"../out.png"}`,
				`in/%2Fetc/passwd#in/metadata.jsonl:2 unusable unsafe_name {"file_name":"/etc/passwd"}`, `in/a.png ok {"file_name":"x/../a.png"}`, "out.png ok"}, nil},
		{"files without a row", []string{"a.png", img, "b.png", img, "b.txt", "beside", "metadata.jsonl", jsonl("a.png")},
			[]string{rowOf("a.png", "ok"), `b.png ok not_in_metadata "beside"`}, nil},
		{"the row's text before the file's", []string{"a.png", img, "a.txt", "file", "b.png", img, "b.txt", "file", "metadata.jsonl", `{"file_name":"a.png","text":"row"}` + "\n" + `{"file_name":"b.png","text":null}`},
			[]string{`a.png ok "row" {"file_name":"a.png","text":"row"}`, `b.png ok "file" {"file_name":"b.png","text":null}`}, []string{"ignored_extension 1"}},
		{"metadata in two folders", []string{"a/x.png", img, "b/x.png", img, "c.png", img, "a/metadata.jsonl", jsonl("x.png"), "b/metadata.csv", "file_name,text\nx.png,t\n"},
			[]string{`a/x.png ok {"file_name":"x.png"}`, `b/x.png ok "t" {"file_name":"x.png","text":"t"}`, "c.png ok"}, nil},
		{"the nearest metadata has the row", []string{"a/x.png", img, "a/metadata.jsonl", `{"file_name":"x.png","text":"near"}`, "metadata.jsonl", `{"file_name":"a/x.png","text":"far"}`},
			[]string{`a/x.png ok "near" {"file_name":"x.png","text":"near"}`, `a/x.png#metadata.jsonl:1 unusable duplicate_key "far" {"file_name":"a/x.png","text":"far"}`}, nil},
		{"an image by the row's word", []string{"a.image", img, "metadata.jsonl", jsonl("a.image")}, []string{rowOf("a.image", "ok")}, []string{"ignored_extension 1"}},
		{"links", []string{"real/a.png", img, "b.png", "-> real/a.png", "c.png", "-> /etc/hostname", "d.png", "-> gone", "loop", "-> .", "metadata.jsonl", jsonl("b.png", "c.png")},
			[]string{rowOf("b.png", "ok"), `c.png#metadata.jsonl:2 unusable unsafe_name {"file_name":"c.png"}`, "real/a.png ok not_in_metadata"}, []string{"link 3"}},
		{"a name that is not printable", []string{"a\nb.png", img}, []string{"a%0Ab.png ok"}, []string{"escaped_name 1"}},
		{"names that look alike when escaped", []string{"a\nb.png", img, "a%0Ab.png", img, "a%0Ab.png%#", "", "a%0A\nb.png", img, "a%250A%0Ab.png", img},
			[]string{"a%0Ab.png%# ok", "a%250A%0Ab.png%# ok", "a%0Ab.png ok", "a%250A%0Ab.png ok"}, []string{"escaped_name 2", "ignored_extension 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, faults := readSource(t, open(t, layOut(t, c.files...)))
			if d := cmp.Diff(c.rows, briefs(rows)); d != "" {
				t.Errorf("rows (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.faults, faults); d != "" {
				t.Errorf("faults (-want +got):\n%s", d)
			}
		})
	}
}

func jsonl(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "{\"file_name\":%q}\n", n)
	}
	return b.String()
}

func rowOf(name, rest string) string { return fmt.Sprintf(`%s %s {"file_name":%q}`, name, rest, name) }

func TestFolderFilesThatCantBeRead(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("the superuser reads every file")
	}
	dir := layOut(t, "a.png", string(picture(1)))
	if err := os.Chmod(filepath.Join(dir, "a.png"), 0); err != nil {
		t.Fatal(err)
	}
	rows, _ := readSource(t, open(t, dir))
	if d := cmp.Diff([]string{"a.png unusable unreadable"}, briefs(rows)); d != "" {
		t.Error(d)
	}
}

func TestFolderParts(t *testing.T) {
	files := []string{"other", ""}
	for i := range 205 { // empty files: rows all the same
		files = append(files, fmt.Sprintf("%06d.png", i), "")
	}
	s := open(t, layOut(t, files...))
	s.(*folder).per = 100
	if parts := partsOf(t, s); len(parts) != 3 || parts[2].Location != "000200.png" {
		t.Fatalf("parts %v", parts)
	}
	rows, faults := readSource(t, s)
	if d := cmp.Diff([]string{"ignored_extension 1"}, faults); d != "" {
		t.Error(d)
	}
	if len(rows) != 205 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, r := range rows {
		if r.Key != fmt.Sprintf("%06d.png", i) || r.Reason != schemas.ReasonEmptyImage {
			t.Fatalf("row %d: %s", i, brief(r))
		}
	}
}

func TestRowReader(t *testing.T) {
	long := strings.Repeat("x", MaxText)
	for _, c := range []struct {
		name, in string
		csv      bool
		want     []string // line, offset, data or why it is bad
	}{
		{"lines", "a\nb\r\n\n \nc", false, []string{"1 0 a\n", "2 2 b\r\n", "5 8 c"}},
		{"quotes hold line ends", "a,\"b\nc\"\n\"\"\"\n\",d\n", true, []string{"1 0 a,\"b\nc\"\n", "3 8 \"\"\"\n\",d\n"}},
		{"quotes mean nothing to JSON lines", "\"\n\"\n", false, []string{"1 0 \"\n", "2 2 \"\n"}},
		{"a quote that is not closed", "a\n\"b\nc\nd", true, []string{"1 0 a\n", "2 2 bad: a quote is not closed", "3 5 c\n", "4 7 d"}},
		{"the last is not closed", "\"a", true, []string{"1 0 bad: a quote is not closed"}},
		{"a row too long", "a\n" + long + "\nb\n", false, []string{"1 0 a\n", fmt.Sprintf("2 2 bad: it has more than %d bytes", MaxText), fmt.Sprintf("3 %d b\n", MaxText+3)}},
		{"a quoted row too long", "\"" + strings.Repeat("x\n", MaxText) + "\"\nb\n", true, nil},
		{"a row too long, and no more", long + long + long, false, []string{fmt.Sprintf("1 0 bad: it has more than %d bytes", MaxText)}},
		{"empty", "", false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRowReader(strings.NewReader(c.in), c.csv)
			var got []string
			n := 0
			for {
				row, err := r.next()
				if errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				if n++; len(got) < 10 {
					text := string(row.data)
					if row.bad != "" {
						text = "bad: " + row.bad
					}
					got = append(got, fmt.Sprintf("%d %d %s", row.line, row.off, text))
				}
			}
			if c.want == nil && c.in != "" { // too many to list
				if n < MaxText/2 || r.off != int64(len(c.in)) {
					t.Errorf("%d rows, up to byte %d", n, r.off)
				}
				return
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%.2000s", d)
			}
		})
	}
}

package source

import (
	"archive/tar"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGroups(t *testing.T) {
	img, img2 := string(picture(1)), string(picture(2))
	long := strings.Repeat("a", MaxText+1)
	for _, c := range []struct {
		name    string
		members []memberFile
		rows    []string
		faults  []string
	}{
		{"image and text", files("a.png", img, "a.txt", "a dog\n"), []string{`t.tar/a ok "a dog\n"`}, nil},
		{"image alone", files("a.png", img), []string{`t.tar/a ok`}, nil},
		{"empty text stays", files("a.png", img, "a.txt", ""), []string{`t.tar/a ok ""`}, nil},
		{"text before image", files("a.txt", "x", "a.png", img), []string{`t.tar/a ok "x"`}, nil},
		{"txt before caption before json", files("a.json", `{"text":"j"}`, "a.caption", "c", "a.txt", "t", "a.png", img),
			[]string{`t.tar/a ok "t" {"text":"j"}`}, nil},
		{"caption before json", files("a.json", `{"text":"j"}`, "a.caption", "c", "a.png", img), []string{`t.tar/a ok "c" {"text":"j"}`}, nil},
		{"json gives the text", files("a.json", `{"n":1.0,"text":"t","caption":"c"}`, "a.png", img),
			[]string{`t.tar/a ok "c" {"n":1.0,"text":"t","caption":"c"}`}, nil},
		{"text that is no string stays context", files("a.json", `{"alt_text":null,"caption":7,"text":"t"}`, "a.png", img),
			[]string{`t.tar/a ok "t" {"alt_text":null,"caption":7,"text":"t"}`}, nil},
		{"upper case extension", files("a.PNG", img, "a.TXT", "x"), []string{`t.tar/a ok "x"`}, nil},
		{"folders belong to the key", files("x.y/a.png", img, "x.y/a.txt", "x", "z/a.png", img), []string{`t.tar/x.y/a ok "x"`, `t.tar/z/a ok`}, nil},
		{"extension of several dots is another", files("a.png", img, "a.seg.png", img2), []string{`t.tar/a ok`}, []string{"ignored_extension 1"}},
		{"no image", files("a.txt", "x", "b.png", img), []string{`t.tar/a unusable no_image "x"`, `t.tar/b ok`}, nil},
		{"other members alone", files("a.cls", "1", "b.cls", "2"), []string{`t.tar/a unusable no_image`, `t.tar/b unusable no_image`}, []string{"ignored_extension 2"}},
		{"empty image", files("a.png", "", "a.txt", "x"), []string{`t.tar/a unusable empty_image "x"`}, nil},
		{"not an image", files("a.png", "<html>", "a.txt", "x"), []string{`t.tar/a unusable unsupported_format "x"`}, nil},
		{"several images: the first extension of the list", files("a.webp", "no webp", "a.png", img, "a.gif", img2),
			[]string{`t.tar/a ok`}, []string{"several_images 2"}},
		{"an image twice", files("a.png", img, "a.png", img2, "a.txt", "x"), []string{`t.tar/a unusable duplicate_member "x"`}, nil},
		{"a text twice: the first", files("a.png", img, "a.txt", "1", "a.txt", "2"), []string{`t.tar/a ok duplicate_member "1"`}, nil},
		{"the key again, apart", files("a.png", img, "b.png", img, "a.png", img2, "a.txt", "x"),
			[]string{`t.tar/a ok`, `t.tar/b ok`, `t.tar/a#2 unusable duplicate_key "x"`}, nil},
		{"the distinct key is taken too", files("a#2.png", img, "a.png", img, "b.png", img, "a.png", img2),
			[]string{`t.tar/a#2 ok`, `t.tar/a ok`, `t.tar/b ok`, `t.tar/a#3 unusable duplicate_key`}, nil},
		{"names that leave the folder", files("../a.png", img, "/etc/b.png", img, `c\../d.png`, img, "C:/e.png", img, "f..f/g.png", img),
			[]string{`t.tar/%2E%2E/a unusable unsafe_name`, `t.tar/%2Fetc/b unusable unsafe_name`, `t.tar/c\%2E%2E/d unusable unsafe_name`,
				`t.tar/C:/e unusable unsafe_name`, `t.tar/f..f/g ok`}, nil},
		{"a name too long", files(strings.Repeat("n", MaxKey+1)+".png", img), []string{`t.tar/` + strings.Repeat("n", MaxKey) + ` unusable unsafe_name`}, nil},
		{"a name that is not printable", files("a\nb.png", img), []string{`t.tar/a%0Ab ok`}, []string{"escaped_name 1"}},
		{"names that are passed over", files("a.png", img, "._a.png", img, ".hidden.png", img, "README", "x", "__meta__", "{}", "__meta__/x.png", img, "a.txt", "x"),
			[]string{`t.tar/a ok "x"`}, []string{"hidden_member 2", "meta_member 2", "no_extension 1"}},
		{"links, devices, folders", []memberFile{
			{name: "d/", head: tar.Header{Typeflag: tar.TypeDir}},
			{name: "a.png", data: img},
			{name: "b.png", head: tar.Header{Typeflag: tar.TypeSymlink, Linkname: "a.png"}},
			{name: "c.png", head: tar.Header{Typeflag: tar.TypeLink, Linkname: "a.png"}},
			{name: "d.png", head: tar.Header{Typeflag: tar.TypeChar}},
			{name: "e.png", head: tar.Header{Typeflag: tar.TypeFifo}},
			{name: "a.txt", data: "x"},
		}, []string{`t.tar/a ok "x"`}, []string{"device 2", "link 2"}},
		{"text that is not UTF-8", files("a.png", img, "a.txt", "caf\xe9", "a.caption", "c"), []string{`t.tar/a ok bad_text`}, nil},
		{"byte order mark", files("a.png", img, "a.txt", "\xef\xbb\xbfx", "a.json", "\xef\xbb\xbf{}\n"), []string{`t.tar/a ok "x" {}`}, nil},
		{"text too long", files("a.png", img, "a.txt", long), []string{`t.tar/a ok bad_text`}, nil},
		{"context too long", files("a.png", img, "a.json", `{"a":"`+long+`"}`), []string{`t.tar/a ok bad_context`}, nil},
		{"context that is no object", files("a.png", img, "a.json", "[1]", "b.png", img, "b.json", "{", "c.png", img, "c.json", "", "d.png", img, "d.json", "{}{}"),
			[]string{`t.tar/a ok bad_context`, `t.tar/b ok bad_context`, `t.tar/c ok bad_context`, `t.tar/d ok bad_context`}, nil},
		{"context that is not UTF-8", files("a.png", img, "a.json", "{\"a\":\"\xff\"}"), []string{`t.tar/a ok bad_context`}, nil},
		{"two things wrong: one reason, and a count", files("a.png", "", "a.txt", "\xff", "a.json", "x"),
			[]string{`t.tar/a unusable empty_image`}, []string{"bad_context 1", "bad_text 1"}},
		{"an empty archive", nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, report := readAll(t, pack(t, c.members))
			if d := cmp.Diff(c.rows, briefs(rows)); d != "" {
				t.Errorf("rows (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.faults, faultsOf(report)); d != "" {
				t.Errorf("faults (-want +got):\n%s", d)
			}
			checkReport(t, rows, report)
		})
	}
}

func TestImageTooLarge(t *testing.T) {
	img := string(picture(1))
	rows, report := readAll(t, pack(t, files("a.png", strings.Repeat("x", MaxImage+1), "a.txt", "x", "b.png", img)))
	want := []string{`t.tar/a unusable too_large "x"`, `t.tar/b ok`}
	if d := cmp.Diff(want, briefs(rows)); d != "" {
		t.Error(d)
	}
	if rows[0].Image != nil {
		t.Error("the image was read")
	}
	checkReport(t, rows, report)
}

// A fault is told with the file that it is in.
func TestFaultsNameTheirTar(t *testing.T) {
	whole := string(pack(t, pairs(2)))
	dir := layOut(t, "a.tar", whole, "b.tar", whole[:len(whole)-1024])
	src := open(t, dir)
	parts := partsOf(t, src)
	for i, want := range []string{"", "b.tar: at byte "} {
		var report Report
		for _, err := range src.Read(t.Context(), parts[i], &report) {
			if err != nil {
				t.Fatal(err)
			}
		}
		var got string
		for _, f := range report.Faults() {
			got += f.Detail
		}
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q…", parts[i].Location, got, want)
		}
	}
}

package source

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"recaption/schemas"
)

// block offsets of pairs(3): header and data of 000.png, 000.txt, 001.png, …,
// each of one block, then the end blocks.
func block(n int) int { return n * tarBlock }

func TestDamage(t *testing.T) {
	whole := pack(t, pairs(3))
	end := 12 // blocks of members
	flip := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 0xff
		return b
	}
	ok := func(n int) string { return fmt.Sprintf(`t.tar/%03d ok "text %03d"`, n, n) }
	for _, c := range []struct {
		name    string
		archive []byte
		rows    []string
		faults  []string
	}{
		{"whole", whole, []string{ok(0), ok(1), ok(2)}, nil},
		{"cut at a member's end", whole[:block(8)], []string{ok(0), ok(1)}, []string{"no_end_of_archive 1 lost"}},
		{"cut in the padding", whole[:block(8)-3], []string{ok(0), ok(1)}, []string{"no_end_of_archive 1 lost"}},
		{"cut after one end block", whole[:block(end+1)], []string{ok(0), ok(1), ok(2)}, nil},
		{"cut in a header", whole[:block(10)+100], []string{ok(0), ok(1), `t.tar/002 ok damaged_part`}, []string{"cut_in_header 1 lost"}},
		{"cut in a text", whole[:block(11)+2], []string{ok(0), ok(1), `t.tar/002 ok damaged_part`}, []string{"cut_in_data 1 lost"}},
		{"cut in an image", whole[:block(9)+20], []string{ok(0), ok(1), `t.tar/002 unusable truncated`}, []string{"cut_in_data 1 lost", "damaged_part 1"}},
		{"cut in an ignored member", pack(t, files("a.png", string(picture(0)), "a.cls", "1"))[:block(3)], []string{`t.tar/a ok damaged_part`}, []string{"cut_in_data 1 lost", "ignored_extension 1"}},
		{"bad checksum of an image", flip(block(4)), []string{`t.tar/000 ok damaged_part "text 000"`, `t.tar/001 unusable no_image "text 001"`, ok(2)},
			[]string{"bad_header 1 lost", "damaged_part 1"}},
		{"bad checksum of a text", flip(block(6)), []string{ok(0), `t.tar/001 ok damaged_part`, `t.tar/002 ok damaged_part "text 002"`}, []string{"bad_header 1 lost"}},
		{"bad checksum before a member that is passed over", func() []byte {
			b := pack(t, files("a.png", string(picture(0)), "b.png", string(picture(1)), "README", "x", "b.txt", "x"))
			b[block(2)] ^= 0xff
			return b
		}(), []string{`t.tar/a ok damaged_part`, `t.tar/b unusable no_image "x"`}, []string{"bad_header 1 lost", "damaged_part 1", "no_extension 1"}},
		{"bad checksum of the last", flip(block(10)), []string{ok(0), ok(1), `t.tar/002 ok damaged_part`}, []string{"bad_header 1 lost"}},
		{"bad checksum of the first", flip(0), []string{`t.tar/000 unusable no_image "text 000"`, ok(1), ok(2)}, []string{"bad_header 1 lost", "damaged_part 1"}},
		{"two archives joined", concat(whole, pack(t, files("x.png", string(picture(9))))), []string{ok(0), ok(1), ok(2), `t.tar/x ok`}, []string{"joined_archive 1"}},
		{"three archives joined", concat(whole, whole[:block(4)], make([]byte, block(20)), pack(t, files("x.png", string(picture(9))))),
			[]string{ok(0), ok(1), ok(2), `t.tar/000#3 unusable duplicate_key "text 000"`, `t.tar/x ok`}, []string{"joined_archive 2"}},
		{"zeros at the end", concat(whole, make([]byte, 10240+7)), []string{ok(0), ok(1), ok(2)}, nil},
		{"something else at the end", concat(whole, []byte(strings.Repeat("junk", 1000))), []string{ok(0), ok(1), ok(2)}, []string{"trailing_bytes 1"}},
		{"a few bytes at the end", concat(whole, []byte("junk")), []string{ok(0), ok(1), ok(2)}, []string{"trailing_bytes 1"}},
		{"nothing", nil, nil, []string{"no_end_of_archive 1 lost"}},
		{"a web page", []byte(strings.Repeat("<html>", 200)), nil, []string{"bad_header 1 lost", "no_end_of_archive 1 lost"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, report := readAll(t, c.archive)
			if d := cmp.Diff(c.rows, briefs(rows)); d != "" {
				t.Errorf("rows (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.faults, faultsOf(report)); d != "" {
				t.Errorf("faults (-want +got):\n%s\n%v", d, report.Faults())
			}
			checkReport(t, rows, report)
		})
	}
}

func TestFaultSaysWhere(t *testing.T) {
	b := pack(t, pairs(3))
	b[block(4)] ^= 0xff
	_, report := readAll(t, b)
	f := report.Faults()[0]
	if want := "at byte 2048: "; !strings.HasPrefix(f.Detail, want) || !strings.HasSuffix(f.Detail, "1024 bytes passed over, reading on at byte 3072") {
		t.Errorf("detail %q", f.Detail)
	}
	if !report.Lost() {
		t.Error("a loss is not said to be one")
	}
}

// A cut at any byte, and a wrong bit in any header, is never silent, and costs
// no sample that lies apart from it.
func TestEveryCutAndEveryHeader(t *testing.T) {
	whole := pack(t, pairs(4))
	all, _ := readAll(t, whole)
	for n := 0; n < block(16); n += 7 {
		rows, report := readAll(t, whole[:n])
		checkReport(t, rows, report)
		if !report.Lost() {
			t.Errorf("cut at byte %d: no loss is reported", n)
		}
		for i := range n / block(4) {
			if got, want := rows[i], all[i]; got.Key != want.Key || got.Status != want.Status || cmp.Diff(got.AltText, want.AltText) != "" {
				t.Errorf("cut at byte %d: row %d is %s", n, i, brief(got))
			}
		}
	}
	for _, h := range []int{2, 3} {
		for i := range tarBlock {
			b := bytes.Clone(whole)
			b[block(2*h)+i] ^= 0x01
			rows, report := readAll(t, b)
			checkReport(t, rows, report)
			// Bytes of the checksum field behind its digits do not count.
			if !report.Lost() && (i < 154 || i > 155) {
				t.Errorf("header %d, byte %d: no loss is reported", h, i)
			}
			if len(rows) != 4 {
				t.Errorf("header %d, byte %d: %d rows", h, i, len(rows))
			}
		}
	}
}

func TestHeaderKinds(t *testing.T) {
	img := string(picture(1))
	long := strings.Repeat("long/", 60) + "name"
	for _, format := range []tar.Format{tar.FormatPAX, tar.FormatGNU} {
		t.Run(format.String(), func(t *testing.T) {
			b := pack(t, []memberFile{
				{name: long + ".png", data: img, head: tar.Header{Format: format, Typeflag: tar.TypeReg, Size: int64(len(img))}},
				{name: "ü.png", data: img, head: tar.Header{Format: format, Typeflag: tar.TypeReg, Size: int64(len(img))}},
			})
			rows, report := readAll(t, b)
			if d := cmp.Diff([]string{"t.tar/" + long + " ok", "t.tar/ü ok"}, briefs(rows)); d != "" {
				t.Error(d)
			}
			if f := faultsOf(report); f != nil {
				t.Error(f)
			}
		})
	}
	t.Run("ustar prefix", func(t *testing.T) {
		name := strings.Repeat("d", 90) + "/" + strings.Repeat("n", 80)
		b := pack(t, []memberFile{{name: name + ".png", data: img, head: tar.Header{Format: tar.FormatUSTAR, Typeflag: tar.TypeReg, Size: int64(len(img))}}})
		rows, _ := readAll(t, b)
		if d := cmp.Diff([]string{"t.tar/" + name + " ok"}, briefs(rows)); d != "" {
			t.Error(d)
		}
	})
	t.Run("v7, and a signed checksum", func(t *testing.T) {
		var h [tarBlock]byte
		copy(h[:], "\xe4.png")
		copy(h[100:], "0000644")
		copy(h[124:], fmt.Sprintf("%011o", len(img)))
		h[156] = '0'
		for i, signed := range []bool{false, true} {
			u, s := tarSums(&h)
			if signed {
				u = s
			}
			copy(h[148:156], fmt.Sprintf("%06o\x00 ", u))
			data := make([]byte, tarBlock)
			copy(data, img)
			rows, report := readAll(t, concat(h[:], data, make([]byte, block(2))))
			if len(rows) != 1 || rows[0].Key != "t.tar/%E4" || len(report.Faults()) != 1 {
				t.Errorf("%d: %v, %v", i, briefs(rows), report.Faults())
			}
		}
	})
	t.Run("sparse file", func(t *testing.T) {
		b := pack(t, files("a.png", img, "b.png", img))
		b[156] = 'S'
		sign(b[:tarBlock])
		rows, report := readAll(t, b)
		if d := cmp.Diff([]string{"t.tar/b ok"}, briefs(rows)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"other_member 1"}, faultsOf(report)); d != "" {
			t.Error(d)
		}
	})
	t.Run("damaged extended header", func(t *testing.T) {
		b := pack(t, []memberFile{{name: long + ".png", data: img, head: tar.Header{Format: tar.FormatPAX, Typeflag: tar.TypeReg, Size: int64(len(img))}}, {name: "b.png", data: img}})
		b[tarBlock] = 'x' // the length of the first record
		rows, report := readAll(t, b)
		if d := cmp.Diff([]string{"t.tar/b ok damaged_part"}, briefs(rows)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"bad_header 1 lost"}, faultsOf(report)); d != "" {
			t.Error(d)
		}
	})
	t.Run("a size in base 256", func(t *testing.T) {
		b := pack(t, files("a.png", img))
		field := b[124:136]
		clear(field)
		field[0] = 0x80
		binary.BigEndian.PutUint64(field[4:], uint64(len(img)))
		sign(b[:tarBlock])
		rows, _ := readAll(t, b)
		if d := cmp.Diff([]string{"t.tar/a ok"}, briefs(rows)); d != "" {
			t.Error(d)
		}
		field[0] = 0xff // negative
		sign(b[:tarBlock])
		if _, report := readAll(t, b); !report.Lost() {
			t.Error("a negative size is no loss")
		}
	})
}

// sign writes a header's checksum anew.
func sign(h []byte) {
	sum, _ := tarSums((*[tarBlock]byte)(h))
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

func TestPacked(t *testing.T) {
	plain := pack(t, pairs(200))
	want, _ := readAll(t, plain)
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	if _, err := g.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(&zst, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, packed := range map[string][]byte{"gzip": gz.Bytes(), "zstd": zst.Bytes()} {
		t.Run(name, func(t *testing.T) {
			rows, report := readAll(t, packed)
			if d := cmp.Diff(want, rows); d != "" || len(report.Faults()) > 0 {
				t.Errorf("%v\n%s", report.Faults(), d)
			}
			for _, n := range []int{12, len(packed) / 2, len(packed) - 1} {
				rows, report := readAll(t, packed[:n])
				checkReport(t, rows, report)
				f := report.Faults()
				if !slices.ContainsFunc(f, func(f schemas.Fault) bool { return f.Reason == schemas.ReasonBadCompression }) {
					t.Errorf("cut at %d of %d: faults %v", n, len(packed), f)
				}
				if n <= len(packed)/2 && !report.Lost() {
					t.Errorf("cut at %d of %d: no loss is reported", n, len(packed))
				}
			}
			broken := bytes.Clone(packed)
			broken[len(broken)/2] ^= 0xff
			rows, report = readAll(t, broken)
			checkReport(t, rows, report)
			if !report.Lost() && len(report.Faults()) == 0 {
				t.Errorf("a wrong byte is not reported")
			}
			rows, report = readAll(t, concat(packed, []byte("junk behind the end")))
			if d := cmp.Diff(want, rows); d != "" || report.Lost() || len(report.Faults()) != 1 {
				t.Errorf("junk behind the end: %v\n%s", report.Faults(), d)
			}
		})
	}
}

// What can't be had is an error; it is not taken for the archive's end.
func TestStreamFails(t *testing.T) {
	whole := pack(t, pairs(3))
	// A connection that ends too early says so by the same errors as an archive.
	for _, broken := range []error{
		errors.New("broken"),
		fmt.Errorf("connection broke off: %w", io.EOF),
		fmt.Errorf("connection broke off: %w", io.ErrUnexpectedEOF),
		io.ErrUnexpectedEOF,
	} {
		for n := 0; n < len(whole); n += 13 {
			var rows []schemas.Sample
			var report Report
			r := io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(broken))
			err := readTar(context.Background(), r, "t.tar", &report, func(s schemas.Sample) bool {
				rows = append(rows, s)
				return true
			})
			if !errors.Is(err, broken) {
				t.Fatalf("%v at byte %d: error %v", broken, n, err)
			}
			for _, s := range rows {
				if s.Status != schemas.SampleOK || s.Reason != "" || s.AltText == nil {
					t.Fatalf("%v at byte %d: a row that is not whole: %s", broken, n, brief(s))
				}
			}
		}
	}
}

func TestReadStopsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := readTar(ctx, bytes.NewReader(pack(t, pairs(3))), "t.tar", &Report{}, func(schemas.Sample) bool { return true })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

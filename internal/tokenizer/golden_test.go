package tokenizer

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// golden is what the reference makes of texts and ids (testdata/gen.py).
type golden struct {
	VocabSize int `json:"vocab_size"`
	Encode    []struct {
		Text    string
		IDs     []int32
		Special []int32 // where it differs
		Pieces  []string
	}
	Decode []struct {
		IDs     []int32
		Text    string
		Special *string // where it differs
	}
}

// goldenFolders are testdata and, for files too large to keep here, the folders
// RECAPTION_TOKENIZER_GOLDENS names: `gen.py FILE FOLDER/NAME N` fills one.
func goldenFolders() []string {
	return append([]string{"testdata"}, filepath.SplitList(os.Getenv("RECAPTION_TOKENIZER_GOLDENS"))...)
}

func eachGolden(t *testing.T, test func(t *testing.T, tok *Tokenizer, g golden)) {
	t.Helper()
	found := 0
	for _, dir := range goldenFolders() {
		paths, err := filepath.Glob(filepath.Join(dir, "*.golden.json.gz"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			found++
			name := strings.TrimSuffix(filepath.Base(path), ".golden.json.gz")
			t.Run(name, func(t *testing.T) {
				tok, err := Load(filepath.Join(dir, name+".json"))
				if err != nil {
					t.Fatal(err)
				}
				test(t, tok, readGolden(t, path))
			})
		}
	}
	if found < 18 {
		t.Errorf("found %d golden files, want 18 or more", found)
	}
}

func readGolden(t testing.TB, path string) (g golden) {
	t.Helper()
	readZipped(t, path, &g)
	return g
}

func readZipped(t testing.TB, path string, v any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestEncodeAsReference(t *testing.T) {
	eachGolden(t, func(t *testing.T, tok *Tokenizer, g golden) {
		if got := tok.VocabSize(); got != g.VocabSize {
			t.Errorf("VocabSize() = %d, want %d", got, g.VocabSize)
		}
		for range 2 { // the second time from the cache
			for _, c := range g.Encode {
				got, err := tok.Encode(c.Text)
				if err != nil {
					t.Errorf("Encode(%q): %v", c.Text, err)
					continue
				}
				if !slices.Equal(got, c.IDs) {
					t.Errorf("Encode(%q): -want +got\n%s", c.Text, cmp.Diff(named(tok, c.IDs), named(tok, got)))
				}
				want := c.IDs
				if c.Special != nil {
					want = c.Special
				}
				if got, _ := tok.EncodeSpecial(c.Text); !slices.Equal(got, want) {
					t.Errorf("EncodeSpecial(%q): -want +got\n%s", c.Text, cmp.Diff(named(tok, want), named(tok, got)))
				}
			}
		}
	})
}

func named(tok *Tokenizer, ids []int32) (out []string) {
	for _, id := range ids {
		s, _ := tok.Token(id)
		out = append(out, s)
	}
	return out
}

// TestPiecesAsReference finds wrong cuts that ids don't show, since no merge
// would have crossed them.
func TestPiecesAsReference(t *testing.T) {
	eachGolden(t, func(t *testing.T, tok *Tokenizer, g golden) {
		for _, c := range g.Encode {
			var got []string
			if c.Text != "" {
				got = []string{c.Text}
			}
			for _, s := range tok.split {
				var next []string
				for _, p := range got {
					next = s.split(next, p)
				}
				got = next
			}
			if m, ok := tok.model.(*bpe); ok && m.bytes {
				for i, p := range got {
					got[i] = string(appendChars(nil, p))
				}
			}
			if !slices.Equal(got, c.Pieces) {
				t.Errorf("pieces of %q: -want +got\n%s", c.Text, cmp.Diff(c.Pieces, got))
			}
		}
	})
}

func TestDecodeAsReference(t *testing.T) {
	eachGolden(t, func(t *testing.T, tok *Tokenizer, g golden) {
		for _, c := range g.Decode {
			if got := tok.Decode(c.IDs); got != c.Text {
				t.Errorf("Decode(%v) = %q, want %q", c.IDs, got, c.Text)
			}
			want := c.Text
			if c.Special != nil {
				want = *c.Special
			}
			if got := tok.DecodeSpecial(c.IDs); got != want {
				t.Errorf("DecodeSpecial(%v) = %q, want %q", c.IDs, got, want)
			}
		}
	})
}

func TestLowercaseAsReference(t *testing.T) {
	want := map[string]string{}
	readZipped(t, "testdata/lower.json.gz", &want)
	for r := rune(0); r <= 0x10ffff; r++ {
		if r >= 0xd800 && r < 0xe000 {
			continue // no character
		}
		s := string(r)
		low, ok := want[s]
		if !ok {
			low = s
		}
		if got := lowercase(s); got != low {
			t.Errorf("%U: %q, want %q", r, got, low)
		}
	}
}

func TestClassesAsReference(t *testing.T) {
	b, err := os.ReadFile("testdata/classes.json")
	if err != nil {
		t.Fatal(err)
	}
	var runs map[string][][2]rune
	if err := json.Unmarshal(b, &runs); err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(rune) bool{
		"letter":  func(r rune) bool { return classOf(r) == letter },
		"number":  func(r rune) bool { return classOf(r) == number },
		"space":   func(r rune) bool { return classOf(r) == space },
		"numeric": isNumeric,
		"word":    isWord,
	}
	for name, is := range tests {
		t.Run(name, func(t *testing.T) {
			in := runs[name]
			for r := rune(0); r <= 0x10ffff; r++ {
				for len(in) > 0 && in[0][1] < r {
					in = in[1:]
				}
				want := len(in) > 0 && in[0][0] <= r
				if r >= 0xd800 && r < 0xe000 {
					continue // no character
				}
				if got := is(r); got != want {
					t.Errorf("%U: %v, want %v", r, got, want)
				}
			}
		})
	}
}

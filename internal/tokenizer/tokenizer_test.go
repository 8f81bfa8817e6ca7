package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
)

func TestEncodeRefusesOtherThanUTF8(t *testing.T) {
	tok := load(t, "gpt2")
	for text, want := range map[string]string{"a\xff": "byte 1", "\uFFFDé\xc3": "byte 5", "\xed\xa0\x80": "byte 0"} {
		if _, err := tok.Encode(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Encode(%q): %v, want %q in it", text, err, want)
		}
	}
	if _, err := tok.Encode("\uFFFD"); err != nil {
		t.Error(err)
	}
}

func TestTokens(t *testing.T) {
	tok := load(t, "smollm")
	id, ok := tok.ID("<image>")
	if !ok || !tok.IsSpecial(id) {
		t.Errorf("ID(<image>) = %d, %v, special %v", id, ok, tok.IsSpecial(id))
	}
	if s, ok := tok.Token(id); !ok || s != "<image>" {
		t.Errorf("Token(%d) = %q, %v", id, s, ok)
	}
	if id, ok := tok.ID("Ġthe"); !ok || tok.IsSpecial(id) {
		t.Errorf("ID(Ġthe) = %d, %v, special %v", id, ok, tok.IsSpecial(id))
	}
	if _, ok := tok.ID("no such token"); ok {
		t.Error("found a token that isn't there")
	}
	for _, id := range []int32{-1, int32(tok.VocabSize()), 1 << 30} {
		if s, ok := tok.Token(id); ok {
			t.Errorf("Token(%d) = %q", id, s)
		}
	}
}

func TestLossy(t *testing.T) {
	const bad = "\uFFFD"
	tests := []struct {
		in, want, rest string // rest: what waits for more bytes
	}{
		{"", "", ""},
		{"abc é 漢 😀", "abc é 漢 😀", ""},
		{"\xff", bad, ""},
		{"\xc0\x80", bad + bad, ""},
		{"\x80\xbf", bad + bad, ""},
		{"\xc3", "", "\xc3"},
		{"\xc3(", bad + "(", ""},
		{"\xe2\x82", "", "\xe2\x82"},
		{"a\xe2\x82b", "a" + bad + "b", ""},
		{"\xe2\x82\xe2\x82\xac", bad + "€", ""},
		{"\xe0\x9f\x80", bad + bad + bad, ""},
		{"\xed\xa0\x80", bad + bad + bad, ""},
		{"\xf0\x9f\x98", "", "\xf0\x9f\x98"},
		{"\xf0\x9f\x98x", bad + "x", ""},
		{"\xf0\x8f\x98\x80", bad + bad + bad + bad, ""},
		{"\xf4\x90\x80\x80", bad + bad + bad + bad, ""},
		{"\xf0\x9f\xf0\x9f\x98\x80\xf0", bad + "😀", "\xf0"},
		{"\uFFFD", bad, ""},
	}
	for _, c := range tests {
		got, rest := appendLossy(nil, []byte(c.in), false)
		if string(got) != c.want || string(rest) != c.rest {
			t.Errorf("%q: %q and %q, want %q and %q", c.in, got, rest, c.want, c.rest)
		}
		want := c.want
		if c.rest != "" {
			want += bad
		}
		if got, rest := appendLossy(nil, []byte(c.in), true); string(got) != want || len(rest) > 0 {
			t.Errorf("%q, final: %q and %q, want %q", c.in, got, rest, want)
		}
	}
}

// TestWaysToCut checks that scanners that match everywhere do, and that the
// short way gives the same pieces as the general one.
func TestWaysToCut(t *testing.T) {
	g := readGolden(t, "testdata/qwen2.golden.json.gz")
	for expr, e := range expressions {
		for _, c := range g.Encode {
			short := pieces{e.scan}.split(nil, c.Text)
			if got := strings.Join(short, ""); e.everywhere && got != c.Text {
				t.Fatalf("%s: pieces of %q are %q", expr, c.Text, short)
			}
			ways := []pattern{{e.scan, true, removed}}
			if e.everywhere {
				ways = append(ways, pattern{e.scan, false, isolated}, pattern{e.scan, true, isolated})
			}
			for _, p := range ways {
				if got := p.split(nil, c.Text); !slices.Equal(got, short) {
					t.Errorf("%s, invert %v, %s: pieces of %q are %q, want %q", expr, p.invert, p.behavior, c.Text, got, short)
				}
			}
		}
	}
}

// TestStream checks that a stream says the same as Decode, in whole
// characters, and as soon as it can.
func TestStream(t *testing.T) {
	eachGolden(t, func(t *testing.T, tok *Tokenizer, g golden) {
		s := tok.Stream()
		for _, c := range g.Decode {
			var got strings.Builder
			for _, id := range c.IDs {
				part := s.Next(id)
				if !utf8.ValidString(part) {
					t.Errorf("%v: Next returned %q", c.IDs, part)
				}
				got.WriteString(part)
			}
			got.WriteString(s.Flush())
			if got.String() != c.Text {
				t.Errorf("stream of %v = %q, want %q", c.IDs, got.String(), c.Text)
			}
		}
	})
	tok := load(t, "qwen2")
	var parts []string
	s := tok.Stream()
	for _, token := range []string{"a", "ð", "Ł", "ĺ", "Ģ", "<|im_end|>", "b", "Ã"} {
		id, ok := tok.ID(token)
		if !ok {
			t.Fatalf("no token %q", token)
		}
		parts = append(parts, s.Next(id))
	}
	parts = append(parts, s.Flush())
	if diff := cmp.Diff([]string{"a", "", "", "", "😀", "", "b", "", "\uFFFD"}, parts); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReplaceAcrossTokens(t *testing.T) {
	tests := []struct {
		fused  bool
		tokens []string
		want   string
	}{
		{true, []string{"xa", "b", "a", "ab", "a"}, "x<>a<>a"},
		{false, []string{"xa", "b", "a", "ab", "a"}, "xaba<>a"},
		{true, []string{"a", "a", "b"}, "a<>"},
		{true, []string{"é", "aé", "a"}, "éaéa"},
		{true, nil, ""},
	}
	for _, c := range tests {
		var out textSink
		d := &replace{next: &out, pattern: "ab", by: "<>", fused: c.fused}
		for _, s := range c.tokens {
			d.token(s)
			if !utf8.Valid(out.buf) {
				t.Errorf("%q: passed on %q", c.tokens, out.buf)
			}
		}
		d.end()
		if got := out.take(); got != c.want {
			t.Errorf("%q, fused %v: %q, want %q", c.tokens, c.fused, got, c.want)
		}
	}
}

func TestNFC(t *testing.T) {
	marks := strings.Repeat("\u0301", 40)
	for in, want := range map[string]string{
		"a" + marks + "b":            "á" + marks[2:] + "b",
		"e" + marks + "\u0327":       "ȩ" + marks,
		marks:                        marks,
		"":                           "",
		"\u1100\u1161\u11a8" + marks: "각" + marks,
	} {
		if got := nfc(in); got != want {
			t.Errorf("nfc(%+q) = %+q, want %+q", in, got, want)
		}
	}
}

// FuzzNFC compares the two ways of composing where both are right.
func FuzzNFC(f *testing.F) {
	for _, s := range []string{"e\u0301\u0327", "\u1100\u1161\u11a8", "\u0958\u212b", "q\u0307\u0323", "\u0dd9\u0dcf\u0dca", "\u0344\u0390"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || len([]rune(norm.NFD.String(s))) > 30 {
			return
		}
		if got, want := composeAll(s), norm.NFC.String(s); got != want {
			t.Errorf("composeAll(%+q) = %+q, want %+q", s, got, want)
		}
	})
}

// TestMergerAsDefined compares the heap with the rule in its plain form: of
// all pairs merge the one with the lowest rank, the leftmost among equals.
func TestMergerAsDefined(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		merges := map[pair]merge{}
		for rank := range int32(r.IntN(12)) {
			p := pair{r.Int32N(3 + rank), r.Int32N(3 + rank)}
			if _, ok := merges[p]; !ok {
				merges[p] = merge{rank, 3 + rank}
			}
		}
		var w merger
		var want []int32
		for range r.IntN(20) {
			id := r.Int32N(3)
			w.add(id)
			want = append(want, id)
		}
		for {
			best, at := merge{rank: 1 << 30}, -1
			for i := range len(want) - 1 {
				if m, ok := merges[pair{want[i], want[i+1]}]; ok && m.rank < best.rank {
					best, at = m, i
				}
			}
			if at < 0 {
				break
			}
			want = append(want[:at], append([]int32{best.id}, want[at+2:]...)...)
		}
		w.run(merges)
		if got := w.append(nil); !slices.Equal(got, want) {
			t.Fatalf("merges %v: %v, want %v", merges, got, want)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache()
	for i := range 5 * generation {
		c.put(string(rune(0x10000+i)), []int32{int32(i)})
		if ids, ok := c.get("\U00010000"); !ok || ids[0] != 0 {
			t.Fatalf("after %d: the piece that is used all the time is gone", i)
		}
	}
	if n := len(c.young) + len(c.old); n > 2*generation {
		t.Errorf("%d pieces, want at most %d", n, 2*generation)
	}
	if _, ok := c.get("\U00010001"); ok {
		t.Error("the piece that is not used is still there")
	}
}

func TestConcurrently(t *testing.T) {
	tok := load(t, "qwen2")
	g := readGolden(t, "testdata/qwen2.golden.json.gz")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, c := range g.Encode {
				ids, err := tok.Encode(c.Text)
				if err != nil || !slices.Equal(ids, c.IDs) {
					t.Errorf("Encode(%q) = %v, %v, want %v", c.Text, ids, err, c.IDs)
				}
				tok.Decode(ids)
			}
		})
	}
	wg.Wait()
}

// FuzzEncode checks that a byte-level tokenizer loses nothing, whatever the
// pre-tokenizer.
func FuzzEncode(f *testing.F) {
	var toks []*Tokenizer
	for _, name := range []string{"gpt2", "llama3", "smollm", "bart"} {
		toks = append(toks, load(f, name))
	}
	g := readGolden(f, "testdata/gpt2.golden.json.gz")
	for _, c := range g.Encode {
		f.Add(c.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range toks {
			ids, err := tok.Encode(text)
			if !utf8.ValidString(text) {
				if err == nil {
					t.Errorf("Encode(%q): no error", text)
				}
				continue
			}
			if err != nil {
				t.Errorf("Encode(%q): %v", text, err)
			}
			if strings.Contains(text, "<mask>") {
				continue // takes the blanks before it
			}
			if got := tok.DecodeSpecial(ids); got != text {
				t.Errorf("round trip of %q: %q", text, got)
			}
			if again, _ := tok.Encode(text); !slices.Equal(ids, again) {
				t.Errorf("Encode(%q) = %v, then %v", text, ids, again)
			}
		}
	})
}

package tokenizer

import (
	"os"
	"strings"
	"testing"
)

func load(tb testing.TB, name string) *Tokenizer {
	tb.Helper()
	tok, err := Load("testdata/" + name + ".json")
	if err != nil {
		tb.Fatal(err)
	}
	return tok
}

const prompt = "<|im_start|>user\n<image>Describe the picture in one sentence. The alt-text was \"a large red circle, 1967\"; " +
	"it's often wrong.<|im_end|>\n<|im_start|>assistant\n"

func BenchmarkLoad(b *testing.B) {
	path := os.Getenv("RECAPTION_TOKENIZER")
	if path == "" {
		path = "testdata/qwen2.json"
	}
	for b.Loop() {
		if _, err := Load(path); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	texts := []struct{ name, text string }{
		{"prompt", prompt},
		{"word of 100,000 bytes", strings.Repeat("supercalifragilistic", 5000)},
	}
	for _, name := range []string{"gpt2", "qwen2", "smollm"} {
		tok := load(b, name)
		for _, c := range texts {
			b.Run(name+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(c.text)))
				for b.Loop() {
					if _, err := tok.Encode(c.text); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkEncodeNew(b *testing.B) { // pieces that no cache knows
	tok := load(b, "qwen2")
	b.ReportAllocs()
	b.SetBytes(int64(len(prompt)))
	for b.Loop() {
		tok.model.(*bpe).cache = newCache()
		if _, err := tok.Encode(prompt); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeParallel(b *testing.B) {
	tok := load(b, "qwen2")
	b.ReportAllocs()
	b.SetBytes(int64(len(prompt)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := tok.Encode(prompt); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	tok := load(b, "qwen2")
	ids, err := tok.Encode(prompt)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(prompt)))
	for b.Loop() {
		tok.Decode(ids)
	}
}

package tokenizer

import "unicode/utf8"

// The byte-level alphabet writes every byte as one printable character: the
// printable ones of Latin-1 as themselves, the other 68 as U+0100 and up, in
// their order. It comes from GPT-2 and is the same in every such tokenizer.
var (
	charOfByte [256]string
	byteOfChar [324]int16 // -1: no byte
)

func init() {
	for i := range byteOfChar {
		byteOfChar[i] = -1
	}
	next := rune(256)
	for b := range rune(256) {
		c := b
		if b < '!' || b > '~' && b < 0xa1 || b == 0xad {
			c = next
			next++
		}
		charOfByte[b] = string(c)
		byteOfChar[c] = int16(b)
	}
}

// appendChars appends s, each byte as its character.
func appendChars(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = append(dst, charOfByte[s[i]]...)
	}
	return dst
}

// appendBytes appends the bytes that token stands for. A token with a character
// outside the alphabet (an added one, "<my token>") stands for its own bytes.
func appendBytes(dst []byte, token string) []byte {
	start := len(dst)
	for _, r := range token {
		if r >= rune(len(byteOfChar)) || byteOfChar[r] < 0 {
			return append(dst[:start], token...)
		}
		dst = append(dst, byte(byteOfChar[r]))
	}
	return dst
}

// byteLevel is the pre-tokenizer of that name. When it is the last one, the
// model reads bytes itself and mapped is false.
type byteLevel struct {
	prefixSpace bool
	regex       bool
	mapped      bool
}

func (b byteLevel) split(dst []string, s string) []string {
	if b.prefixSpace && s[0] != ' ' {
		s = " " + s
	}
	from := len(dst)
	if b.regex {
		dst = cutAll(dst, s, scanGPT2)
	} else {
		dst = append(dst, s)
	}
	if b.mapped {
		for i, p := range dst[from:] {
			dst[from+i] = string(appendChars(nil, p))
		}
	}
	return dst
}

// appendLossy appends src with one U+FFFD for each maximal part that is not
// UTF-8 (the practice of Unicode 16, section 3.9, table 3-8). Unless final, it
// stops before a sequence that more bytes could complete; rest is what it left.
func appendLossy(dst, src []byte, final bool) (out, rest []byte) {
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		if r != utf8.RuneError || n != 1 {
			dst = append(dst, src[:n]...)
			src = src[n:]
			continue
		}
		n, open := brokenPart(src)
		if open && !final {
			return dst, src
		}
		dst = append(dst, "\uFFFD"...)
		src = src[n:]
	}
	return dst, nil
}

// brokenPart returns the length of the maximal part at the start of p that is
// not UTF-8. It is open if it is all of p and the beginning of a character.
func brokenPart(p []byte) (n int, open bool) {
	lo, hi, want := byte(0x80), byte(0xbf), 0
	switch b := p[0]; {
	case b >= 0xc2 && b <= 0xdf:
		want = 1
	case b >= 0xe0 && b <= 0xef:
		want = 2
		switch b {
		case 0xe0:
			lo = 0xa0
		case 0xed:
			hi = 0x9f
		}
	case b >= 0xf0 && b <= 0xf4:
		want = 3
		switch b {
		case 0xf0:
			lo = 0x90
		case 0xf4:
			hi = 0x8f
		}
	}
	for n = 1; n <= want; n++ {
		if n == len(p) {
			return n, true
		}
		if p[n] < lo || p[n] > hi {
			break
		}
		lo, hi = 0x80, 0xbf
	}
	return n, false
}

package tokenizer

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// charsmap is the normalizer Precompiled: SentencePiece's rules for rewriting
// characters, as a double-array trie from text to offsets of replacements, which
// end with a zero byte.
type charsmap struct {
	units []uint32
	texts string
}

func readCharsmap(f *fields) normalizer {
	var encoded *string
	f.may("precompiled_charsmap", &encoded)
	if f.err != nil || encoded == nil || *encoded == "" {
		return func(s string) string { return s }
	}
	b, err := base64.StdEncoding.DecodeString(*encoded)
	var m *charsmap
	if err == nil {
		m, err = newCharsmap(b)
	}
	if err != nil {
		f.err = errors.Join(errors.New(f.path("precompiled_charsmap")+": is damaged"), err)
		return nil
	}
	return m.rewrite
}

func newCharsmap(b []byte) (*charsmap, error) {
	if len(b) < 4 {
		return nil, errors.New("it is too short")
	}
	n := binary.LittleEndian.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(len(b)) || n%4 != 0 {
		return nil, errors.New("its trie is longer than it is")
	}
	m := &charsmap{texts: string(b[n:])}
	if !utf8.ValidString(m.texts) {
		return nil, errors.New("its replacements are not UTF-8")
	}
	for i := uint32(0); i < n; i += 4 {
		m.units = append(m.units, binary.LittleEndian.Uint32(b[i:]))
	}
	return m, nil
}

// rewrite takes grapheme after grapheme, and within those that have no rule, or
// 6 bytes and more, character after character.
func (m *charsmap) rewrite(s string) string {
	var b strings.Builder
	for g := graphemes.FromString(s); g.Next(); {
		part := g.Value()
		if len(part) < 6 {
			if by, ok := m.rule(part); ok {
				b.WriteString(by)
				continue
			}
		}
		for _, r := range part {
			if by, ok := m.rule(string(r)); ok {
				b.WriteString(by)
			} else {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

// rule returns the replacement of the shortest beginning of s that has one: the
// reference takes it for that of all of s.
func (m *charsmap) rule(s string) (string, bool) {
	if len(m.units) == 0 {
		return "", false
	}
	offset := func(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }
	at := offset(m.units[0])
	for i := range len(s) {
		if s[i] == 0 {
			return "", false
		}
		at ^= uint32(s[i])
		if uint64(at) >= uint64(len(m.units)) {
			return "", false
		}
		unit := m.units[at]
		if unit&(1<<31|0xff) != uint32(s[i]) {
			return "", false
		}
		at ^= offset(unit)
		if uint64(at) >= uint64(len(m.units)) {
			return "", false
		}
		if unit>>8&1 == 1 {
			from := m.units[at] & (1<<31 - 1)
			if uint64(from) > uint64(len(m.texts)) {
				return "", false
			}
			by, _, _ := strings.Cut(m.texts[from:], "\x00")
			return by, true
		}
	}
	return "", false
}

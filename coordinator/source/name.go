package source

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"recaption/schemas"
)

// partID names a part by its place in the source and its location's last
// element, so that parts sort in the source's order and people know them.
func partID(n int, location string) schemas.PartID {
	base := strings.ToLower(location[strings.LastIndexByte(location, '/')+1:])
	base, _, _ = strings.Cut(base, ".tar")
	base = strings.TrimSuffix(base, ".tgz")
	var slug strings.Builder
	for _, c := range base {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' {
			slug.WriteRune(c)
		} else {
			slug.WriteByte('-')
		}
		if slug.Len() == 48 {
			break
		}
	}
	if slug.Len() == 0 {
		return schemas.PartID(fmt.Sprintf("%08d", n))
	}
	return schemas.PartID(fmt.Sprintf("%08d-%s", n, slug.String()))
}

// splitMember divides a member's name into key and extension by WebDataset's
// rule: the key is the path up to the first dot of the base name, and the
// extension, lower-cased, is all that follows. Names that WebDataset passes
// over give the reason why.
func splitMember(name string) (key, ext string, skip schemas.Reason) {
	slash := strings.LastIndexByte(name, '/') + 1
	if first, _, _ := strings.Cut(name, "/"); len(first) >= 4 && strings.HasPrefix(first, "__") && strings.HasSuffix(first, "__") {
		return "", "", schemas.ReasonMetaMember
	}
	dot := strings.IndexByte(name[slash:], '.')
	switch dot {
	case -1:
		return "", "", schemas.ReasonNoExtension
	case 0:
		return "", "", schemas.ReasonHiddenMember
	}
	return name[:slash+dot], strings.ToLower(name[slash+dot+1:]), ""
}

// unsafeName tells whether a name is absolute, leaves its folder, or is longer
// than a key may be. Both kinds of slashes count, and drive letters: what a
// sample is exported to may be any system.
func unsafeName(name string) bool {
	if name == "" || len(name) > MaxKey {
		return true
	}
	if name[0] == '/' || name[0] == '\\' || len(name) > 2 && name[1] == ':' && (name[2] == '/' || name[2] == '\\') {
		return true
	}
	for e := range strings.FieldsFuncSeq(name, func(c rune) bool { return c == '/' || c == '\\' }) {
		if e == ".." {
			return true
		}
	}
	return false
}

// printable is s in UTF-8 without control characters: each byte that is not of
// a printable character is written as %XX, and so is then each '%'. A name that
// is printable stays as it is.
func printable(s string) string {
	plain := func(c rune, n int) bool {
		return (c != utf8.RuneError || n > 1) && !unicode.IsControl(c)
	}
	i := 0
	for i < len(s) {
		c, n := utf8.DecodeRuneInString(s[i:])
		if !plain(c, n) {
			break
		}
		i += n
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(s[:i], "%", "%25"))
	for i < len(s) {
		c, n := utf8.DecodeRuneInString(s[i:])
		if plain(c, n) && c != '%' {
			b.WriteString(s[i : i+n])
		} else {
			for _, x := range []byte(s[i : i+n]) {
				fmt.Fprintf(&b, "%%%02X", x)
			}
		}
		i += n
	}
	return b.String()
}

// harmless is what stands in a key for an unsafe name: its beginning, with
// every element that is ".." and every leading slash written as %XX.
func harmless(name string) string {
	if len(name) > MaxKey {
		name = name[:MaxKey]
	}
	name = printable(name)
	if name != "" && (name[0] == '/' || name[0] == '\\') {
		name = fmt.Sprintf("%%%02X", name[0]) + name[1:]
	}
	return strings.ReplaceAll(name, "..", "%2E%2E")
}

// keys gives every row of a part a key that no other has. It knows a key by 64
// bits of its sha256: 8 bytes a row, and two keys of a part of a million rows
// are taken for one once in 37 million parts, which marks a row and loses none.
type keys struct {
	prefix string
	seen   map[uint64]struct{}
	rows   int
}

func newKeys(prefix string) *keys {
	return &keys{prefix: prefix, seen: map[uint64]struct{}{}}
}

// claim gives the key of the next row. Where the wanted one was claimed before,
// it is followed by '#' and the row's number in the part, and again is true.
func (k *keys) claim(name string) (key string, again bool) {
	key = k.prefix + "/" + name
	for !k.free(key) {
		again = true
		key = fmt.Sprintf("%s#%d", key, k.rows)
	}
	k.rows++
	return key, again
}

func (k *keys) free(key string) bool {
	sum := sha256.Sum256([]byte(key))
	h := binary.LittleEndian.Uint64(sum[:])
	if _, taken := k.seen[h]; taken {
		return false
	}
	k.seen[h] = struct{}{}
	return true
}

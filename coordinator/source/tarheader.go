package source

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// tarHeader is what a header block says.
type tarHeader struct {
	name   string
	flag   byte
	kind   tarKind
	size   int64 // of the data that follows; 0 for kinds that have none
	marked bool  // carries the mark of ustar, pax, GNU or star
	more   bool  // further blocks of a sparse file's map follow
}

// parseTarHeader reads a header block, or says what is wrong with it.
func parseTarHeader(b *[tarBlock]byte) (h tarHeader, bad string) {
	sum, ok := tarNumber(b[148:156])
	if !ok {
		return h, "no header is there"
	}
	if unsigned, signed := tarSums(b); sum != unsigned && sum != signed {
		return h, fmt.Sprintf("the header's checksum is %d, not %d as it says", unsigned, sum)
	}
	size, ok := tarNumber(b[124:136])
	if !ok || size > 1<<60 {
		return h, fmt.Sprintf("the header's size field %q is no size", b[124:136])
	}
	h.name = tarText(b[:100])
	magic := string(b[257:265])
	switch {
	case magic == "ustar\x0000" || strings.HasPrefix(magic, "ustar\x00"):
		h.marked = true
		prefix := b[345:500]
		if string(b[508:512]) == "tar\x00" { // star keeps times behind a shorter prefix
			prefix = b[345:476]
		}
		if p := tarText(prefix); p != "" {
			h.name = p + "/" + h.name
		}
	case magic == "ustar  \x00":
		h.marked = true
	}
	h.flag, h.size = b[156], size
	switch h.flag {
	case '0', '7':
		h.kind = tarFile
	case 0:
		h.kind = tarFile
		if strings.HasSuffix(h.name, "/") {
			h.kind, h.size = tarFolder, 0
		}
	case '1', '2':
		h.kind, h.size = tarLink, 0
	case '3', '4', '6':
		h.kind, h.size = tarDevice, 0
	case '5':
		h.kind, h.size = tarFolder, 0
	case 'S':
		h.kind, h.more = tarSparse, b[482] != 0
	case 'x', 'g', 'L', 'K':
		h.kind = tarMeta
	default:
		h.kind = tarOther
	}
	return h, ""
}

// extension is what pax and GNU headers say about the member to come.
type extension struct {
	name, longName string
	size           int64
	hasSize        bool
	sparse         bool
	pending        bool // one was read and its member not yet
}

// read takes in the data of a meta header, or says what is wrong with it.
// Global attributes and the targets of links change nothing here.
func (x *extension) read(flag byte, data []byte) (bad string) {
	switch flag {
	case 'L':
		x.pending = true
		x.longName = tarText(data)
	case 'x':
		x.pending = true
		return x.readPAX(data)
	}
	return ""
}

// readPAX reads records of the form "27 path=a/long/name.jpg\n", the number
// being the record's own length.
func (x *extension) readPAX(data []byte) (bad string) {
	for len(data) > 0 {
		digits, _, ok := bytes.Cut(data[:min(len(data), 8)], []byte(" "))
		n, err := strconv.Atoi(string(digits))
		if !ok || err != nil || n < len(digits)+3 || n > len(data) || data[n-1] != '\n' {
			return "its extended attributes are damaged"
		}
		k, v, ok := strings.Cut(string(data[len(digits)+1:n-1]), "=")
		if !ok || k == "" {
			return "its extended attributes are damaged"
		}
		data = data[n:]
		switch {
		case k == "path":
			x.name = v
		case k == "size":
			x.size, err = strconv.ParseInt(v, 10, 64)
			x.hasSize = v != ""
			if x.hasSize && (err != nil || x.size < 0 || x.size > 1<<60) {
				return fmt.Sprintf("its extended attribute size=%q is no size", v)
			}
		case strings.HasPrefix(k, "GNU.sparse."):
			x.sparse = true
		}
	}
	return ""
}

func (x extension) apply(h tarHeader) tarEntry {
	e := tarEntry{name: h.name, kind: h.kind, size: h.size}
	if x.longName != "" {
		e.name = x.longName
	}
	if x.name != "" {
		e.name = x.name
	}
	if x.hasSize && e.kind != tarFolder && e.kind != tarLink && e.kind != tarDevice {
		e.size = x.size
	}
	if x.sparse && e.kind == tarFile {
		e.kind = tarSparse
	}
	return e
}

// tarText is the bytes up to the first NUL.
func tarText(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// tarNumber reads a number field: octal digits, or a big-endian integer where
// the first bit is set. A field without digits is 0; a negative number is none.
func tarNumber(b []byte) (int64, bool) {
	if b[0]&0x80 != 0 {
		if b[0]&0x40 != 0 {
			return 0, false
		}
		n := int64(b[0] & 0x3f)
		for _, c := range b[1:] {
			if n >= 1<<54 {
				return 0, false
			}
			n = n<<8 | int64(c)
		}
		return n, true
	}
	digits := strings.Trim(tarText(bytes.TrimLeft(b, " \x00")), " ")
	if digits == "" {
		return 0, true
	}
	n, err := strconv.ParseUint(digits, 8, 62)
	return int64(n), err == nil
}

// tarSums adds up a header's bytes, its checksum field taken for spaces; some
// writers of old took the bytes for signed.
func tarSums(b *[tarBlock]byte) (unsigned, signed int64) {
	for i, c := range b {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	return unsigned, signed
}

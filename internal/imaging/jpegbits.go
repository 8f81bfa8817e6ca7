package imaging

import (
	"encoding/binary"
	"slices"
)

// bitReader reads the entropy-coded bytes of a scan. It stops before a marker
// and then gives zeros, as libjpeg does.
type bitReader struct {
	data []byte
	pos  int

	acc   uint64
	n     int // bits in acc, the zeros among them
	zeros int // of those, how many are made up

	marker  byte // the marker that was met, 0 for none
	starved bool // made-up bits were used
	ended   bool // the data ended without a marker
}

// reset drops what is left of a byte. Data and marker stay.
func (r *bitReader) reset() { r.acc, r.n, r.zeros = 0, 0, 0 }

// fill brings at least 48 bits into acc.
func (r *bitReader) fill() {
	if r.pos+8 <= len(r.data) && r.marker == 0 {
		// Eight bytes without a 0xff among them, the usual case.
		v := binary.BigEndian.Uint64(r.data[r.pos:])
		const ones, tops = 0x0101010101010101, 0x8080808080808080
		if (^v-ones)&v&tops == 0 {
			k := (64 - r.n) >> 3
			r.acc = r.acc<<(8*k) | v>>(64-8*k)
			r.n += 8 * k
			r.pos += k
			return
		}
	}
	for r.n <= 56 {
		b, ok := r.next()
		if !ok {
			if r.n < r.zeros {
				r.starved = true
			}
			k := (64 - r.n) &^ 7
			r.acc <<= k
			r.n += k
			r.zeros = min(r.zeros, r.n-k) + k
			return
		}
		r.acc = r.acc<<8 | uint64(b)
		r.n += 8
	}
}

// next returns the next byte of data, or false before a marker or at the end.
func (r *bitReader) next() (byte, bool) {
	if r.marker != 0 {
		return 0, false
	}
	if r.pos >= len(r.data) {
		r.ended = true
		return 0, false
	}
	b := r.data[r.pos]
	r.pos++
	if b != 0xff {
		return b, true
	}
	for r.pos < len(r.data) && r.data[r.pos] == 0xff {
		r.pos++
	}
	if r.pos >= len(r.data) {
		r.ended = true
		return 0, false
	}
	b = r.data[r.pos]
	r.pos++
	if b == 0 {
		return 0xff, true
	}
	r.marker = b
	return 0, false
}

// hungry reports whether bits were used that the data didn't have.
func (r *bitReader) hungry() bool {
	return r.starved || r.n < r.zeros
}

// take returns the next k <= 16 bits.
func (r *bitReader) take(k int) int {
	if r.n < k {
		r.fill()
	}
	r.n -= k
	return int(r.acc>>r.n) & (1<<k - 1)
}

// extended returns the next k bits as JPEG codes signed values: those without
// the top bit are negative.
func (r *bitReader) extended(k int) int {
	v := r.take(k)
	if k > 0 && v < 1<<(k-1) {
		v -= 1<<k - 1
	}
	return v
}

// lookBits is the length of codes that are found in one look.
const lookBits = 9

// huffman is a table of codes.
type huffman struct {
	look    [1 << lookBits]uint16 // length<<8 | symbol, 0 for longer codes
	maxCode [18]int32             // the largest code of a length, -1 for none
	offset  [17]int32             // index of a length's first symbol, less its first code
	symbols [256]byte
}

// code returns the next symbol. What is no code is 0, as in libjpeg.
func (r *bitReader) code(h *huffman) int {
	if r.n < 16 {
		r.fill()
	}
	e := h.look[int(r.acc>>(r.n-lookBits))&(1<<lookBits-1)]
	if e != 0 {
		r.n -= int(e >> 8)
		return int(e & 0xff)
	}
	peek := int32(r.acc>>(r.n-16)) & 0xffff
	for l := lookBits + 1; l <= 16; l++ {
		if c := peek >> (16 - l); c <= h.maxCode[l] {
			r.n -= l
			return int(h.symbols[(c+h.offset[l])&0xff])
		}
	}
	r.take(16)
	r.take(1)
	return 0
}

func (d *jpegDecoder) huffmanTables(seg []byte) error {
	for len(seg) > 0 {
		if len(seg) < 17 {
			return corrupt("jpeg: Huffman table of %d bytes", len(seg))
		}
		class, t := seg[0]>>4, seg[0]&15
		if class > 1 || t > 3 {
			return corrupt("jpeg: Huffman table %d.%d", class, t)
		}
		var counts [17]int
		n := 0
		for l := 1; l <= 16; l++ {
			counts[l] = int(seg[l])
			n += counts[l]
		}
		if n > 256 || len(seg) < 17+n {
			return corrupt("jpeg: Huffman table of %d codes", n)
		}
		h, err := newHuffman(counts, seg[17:17+n])
		if err != nil {
			return err
		}
		if class == 0 {
			if slices.ContainsFunc(seg[17:17+n], func(size byte) bool { return size > 15 }) {
				return corrupt("jpeg: Huffman table of first coefficients has a size above 15")
			}
			d.dc[t] = h
		} else {
			d.ac[t] = h
		}
		seg = seg[17+n:]
	}
	return nil
}

func newHuffman(counts [17]int, symbols []byte) (*huffman, error) {
	h := new(huffman)
	copy(h.symbols[:], symbols)
	code, k := int32(0), int32(0)
	for l := 1; l <= 16; l++ {
		h.offset[l] = k - code
		h.maxCode[l] = -1
		for range counts[l] {
			if code >= 1<<l {
				return nil, corrupt("jpeg: Huffman table has too many codes of %d bits", l)
			}
			if l <= lookBits {
				entry := uint16(l)<<8 | uint16(h.symbols[k])
				first := int(code) << (lookBits - l)
				for i := range 1 << (lookBits - l) {
					h.look[first+i] = entry
				}
			}
			h.maxCode[l] = code
			code++
			k++
		}
		code <<= 1
	}
	return h, nil
}

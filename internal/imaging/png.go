package imaging

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"
)

// The PNG decoder writes RGB row by row, so that it needs two rows beside the
// picture. As Pillow it takes no notice of checksums of the data, of tRNS, or of
// a missing end.

const pngSignature = "\x89PNG\r\n\x1a\n"

// PNG colour types.
const (
	pngGrey      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGreyAlpha = 4
	pngRGBA      = 6
)

// maxDeflate is what a byte of deflated data gives at the most: a match of 258
// bytes in two bits.
const maxDeflate = 1032

func isPNG(b []byte) bool { return len(b) >= 8 && string(b[:8]) == pngSignature }

// pngHeader is the content of IHDR.
type pngHeader struct {
	width, height int
	depth, colour int
	interlaced    bool
}

// channels is the number of samples of a pixel.
func (h *pngHeader) channels() int {
	switch h.colour {
	case pngRGB:
		return 3
	case pngGreyAlpha:
		return 2
	case pngRGBA:
		return 4
	}
	return 1
}

func probePNG(b []byte) (w, h int, err error) {
	head, err := readPNGHeader(b)
	return head.width, head.height, err
}

func readPNGHeader(b []byte) (pngHeader, error) {
	if len(b) < 8+8+13+4 {
		return pngHeader{}, truncated("png: ends in its header")
	}
	b = b[8:]
	if binary.BigEndian.Uint32(b) != 13 || string(b[4:8]) != "IHDR" {
		return pngHeader{}, corrupt("png: no IHDR at the start")
	}
	if crc32.ChecksumIEEE(b[4:21]) != binary.BigEndian.Uint32(b[21:]) {
		return pngHeader{}, corrupt("png: checksum of IHDR")
	}
	h := pngHeader{
		width:      int(binary.BigEndian.Uint32(b[8:])),
		height:     int(binary.BigEndian.Uint32(b[12:])),
		depth:      int(b[16]),
		colour:     int(b[17]),
		interlaced: b[20] != 0,
	}
	if h.width > 1<<31-1 || h.height > 1<<31-1 {
		return pngHeader{}, corrupt("png: %d x %d pixels", h.width, h.height)
	}
	valid := false
	switch h.colour {
	case pngGrey:
		valid = h.depth == 1 || h.depth == 2 || h.depth == 4 || h.depth == 8 || h.depth == 16
	case pngPalette:
		valid = h.depth == 1 || h.depth == 2 || h.depth == 4 || h.depth == 8
	case pngRGB, pngGreyAlpha, pngRGBA:
		valid = h.depth == 8 || h.depth == 16
	}
	if !valid {
		return pngHeader{}, corrupt("png: %d bits of colour type %d", h.depth, h.colour)
	}
	if b[18] != 0 || b[19] != 0 || b[20] > 1 {
		return pngHeader{}, unsupported("png: compression %d, filter %d, interlace %d", b[18], b[19], b[20])
	}
	return h, nil
}

// pngChunks calls f for the chunks after the signature. A chunk that is cut off
// comes with what there is of it. f returns false to stop.
func pngChunks(b []byte, f func(kind string, data, crc []byte) bool) {
	for at := 8; at+8 <= len(b); {
		n := int(binary.BigEndian.Uint32(b[at:]))
		kind := string(b[at+4 : at+8])
		at += 8
		data := b[at:min(at+n, len(b))]
		at += len(data)
		crc := b[at:min(at+4, len(b))]
		at += len(crc)
		if !f(kind, data, crc) || kind == "IEND" {
			return
		}
	}
}

func decodePNG(b []byte, _ int) (*Image, error) {
	h, err := readPNGHeader(b)
	if err != nil {
		return nil, err
	}
	d := pngDecoder{pngHeader: h}
	var data [][]byte
	pngChunks(b, func(kind string, chunk, crc []byte) bool {
		switch {
		case kind == "IEND":
			d.whole = true
		case kind == "IDAT":
			data = append(data, chunk)
		case len(data) > 0:
			d.whole = true
			return false // what follows the data isn't needed
		case kind == "PLTE":
			if len(crc) < 4 || crc32.Update(crc32.ChecksumIEEE([]byte(kind)), crc32.IEEETable, chunk) != binary.BigEndian.Uint32(crc) {
				err = corrupt("png: checksum of the palette")
				return false
			}
			d.setPalette(chunk)
		}
		return true
	})
	switch {
	case err != nil:
		return nil, err
	case len(data) == 0:
		return nil, d.short("png: no data")
	case d.colour == pngPalette && d.palette == nil:
		return nil, corrupt("png: no palette")
	}
	size := 0
	for _, c := range data {
		size += len(c)
	}
	if need := h.height * ceilDiv(h.width*h.channels()*h.depth, 8); need/maxDeflate > size {
		return nil, d.short("png: %d bytes for %d of pixels", size, need)
	}
	compressed := &chunkReader{chunks: data}
	if err := d.zlibHeader(compressed); err != nil {
		return nil, err
	}
	return d.decode(flate.NewReader(compressed))
}

// zlibHeader reads the two bytes before the compressed data. The checksum after
// it is left unread.
func (d *pngDecoder) zlibHeader(r *chunkReader) error {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return d.short("png: ends before its data")
	}
	if head[0]&15 != 8 || head[1]&0x20 != 0 || binary.BigEndian.Uint16(head[:])%31 != 0 {
		return corrupt("png: header %x of the compressed data", head)
	}
	return nil
}

// chunkReader reads chunks as if they were one.
type chunkReader struct{ chunks [][]byte }

func (r *chunkReader) skipEmpty() bool {
	for len(r.chunks) > 0 && len(r.chunks[0]) == 0 {
		r.chunks = r.chunks[1:]
	}
	return len(r.chunks) > 0
}

func (r *chunkReader) Read(p []byte) (int, error) {
	if !r.skipEmpty() {
		return 0, io.EOF
	}
	n := copy(p, r.chunks[0])
	r.chunks[0] = r.chunks[0][n:]
	return n, nil
}

func (r *chunkReader) ReadByte() (byte, error) {
	if !r.skipEmpty() {
		return 0, io.EOF
	}
	c := r.chunks[0][0]
	r.chunks[0] = r.chunks[0][1:]
	return c, nil
}

func pngOrientation(b []byte) int {
	var exif, raw, xmp []byte
	pngChunks(b, func(kind string, data, _ []byte) bool {
		switch kind {
		case "eXIf":
			exif = data
		case "tEXt", "zTXt":
			if text, ok := bytes.CutPrefix(data, []byte("Raw profile type exif\x00")); ok {
				raw = rawProfile(kind, text)
			}
		case "iTXt":
			if text, ok := bytes.CutPrefix(data, []byte("XML:com.adobe.xmp\x00")); ok {
				xmp = text
			}
		}
		return true
	})
	if exif == nil {
		exif = raw
	}
	if v := exifOrientation(exif); v != 0 {
		return v
	}
	return xmpOrientation(xmp)
}

// maxProfile bounds what a compressed profile is unpacked to, as Pillow bounds
// text.
const maxProfile = 1 << 20

// rawProfile unpacks ImageMagick's way to keep Exif: hexadecimal digits after
// three lines, compressed in a zTXt.
func rawProfile(kind string, text []byte) []byte {
	if kind == "zTXt" {
		if len(text) < 3 {
			return nil
		}
		// The method, and the two bytes of the zlib header.
		r := flate.NewReader(bytes.NewReader(text[3:]))
		text, _ = io.ReadAll(io.LimitReader(r, maxProfile))
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 4 {
		return nil
	}
	exif, _ := hex.DecodeString(strings.Join(lines[3:], "")) // what came before a fault is kept
	return exif
}

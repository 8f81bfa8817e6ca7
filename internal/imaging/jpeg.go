package imaging

import (
	"bytes"
	"encoding/binary"
)

// The JPEG decoder here gives what libjpeg gives, bit for bit: its integer
// inverse transform, its smooth chroma upsampling, its colour arithmetic, and its
// leniency towards damage inside a scan. The standard library's decoder differs
// in all four. Baseline, extended and progressive Huffman coding with 8 bits are
// read; arithmetic coding, lossless and 12 bits are not. Two things differ, in
// damaged files alone: coefficients beyond 16 bits, which libjpeg's vector code
// wraps, and progressive pictures that lack scans, which libjpeg smooths.

// JPEG markers.
const (
	markerSOF0  = 0xc0
	markerSOF1  = 0xc1
	markerSOF2  = 0xc2
	markerDHT   = 0xc4
	markerRST0  = 0xd0
	markerRST7  = 0xd7
	markerSOI   = 0xd8
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerDQT   = 0xdb
	markerDRI   = 0xdd
	markerAPP0  = 0xe0
	markerAPP1  = 0xe1
	markerAPP14 = 0xee
)

// maxScans bounds the work that a small file can ask for, since each scan of a
// progressive picture visits all of its blocks. Encoders write about ten.
const maxScans = 100

type jpegDecoder struct {
	data []byte
	pos  int

	width, height int
	progressive   bool
	comps         []jpegComponent
	maxH, maxV    int

	quant    [4]quantTable
	haveQ    [4]bool
	dc, ac   [4]*huffman
	interval int // MCUs between restart markers, 0 for none

	jfif, adobe bool
	transform   byte // the colour transform in the Adobe marker

	bits  bitReader
	scans int

	// What a TIFF says about a JPEG in it.
	plainRGB            bool // three components are RGB
	maxWidth, maxHeight int  // 0 for any
}

// jpegComponent is one plane of samples.
type jpegComponent struct {
	id, h, v, tq int

	blocksWide, blocksHigh int // in whole MCUs
	scanWide, scanHigh     int // in a scan of this component alone
	width, height          int // samples that belong to the picture

	quant *quantTable // as it was at the component's first scan
	pix   *[]byte     // blocksWide*8 x blocksHigh*8 samples
	coefs []block     // progressive only

	dc, ac *huffman // of the current scan
	pred   int      // the last DC value
}

func (c *jpegComponent) stride() int { return 8 * c.blocksWide }

// row returns the samples of row y; one outside the plane is the nearest inside.
func (c *jpegComponent) row(y int) []byte {
	y = max(0, min(y, c.height-1))
	n := c.stride()
	return (*c.pix)[y*n : y*n+c.width]
}

func isJPEG(b []byte) bool {
	return len(b) >= 3 && b[0] == 0xff && b[1] == markerSOI && b[2] == 0xff
}

func probeJPEG(b []byte) (w, h int, err error) {
	d := jpegDecoder{data: b, pos: 2}
	for {
		marker, err := d.nextMarker()
		if err != nil {
			return 0, 0, err
		}
		if noSegment(marker) {
			continue
		}
		if marker == markerEOI || marker == markerSOS {
			return 0, 0, corrupt("jpeg: no frame before its data")
		}
		seg, err := d.segment()
		if err != nil {
			return 0, 0, err
		}
		if isFrame(marker) {
			if err := d.frame(marker, seg); err != nil {
				return 0, 0, err
			}
			return d.width, d.height, nil
		}
	}
}

// isFrame reports whether a marker begins a frame of any coding process.
func isFrame(marker byte) bool {
	return marker >= 0xc0 && marker <= 0xcf && marker != markerDHT && marker != 0xc8 && marker != 0xcc
}

// noSegment reports whether a marker stands alone.
func noSegment(marker byte) bool {
	return marker >= markerRST0 && marker <= markerSOI || marker == 0x01
}

func decodeJPEG(b []byte, limit int) (*Image, error) {
	d := jpegDecoder{data: b, pos: 2}
	return d.decode(limit)
}

func (d *jpegDecoder) decode(limit int) (*Image, error) {
	defer d.free()
	for {
		marker, err := d.nextMarker()
		if err != nil {
			return nil, err
		}
		if marker == markerEOI {
			break
		}
		if noSegment(marker) {
			continue
		}
		seg, err := d.segment()
		if err != nil {
			return nil, err
		}
		if err := d.take(marker, seg, limit); err != nil {
			return nil, err
		}
	}
	if d.scans == 0 {
		return nil, corrupt("jpeg: no scan")
	}
	d.finish()
	return d.colour()
}

// take handles one segment. A scan's data follows its segment and is read too.
func (d *jpegDecoder) take(marker byte, seg []byte, limit int) error {
	switch {
	case isFrame(marker):
		if d.comps != nil {
			return corrupt("jpeg: two frames")
		}
		if err := d.frame(marker, seg); err != nil {
			return err
		}
		if blocks := d.blocks(); blocks > 8*len(d.data) {
			// Each takes a bit at the least.
			return truncated("jpeg: %d bytes for %d blocks", len(d.data), blocks)
		}
		if d.maxWidth > 0 && (d.width > d.maxWidth || d.height > d.maxHeight) {
			return corrupt("jpeg: %d x %d in a block of %d x %d", d.width, d.height, d.maxWidth, d.maxHeight)
		}
		return checkSize(d.width, d.height, limit)
	case marker == markerDHT:
		return d.huffmanTables(seg)
	case marker == markerDQT:
		return d.quantTables(seg)
	case marker == markerDRI:
		if len(seg) != 2 {
			return corrupt("jpeg: restart interval of %d bytes", len(seg))
		}
		d.interval = int(binary.BigEndian.Uint16(seg))
	case marker == markerSOS:
		return d.scan(seg)
	case marker == markerAPP0:
		if len(seg) >= 5 && string(seg[:5]) == "JFIF\x00" {
			d.jfif = true
		}
	case marker == markerAPP14:
		if len(seg) >= 12 && string(seg[:5]) == "Adobe" {
			d.adobe, d.transform = true, seg[11]
		}
	}
	return nil
}

// nextMarker passes over what is no marker, as libjpeg does.
func (d *jpegDecoder) nextMarker() (byte, error) {
	for d.pos < len(d.data) {
		i := bytes.IndexByte(d.data[d.pos:], 0xff)
		if i < 0 {
			break
		}
		d.pos += i
		for d.pos < len(d.data) && d.data[d.pos] == 0xff {
			d.pos++
		}
		if d.pos < len(d.data) {
			m := d.data[d.pos]
			d.pos++
			if m != 0 {
				return m, nil
			}
		}
	}
	return 0, truncated("jpeg: no end of image")
}

func (d *jpegDecoder) segment() ([]byte, error) {
	rest := d.data[d.pos:]
	if len(rest) < 2 {
		return nil, truncated("jpeg: ends in a segment")
	}
	n := int(binary.BigEndian.Uint16(rest))
	if n < 2 {
		return nil, corrupt("jpeg: segment of %d bytes", n)
	}
	if len(rest) < n {
		return nil, truncated("jpeg: ends in a segment")
	}
	d.pos += n
	return rest[2:n], nil
}

// frame reads the frame header and lays out the components. It allocates nothing
// that grows with the picture.
func (d *jpegDecoder) frame(marker byte, seg []byte) error {
	if len(seg) < 6 {
		return corrupt("jpeg: frame header of %d bytes", len(seg))
	}
	if marker != markerSOF0 && marker != markerSOF1 && marker != markerSOF2 {
		return unsupported("jpeg: coding process %d", marker-markerSOF0)
	}
	d.progressive = marker == markerSOF2
	if seg[0] != 8 {
		return unsupported("jpeg: %d bits a sample", seg[0])
	}
	d.height = int(binary.BigEndian.Uint16(seg[1:]))
	d.width = int(binary.BigEndian.Uint16(seg[3:]))
	n := int(seg[5])
	if n != 1 && n != 3 && n != 4 {
		return unsupported("jpeg: %d components", n)
	}
	if len(seg) != 6+3*n {
		return corrupt("jpeg: frame header of %d bytes", len(seg))
	}
	if d.width == 0 || d.height == 0 {
		return corrupt("jpeg: no pixels: %d x %d", d.width, d.height)
	}
	d.comps = make([]jpegComponent, n)
	for i := range d.comps {
		s, c := seg[6+3*i:], &d.comps[i]
		c.id, c.h, c.v, c.tq = int(s[0]), int(s[1]>>4), int(s[1]&15), int(s[2])
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return corrupt("jpeg: sampling factors %d x %d", c.h, c.v)
		}
		if c.tq > 3 {
			return corrupt("jpeg: quantisation table %d", c.tq)
		}
		d.maxH, d.maxV = max(d.maxH, c.h), max(d.maxV, c.v)
	}
	mcusWide := ceilDiv(d.width, 8*d.maxH)
	mcusHigh := ceilDiv(d.height, 8*d.maxV)
	for i := range d.comps {
		c := &d.comps[i]
		if d.maxH%c.h != 0 || d.maxV%c.v != 0 {
			return unsupported("jpeg: sampling factors %d x %d of %d x %d", c.h, c.v, d.maxH, d.maxV)
		}
		c.blocksWide, c.blocksHigh = mcusWide*c.h, mcusHigh*c.v
		c.width, c.height = ceilDiv(d.width*c.h, d.maxH), ceilDiv(d.height*c.v, d.maxV)
		c.scanWide, c.scanHigh = ceilDiv(c.width, 8), ceilDiv(c.height, 8)
	}
	return nil
}

// blocks is the number of blocks of all components.
func (d *jpegDecoder) blocks() int {
	n := 0
	for i := range d.comps {
		n += d.comps[i].scanWide * d.comps[i].scanHigh
	}
	return n
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

func (d *jpegDecoder) quantTables(seg []byte) error {
	for len(seg) > 0 {
		wide, t := seg[0]>>4, seg[0]&15
		n := 64
		if wide != 0 {
			n = 128
		}
		if t > 3 || len(seg) < 1+n {
			return corrupt("jpeg: quantisation table %d", t)
		}
		for i := range 64 {
			v := int32(seg[1+i])
			if wide != 0 {
				v = int32(binary.BigEndian.Uint16(seg[1+2*i:]))
			}
			d.quant[t][natural[i]] = v
		}
		d.haveQ[t] = true
		seg = seg[1+n:]
	}
	return nil
}

// planes allocates the samples, and for progressive coding the coefficients.
func (d *jpegDecoder) planes() {
	for i := range d.comps {
		c := &d.comps[i]
		n := c.blocksWide * c.blocksHigh
		c.pix = scratch(64 * n)
		if d.progressive {
			c.coefs = make([]block, n)
		}
	}
}

// finish writes the samples that no scan of sequential coding wrote.
func (d *jpegDecoder) finish() {
	for i := range d.comps {
		c := &d.comps[i]
		switch {
		case d.progressive:
			c.reconstruct()
		case c.quant == nil: // never in a scan: grey
			for j := range *c.pix {
				(*c.pix)[j] = 128
			}
		}
	}
}

func (d *jpegDecoder) free() {
	for i := range d.comps {
		free(d.comps[i].pix)
	}
}

func jpegOrientation(b []byte) int {
	d := jpegDecoder{data: b, pos: 2}
	var exif, xmp []byte
	for {
		marker, err := d.nextMarker()
		if err != nil || marker == markerSOS || marker == markerEOI {
			break
		}
		if noSegment(marker) {
			continue
		}
		seg, err := d.segment()
		if err != nil {
			break
		}
		const xmpName = "http://ns.adobe.com/xap/1.0/\x00"
		switch {
		case marker != markerAPP1:
		case bytes.HasPrefix(seg, exifPrefix) && exif == nil:
			exif = seg
		case bytes.HasPrefix(seg, []byte(xmpName)):
			xmp = seg[len(xmpName):]
		}
	}
	if v := exifOrientation(exif); v != 0 {
		return v
	}
	return xmpOrientation(xmp)
}

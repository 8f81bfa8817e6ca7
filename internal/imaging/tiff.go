package imaging

import (
	"encoding/binary"
	"slices"
)

func isTIFF(b []byte) bool {
	return len(b) >= 4 && (string(b[:4]) == "II*\x00" || string(b[:4]) == "MM\x00*")
}

// Tags of a TIFF directory.
const (
	tagWidth        = 256
	tagHeight       = 257
	tagBits         = 258
	tagCompression  = 259
	tagPhotometric  = 262
	tagFillOrder    = 266
	tagStripOffsets = 273
	tagSamples      = 277
	tagRowsPerStrip = 278
	tagStripCounts  = 279
	tagPlanar       = 284
	tagFaxOptions   = 292
	tagPredictor    = 317
	tagColourMap    = 320
	tagTileWidth    = 322
	tagTileHeight   = 323
	tagTileOffsets  = 324
	tagTileCounts   = 325
	tagExtra        = 338
	tagFormat       = 339
	tagJPEGTables   = 347
)

// Photometric interpretations.
const (
	tiffWhiteIsZero = 0
	tiffBlackIsZero = 1
	tiffRGB         = 2
	tiffPalette     = 3
	tiffCMYK        = 5
	tiffYCbCr       = 6
)

// tiffReader reads the first picture of a TIFF.
type tiffReader struct {
	data  []byte
	order binary.ByteOrder
	at    int // the directory

	width, height int
	depth         int // bits of a sample
	samples       int // of a pixel
	photometric   int
	compression   int
	planar        bool // samples are apart, plane after plane
	reversed      bool // bits of a byte from the lowest
	predicted     bool // differences from the left
	premultiplied bool
	palette       []int

	blockWidth, blockHeight int
	offsets, counts         []int
}

func probeTIFF(b []byte) (w, h int, err error) {
	order, at, ok := tiffHeader(b)
	if !ok || at+2 > len(b) {
		return 0, 0, truncated("tiff: ends before its directory")
	}
	w, hasW := tiffTag(b, order, at, tagWidth)
	h, hasH := tiffTag(b, order, at, tagHeight)
	if !hasW || !hasH {
		return 0, 0, corrupt("tiff: no size in the directory")
	}
	// The size is that of the picture as it is to be seen.
	if o, _ := tiffTag(b, order, at, tagOrientation); o >= 5 && o <= 8 {
		w, h = h, w
	}
	return w, h, nil
}

// values returns the values of a tag, at most limit, or nil. They are of the
// types byte, short or long, or bytes of no type.
func (t *tiffReader) values(tag, limit int) []int {
	at := t.at
	n := int(t.order.Uint16(t.data[at:]))
	for at += 2; n > 0 && at+12 <= len(t.data); at, n = at+12, n-1 {
		if int(t.order.Uint16(t.data[at:])) != tag {
			continue
		}
		size := map[uint16]int{1: 1, 3: 2, 4: 4, 6: 1, 7: 1}[t.order.Uint16(t.data[at+2:])]
		count := int(t.order.Uint32(t.data[at+4:]))
		if size == 0 || count > len(t.data)/size {
			return nil
		}
		from := at + 8
		if size*count > 4 {
			from = int(t.order.Uint32(t.data[at+8:]))
		}
		if from+size*count > len(t.data) {
			return nil
		}
		v := make([]int, min(count, limit))
		for i := range v {
			switch p := t.data[from+i*size:]; size {
			case 1:
				v[i] = int(p[0])
			case 2:
				v[i] = int(t.order.Uint16(p))
			default:
				v[i] = int(t.order.Uint32(p))
			}
		}
		return v
	}
	return nil
}

// value returns the first value of a tag.
func (t *tiffReader) value(tag, otherwise int) int {
	if v := t.values(tag, 1); len(v) > 0 {
		return v[0]
	}
	return otherwise
}

// readTIFF reads the directory and refuses what isn't read. Its checks bound what
// decoding allocates by limit.
func readTIFF(b []byte, limit int) (*tiffReader, error) {
	t := &tiffReader{data: b}
	var ok bool
	if t.order, t.at, ok = tiffHeader(b); !ok || t.at+2 > len(b) {
		return nil, truncated("tiff: ends before its directory")
	}
	t.width, t.height = t.value(tagWidth, 0), t.value(tagHeight, 0)
	if t.width < 1 || t.height < 1 {
		return nil, corrupt("tiff: no pixels: %d x %d", t.width, t.height)
	}
	if err := checkSize(t.width, t.height, limit); err != nil {
		return nil, err
	}
	t.photometric = t.value(tagPhotometric, tiffBlackIsZero)
	t.compression = t.value(tagCompression, 1)
	t.samples = t.value(tagSamples, 1)
	t.reversed = t.value(tagFillOrder, 1) == 2
	t.planar = t.value(tagPlanar, 1) == 2 && t.samples > 1
	if t.samples < 1 || t.samples > 16 {
		return nil, unsupported("tiff: %d samples a pixel", t.samples)
	}
	bits := t.values(tagBits, t.samples)
	if len(bits) == 0 {
		bits = []int{1}
	}
	t.depth = bits[0]
	for _, d := range bits {
		if d != t.depth {
			return nil, unsupported("tiff: samples of %d bits", bits)
		}
	}
	if !slices.Contains([]int{1, 2, 4, 8, 16}, t.depth) {
		return nil, unsupported("tiff: samples of %d bits", t.depth)
	}
	if f := t.value(tagFormat, 1); f != 1 && (f != 2 || t.depth != 8 || t.samples != 1) {
		return nil, unsupported("tiff: sample format %d", f)
	}
	t.palette = t.values(tagColourMap, 3<<8)
	if err := t.checkColours(); err != nil {
		return nil, err
	}
	switch p := t.value(tagPredictor, 1); {
	case p == 1:
	case p == 2 && t.depth >= 8:
		t.predicted = t.compression == tiffLZW || t.compression == tiffDeflate || t.compression == tiffDeflateOld
	default:
		return nil, unsupported("tiff: predictor %d of %d bits", p, t.depth)
	}
	return t, t.readBlocks(limit)
}

// checkColours refuses the interpretations that aren't read.
func (t *tiffReader) checkColours() error {
	least := 1
	switch t.photometric {
	case tiffWhiteIsZero, tiffBlackIsZero:
	case tiffRGB:
		least = 3
	case tiffPalette:
		if t.depth > 8 || len(t.palette) < 3<<t.depth {
			return corrupt("tiff: palette of %d values for %d bits", len(t.palette), t.depth)
		}
	case tiffCMYK:
		least = 4
	case tiffYCbCr:
		if least = 3; t.compression != tiffJPEG {
			return unsupported("tiff: YCbCr without JPEG")
		}
	default:
		return unsupported("tiff: photometric interpretation %d", t.photometric)
	}
	if t.samples < least {
		return corrupt("tiff: %d samples for photometric interpretation %d", t.samples, t.photometric)
	}
	if (least > 1 || t.samples > 1) && t.depth < 8 {
		return unsupported("tiff: %d samples of %d bits", t.samples, t.depth)
	}
	t.premultiplied = t.photometric == tiffRGB && t.samples > 3 && t.value(tagExtra, 0) == 1
	return nil
}

// readBlocks reads where strips or tiles are.
func (t *tiffReader) readBlocks(limit int) error {
	offsets, counts := tagStripOffsets, tagStripCounts
	if t.value(tagTileWidth, 0) > 0 {
		t.blockWidth, t.blockHeight = t.value(tagTileWidth, 0), t.value(tagTileHeight, 0)
		offsets, counts = tagTileOffsets, tagTileCounts
	} else {
		t.blockWidth, t.blockHeight = t.width, min(t.value(tagRowsPerStrip, t.height), t.height)
	}
	if t.blockWidth < 1 || t.blockHeight < 1 {
		return corrupt("tiff: blocks of %d x %d", t.blockWidth, t.blockHeight)
	}
	across, down := ceilDiv(t.width, t.blockWidth), ceilDiv(t.height, t.blockHeight)
	// Tiles are padded. Small pictures in one usual tile are fine.
	const usual = 4096 * 4096
	if wide, tall := across*t.blockWidth, down*t.blockHeight; wide > 2*maxSide || tall > 2*maxSide || wide*tall > max(2*limit, min(usual, 4*limit)) {
		return corrupt("tiff: blocks of %d x %d for a picture of %d x %d", t.blockWidth, t.blockHeight, t.width, t.height)
	}
	n := across * down
	if t.planar {
		n *= t.samples
	}
	t.offsets = t.values(offsets, n)
	if t.compression == tiffPlain {
		// The sizes are known, and what writers put there is often wrong.
		t.counts = slices.Repeat([]int{t.blockBytes()}, len(t.offsets))
	} else {
		t.counts = t.values(counts, n)
	}
	if len(t.offsets) < n || len(t.counts) < n {
		return corrupt("tiff: %d blocks, and places of %d, sizes of %d", n, len(t.offsets), len(t.counts))
	}
	return t.checkBlocks(limit)
}

// blockBytes is the size of a whole block, unpacked.
func (t *tiffReader) blockBytes() int {
	samples := t.samples
	if t.planar {
		samples = 1
	}
	return ceilDiv(t.blockWidth*samples*t.depth, 8) * t.blockHeight
}

// checkBlocks bounds the work and the memory that blocks take by the length of
// the file and by limit: they must not overlap much, and must not unpack to more
// than their bytes can hold.
func (t *tiffReader) checkBlocks(limit int) error {
	if size := t.blockBytes(); size > max(8*limit, 8<<20) {
		return corrupt("tiff: blocks of %d bytes", size)
	}
	total := 0
	for i, from := range t.offsets {
		total += max(0, min(t.counts[i], len(t.data)-from))
	}
	if total > 2*len(t.data) {
		return corrupt("tiff: %d bytes in the blocks of %d", total, len(t.data))
	}
	need := ceilDiv(t.width*t.samples*t.depth, 8) * t.height
	if most, ok := tiffRatios[t.compression]; ok && need/most > total {
		return truncated("tiff: %d bytes for %d of pixels", total, need)
	}
	return nil
}

// tiffRatios is what a byte unpacks to at the most, by compression.
var tiffRatios = map[int]int{
	tiffPlain:      1,
	tiffPackBits:   64,            // 128 bytes in two
	tiffLZW:        4096 * 8 / 12, // a code stands for 4,096 bytes at the most
	tiffDeflate:    maxDeflate,
	tiffDeflateOld: maxDeflate,
}

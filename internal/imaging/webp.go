package imaging

import (
	"bytes"
	"encoding/binary"
	"image"

	"golang.org/x/image/vp8"
	"golang.org/x/image/vp8l"
)

func isWebP(b []byte) bool {
	return len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP"
}

// webpFrame is the first frame of a WebP and its place on the canvas.
type webpFrame struct {
	width, height int // of the canvas
	x, y          int
	lossless      bool
	data          []byte
	exif, xmp     []byte
}

// riffChunks calls f for chunks; one that is cut off has what there is of it and
// whole is false.
func riffChunks(b []byte, f func(kind string, data []byte, whole bool) error) error {
	for len(b) >= 8 {
		n := int(binary.LittleEndian.Uint32(b[4:]))
		kind := string(b[:4])
		b = b[8:]
		whole := n <= len(b)
		n = min(n, len(b))
		if err := f(kind, b[:n], whole); err != nil {
			return err
		}
		b = b[min(n+n&1, len(b)):]
	}
	return nil
}

func readWebP(b []byte) (*webpFrame, error) {
	f := &webpFrame{}
	size := int(binary.LittleEndian.Uint32(b[4:]))
	short := size > len(b)-8
	body := b[12:min(len(b), max(12, 8+size))]
	err := riffChunks(body, f.take)
	if err != nil {
		return nil, err
	}
	if short {
		return nil, truncated("webp: %d of %d bytes", len(b)-8, size)
	}
	if f.data == nil {
		return nil, corrupt("webp: no frame")
	}
	return f, nil
}

func (f *webpFrame) take(kind string, data []byte, whole bool) error {
	if !whole {
		return truncated("webp: ends in a chunk")
	}
	switch kind {
	case "VP8X":
		if len(data) < 10 {
			return corrupt("webp: extended header of %d bytes", len(data))
		}
		f.width, f.height = 1+uint24(data[4:]), 1+uint24(data[7:])
	case "ANMF":
		if f.data != nil {
			return nil // a later frame
		}
		if len(data) < 16 {
			return corrupt("webp: frame header of %d bytes", len(data))
		}
		f.x, f.y = 2*uint24(data), 2*uint24(data[3:])
		return riffChunks(data[16:], f.take)
	case "VP8 ", "VP8L":
		if f.data != nil {
			return nil
		}
		f.data, f.lossless = data, kind == "VP8L"
		w, h, err := f.size()
		if err != nil {
			return err
		}
		if f.width == 0 {
			f.width, f.height = w, h
		}
		if f.x+w > f.width || f.y+h > f.height {
			return corrupt("webp: a frame of %d x %d at %d, %d of %d x %d", w, h, f.x, f.y, f.width, f.height)
		}
	case "EXIF":
		f.exif = data
	case "XMP ":
		f.xmp = data
	}
	return nil
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// size reads the frame's own header.
func (f *webpFrame) size() (w, h int, err error) {
	if f.lossless {
		if len(f.data) < 5 {
			return 0, 0, truncated("webp: ends in a frame's header")
		}
		if f.data[0] != 0x2f {
			return 0, 0, corrupt("webp: signature of a lossless frame")
		}
		v := binary.LittleEndian.Uint32(f.data[1:])
		return 1 + int(v&0x3fff), 1 + int(v>>14&0x3fff), nil
	}
	if len(f.data) < 10 {
		return 0, 0, truncated("webp: ends in a frame's header")
	}
	if f.data[0]&1 != 0 || f.data[3] != 0x9d || f.data[4] != 0x01 || f.data[5] != 0x2a {
		return 0, 0, corrupt("webp: signature of a key frame")
	}
	w = int(binary.LittleEndian.Uint16(f.data[6:])) & 0x3fff
	h = int(binary.LittleEndian.Uint16(f.data[8:])) & 0x3fff
	if w == 0 || h == 0 {
		return 0, 0, corrupt("webp: a frame of %d x %d", w, h)
	}
	return w, h, nil
}

func probeWebP(b []byte) (w, h int, err error) {
	f, err := readWebP(b)
	if err != nil {
		return 0, 0, err
	}
	return f.width, f.height, nil
}

func decodeWebP(b []byte, _ int) (*Image, error) {
	f, err := readWebP(b)
	if err != nil {
		return nil, err
	}
	var frame *Image
	if f.lossless {
		frame, err = f.decodeLossless()
	} else {
		frame, err = f.decodeLossy()
	}
	if err != nil {
		return nil, err
	}
	if frame.Width == f.width && frame.Height == f.height {
		return frame, nil
	}
	return Crop(frame, -f.x, -f.y, f.width, f.height), nil
}

func (f *webpFrame) decodeLossless() (*Image, error) {
	m, err := vp8l.Decode(bytes.NewReader(f.data))
	if err != nil {
		return nil, err
	}
	n, ok := m.(*image.NRGBA)
	if !ok {
		return nil, corrupt("webp: lossless picture of kind %T", m)
	}
	return dropFourth(n.Pix, n.Stride, n.Rect.Dx(), n.Rect.Dy()), nil
}

// decodeLossy leaves alpha unread: it would be dropped.
func (f *webpFrame) decodeLossy() (*Image, error) {
	d := vp8.NewDecoder()
	d.Init(bytes.NewReader(f.data), len(f.data))
	if _, err := d.DecodeFrameHeader(); err != nil {
		return nil, err
	}
	m, err := d.DecodeFrame()
	if err != nil {
		return nil, err
	}
	return videoToRGB(m), nil
}

// dropFourth takes pictures of four bytes a pixel to RGB.
func dropFourth(pix []byte, stride, w, h int) *Image {
	img := NewImage(w, h)
	for y := range h {
		in, out := pix[y*stride:y*stride+4*w], img.row(y)
		for x := range w {
			p, s := out[3*x:3*x+3], in[4*x:4*x+4]
			p[0], p[1], p[2] = s[0], s[1], s[2]
		}
	}
	return img
}

func webpOrientation(b []byte) int {
	f, err := readWebP(b)
	if err != nil {
		return 0
	}
	if v := exifOrientation(f.exif); v != 0 {
		return v
	}
	return xmpOrientation(f.xmp)
}

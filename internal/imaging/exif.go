package imaging

import (
	"bytes"
	"encoding/binary"
)

var exifPrefix = []byte("Exif\x00\x00")

// exifOrientation returns the orientation in the first directory of Exif data,
// or 0.
func exifOrientation(b []byte) int {
	b = bytes.TrimPrefix(b, exifPrefix)
	order, at, ok := tiffHeader(b)
	if !ok {
		return 0
	}
	v, _ := tiffTag(b, order, at, tagOrientation)
	return v
}

const tagOrientation = 0x0112

// tiffHeader reads the byte order and the place of the first directory.
func tiffHeader(b []byte) (order binary.ByteOrder, at int, ok bool) {
	if len(b) < 8 {
		return nil, 0, false
	}
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return nil, 0, false
	}
	return order, int(order.Uint32(b[4:])), true
}

// tiffTag returns the first value of a tag of the directory at a place, if the
// tag is there as one of the unsigned integer types.
func tiffTag(b []byte, order binary.ByteOrder, at, tag int) (int, bool) {
	if at < 0 || at+2 > len(b) {
		return 0, false
	}
	n := int(order.Uint16(b[at:]))
	for entry := at + 2; n > 0 && entry+12 <= len(b); entry, n = entry+12, n-1 {
		if int(order.Uint16(b[entry:])) != tag {
			continue
		}
		kind, count := order.Uint16(b[entry+2:]), order.Uint32(b[entry+4:])
		value := b[entry+8 : entry+12]
		switch {
		case kind == 1 && count == 1: // byte
			return int(value[0]), true
		case kind == 3 && count == 1: // short
			return int(order.Uint16(value)), true
		case kind == 4 && count == 1: // long
			return int(order.Uint32(value)), true
		}
		return 0, false
	}
	return 0, false
}

// xmpOrientation returns the orientation in an XMP packet, or 0: the first
// digit after the tag as attribute or element.
func xmpOrientation(b []byte) int {
	name := []byte("tiff:Orientation")
	for {
		i := bytes.Index(b, name)
		if i < 0 {
			return 0
		}
		b = b[i+len(name):]
		rest := b
		switch {
		case bytes.HasPrefix(rest, []byte(`="`)):
			rest = rest[2:]
		case bytes.HasPrefix(rest, []byte(">")):
			rest = rest[1:]
		default:
			continue
		}
		if len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' {
			return int(rest[0] - '0')
		}
	}
}

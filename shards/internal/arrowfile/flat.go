package arrowfile

import (
	"encoding/binary"
	"fmt"
)

// flat reads a flatbuffer. Every position is checked against its bytes; after
// the first fault, which err keeps, all reads give nothing.
type flat struct {
	b   []byte
	err error
}

// table is a flatbuffer table: its values, and where each of them is.
type table struct {
	pos, size    int // of the values
	slots, nslot int // of the vtable's entries
}

// vector is a run of n elements.
type vector struct{ pos, n, elem int }

func (v vector) at(i int) int { return v.pos + i*v.elem }

func (f *flat) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

// need tells whether n bytes from pos are there.
func (f *flat) need(pos, n int) bool {
	if f.err != nil {
		return false
	}
	if pos < 0 || n < 0 || n > len(f.b) || pos > len(f.b)-n {
		f.fail("%d bytes at %d: outside the %d of the metadata", n, pos, len(f.b))
		return false
	}
	return true
}

func (f *flat) u16(pos int) uint16 {
	if !f.need(pos, 2) {
		return 0
	}
	return binary.LittleEndian.Uint16(f.b[pos:])
}

func (f *flat) u32(pos int) uint32 {
	if !f.need(pos, 4) {
		return 0
	}
	return binary.LittleEndian.Uint32(f.b[pos:])
}

func (f *flat) u64(pos int) uint64 {
	if !f.need(pos, 8) {
		return 0
	}
	return binary.LittleEndian.Uint64(f.b[pos:])
}

func (f *flat) root() table { return f.tableAt(f.follow(0)) }

// follow gives what the offset at pos points to. Offsets point forward, so no
// walk along them runs in a circle.
func (f *flat) follow(pos int) int {
	off := f.u32(pos)
	if f.err == nil && (off == 0 || int64(pos)+int64(off) >= int64(len(f.b))) {
		f.fail("an offset of %d at %d: outside the %d bytes of the metadata", off, pos, len(f.b))
	}
	return pos + int(off)
}

func (f *flat) tableAt(pos int) table {
	slots := int64(pos) - int64(int32(f.u32(pos)))
	if f.err == nil && (slots < 0 || slots > int64(len(f.b))) {
		f.fail("a table's layout at %d: outside the metadata", slots)
	}
	if f.err != nil {
		return table{}
	}
	n, size := int(f.u16(int(slots))), int(f.u16(int(slots)+2))
	if f.err == nil && (n < 4 || n%2 != 0 || size < 4) {
		f.fail("a table of %d bytes with a layout of %d", size, n)
	}
	if !f.need(int(slots), n) || !f.need(pos, size) {
		return table{}
	}
	return table{pos, size, int(slots) + 4, (n - 4) / 2}
}

// field is where the value of a slot is. A table need not have it.
func (f *flat) field(t table, slot, size int) (int, bool) {
	if f.err != nil || slot >= t.nslot {
		return 0, false
	}
	off := int(f.u16(t.slots + 2*slot))
	if off == 0 {
		return 0, false
	}
	if off < 4 || off+size > t.size {
		f.fail("a value at %d of a table of %d bytes", off, t.size)
		return 0, false
	}
	return t.pos + off, true
}

func (f *flat) uint8(t table, slot int, absent uint8) uint8 {
	if pos, ok := f.field(t, slot, 1); ok {
		return f.b[pos]
	}
	return absent
}

func (f *flat) uint16(t table, slot int, absent uint16) uint16 {
	if pos, ok := f.field(t, slot, 2); ok {
		return f.u16(pos)
	}
	return absent
}

func (f *flat) int32(t table, slot int, absent int32) int32 {
	if pos, ok := f.field(t, slot, 4); ok {
		return int32(f.u32(pos))
	}
	return absent
}

func (f *flat) int64(t table, slot int, absent int64) int64 {
	if pos, ok := f.field(t, slot, 8); ok {
		return int64(f.u64(pos))
	}
	return absent
}

func (f *flat) table(t table, slot int) (table, bool) {
	pos, ok := f.field(t, slot, 4)
	if !ok {
		return table{}, false
	}
	sub := f.tableAt(f.follow(pos))
	return sub, f.err == nil
}

// vector gives the elements of a slot, each of elem bytes.
func (f *flat) vector(t table, slot, elem int) (vector, bool) {
	pos, ok := f.field(t, slot, 4)
	if !ok {
		return vector{}, false
	}
	pos = f.follow(pos)
	n := int64(f.u32(pos))
	if f.err != nil {
		return vector{}, false
	}
	if n*int64(elem) > int64(len(f.b)-pos-4) {
		f.fail("%d elements of %d bytes at %d: outside the %d of the metadata", n, elem, pos, len(f.b))
		return vector{}, false
	}
	return vector{pos + 4, int(n), elem}, true
}

// tables calls do for each table of a slot's vector.
func (f *flat) tables(t table, slot int, do func(table)) {
	v, _ := f.vector(t, slot, 4)
	for i := 0; i < v.n && f.err == nil; i++ {
		sub := f.tableAt(f.follow(v.at(i)))
		if f.err == nil {
			do(sub)
		}
	}
}

// text copies the string of a slot.
func (f *flat) text(t table, slot int) string {
	v, ok := f.vector(t, slot, 1)
	if !ok {
		return ""
	}
	return string(f.b[v.pos : v.pos+v.n])
}

package arrowfile

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Record reads the record batch of a block, whose bytes are b. The columns are
// views of b: it must not be written to while one is in use. The record needs
// no release, since no allocator's memory is behind it.
//
// b must be aligned to 8 bytes, as everything from make is.
func (footer *Footer) Record(b []byte, blk Block) (rec arrow.Record, err error) {
	if int64(len(b)) != blk.Bytes() {
		return nil, fmt.Errorf("%w: a batch of %d bytes, not %d", ErrMalformed, len(b), blk.Bytes())
	}
	// Arrow panics where it finds columns that don't fit together. Everything
	// it looks at was checked, so this should not happen: it is a second line.
	defer func() {
		if p := recover(); p != nil {
			rec, err = nil, fmt.Errorf("%w: record batch: %v", ErrMalformed, p)
		}
	}()
	meta, body := b[:blk.Metadata], b[blk.Metadata:]
	if binary.LittleEndian.Uint32(meta) != math.MaxUint32 || int64(binary.LittleEndian.Uint32(meta[4:]))+8 != blk.Metadata {
		return nil, fmt.Errorf("%w: the record batch has no message of %d bytes", ErrMalformed, blk.Metadata)
	}
	f := &flat{b: meta[8:]}
	msg := f.root()
	if v := f.uint16(msg, 0, 0); f.err == nil && v != metadataV4 && v != metadataV5 {
		f.fail("metadata version %d", v)
	}
	if k := f.uint8(msg, 1, 0); f.err == nil && k != headerRecordBatch {
		f.fail("a message of kind %d", k)
	}
	if n := f.int64(msg, 3, 0); f.err == nil && n != blk.Body {
		f.fail("a body of %d bytes, not %d", n, blk.Body)
	}
	batch, ok := f.table(msg, 2)
	if !ok {
		f.fail("no header")
	}
	if _, ok := f.table(batch, 3); ok {
		f.fail("it is compressed, which this program does not write")
	}
	l := loader{flat: f, body: body}
	l.nodes, _ = f.vector(batch, 1, 16)
	l.buffers, _ = f.vector(batch, 2, 16)
	rows := f.int64(batch, 0, 0)
	if f.err == nil && (rows < 0 || rows > math.MaxInt32-1) {
		f.fail("%d rows", rows)
	}
	cols := make([]arrow.Array, 0, footer.Schema.NumFields())
	for _, field := range footer.Schema.Fields() {
		data := l.column(field, rows)
		if f.err != nil {
			return nil, fmt.Errorf("%w: record batch: column %q: %w", ErrMalformed, field.Name, f.err)
		}
		cols = append(cols, array.MakeFromData(data))
	}
	if l.node != l.nodes.n || l.buffer != l.buffers.n {
		return nil, fmt.Errorf("%w: record batch: %d columns and %d buffers, of which the schema has %d and %d",
			ErrMalformed, l.nodes.n, l.buffers.n, l.node, l.buffer)
	}
	return array.NewRecord(footer.Schema, cols, rows), nil
}

// loader gives the columns of a batch, in the order of the schema.
type loader struct {
	*flat
	body           []byte
	nodes, buffers vector
	node, buffer   int   // the next ones
	end            int64 // of the buffer before
}

// column gives a column of want values.
func (l *loader) column(field arrow.Field, want int64) arrow.ArrayData {
	n, nulls := l.nextNode()
	if l.err == nil && n != want {
		l.fail("%d values, not %d", n, want)
	}
	validity := l.validity(n, nulls, field.Nullable)
	if l.err != nil {
		return nil
	}
	bufs := []*memory.Buffer{validity}
	var children []arrow.ArrayData
	switch t := field.Type.(type) {
	case *arrow.StringType:
		offsets, data := l.offsets(n), l.next()
		l.inside(offsets, len(data))
		l.text(offsets, data)
		bufs = append(bufs, memory.NewBufferBytes(offsets), memory.NewBufferBytes(data))
	case *arrow.BinaryType:
		offsets, data := l.offsets(n), l.next()
		l.inside(offsets, len(data))
		bufs = append(bufs, memory.NewBufferBytes(offsets), memory.NewBufferBytes(data))
	case arrow.FixedWidthDataType:
		bufs = append(bufs, memory.NewBufferBytes(l.fixed(n, int64(t.BitWidth()/8))))
	case *arrow.ListType:
		offsets := l.offsets(n)
		children = append(children, l.column(t.ElemField(), l.peek()))
		l.inside(offsets, childLen(children))
		bufs = append(bufs, memory.NewBufferBytes(offsets))
	case *arrow.MapType:
		offsets := l.offsets(n)
		pairs := arrow.Field{Name: "entries", Type: t.Elem()}
		children = append(children, l.column(pairs, l.peek()))
		l.inside(offsets, childLen(children))
		bufs = append(bufs, memory.NewBufferBytes(offsets))
	case *arrow.StructType:
		for _, sub := range t.Fields() {
			children = append(children, l.column(sub, n))
		}
	default:
		l.fail("type %s", t)
	}
	if l.err != nil {
		return nil
	}
	return array.NewData(field.Type, int(n), bufs, children, int(nulls), 0)
}

func childLen(children []arrow.ArrayData) int {
	if children[0] == nil {
		return 0
	}
	return children[0].Len()
}

func (l *loader) nextNode() (n, nulls int64) {
	if l.node >= l.nodes.n {
		l.fail("no values")
		return 0, 0
	}
	p := l.nodes.at(l.node)
	l.node++
	n, nulls = int64(l.u64(p)), int64(l.u64(p+8))
	if n < 0 || n > math.MaxInt32-1 || nulls < 0 || nulls > n {
		l.fail("%d values, %d nulls", n, nulls)
	}
	return n, nulls
}

// peek is the number of values of the next column, a list's items.
func (l *loader) peek() int64 {
	if l.err != nil || l.node >= l.nodes.n {
		return 0
	}
	return int64(l.u64(l.nodes.at(l.node)))
}

// next gives the next buffer. Buffers are in order and share no byte, so a
// batch's columns are never larger than its body.
func (l *loader) next() []byte {
	if l.err != nil {
		return nil
	}
	if l.buffer >= l.buffers.n {
		l.fail("no buffer")
		return nil
	}
	p := l.buffers.at(l.buffer)
	l.buffer++
	off, n := int64(l.u64(p)), int64(l.u64(p+8))
	if n == 0 {
		return nil
	}
	if !aligned(off) || off < l.end || n < 0 || off > int64(len(l.body)) || n > int64(len(l.body))-off {
		l.fail("a buffer of %d bytes at %d: out of order, or outside the body's %d", n, off, len(l.body))
		return nil
	}
	l.end = off + n
	return l.body[off : off+n : off+n]
}

// validity gives the bitmap of which values are there, nil when all are.
func (l *loader) validity(n, nulls int64, nullable bool) *memory.Buffer {
	bits := l.next()
	if l.err != nil || nulls == 0 {
		return nil
	}
	if !nullable {
		l.fail("%d nulls where none are allowed", nulls)
		return nil
	}
	if int64(len(bits)) < (n+7)/8 {
		l.fail("a validity bitmap of %d bytes for %d values", len(bits), n)
		return nil
	}
	if set := bitutil.CountSetBits(bits, 0, int(n)); int64(set) != n-nulls {
		l.fail("%d nulls, but %d of %d values are there", nulls, set, n)
		return nil
	}
	return memory.NewBufferBytes(bits)
}

func (l *loader) fixed(n, width int64) []byte {
	b := l.next()
	if l.err == nil && int64(len(b)) < n*width {
		l.fail("%d bytes for %d values of %d", len(b), n, width)
	}
	return b
}

// offsets gives the bounds of n values: n+1 of them, rising from 0 or more.
func (l *loader) offsets(n int64) []byte {
	b := l.next()
	if l.err != nil || n == 0 {
		return nil
	}
	if int64(len(b)) < 4*(n+1) {
		l.fail("%d bytes of offsets for %d values", len(b), n)
		return nil
	}
	b = b[: 4*(n+1) : 4*(n+1)]
	before := int32(0)
	for i := 0; i < len(b); i += 4 {
		o := int32(binary.LittleEndian.Uint32(b[i:]))
		if o < before {
			l.fail("offset %d behind %d", o, before)
			return nil
		}
		before = o
	}
	return b
}

// inside checks that the last offset is within n.
func (l *loader) inside(offsets []byte, n int) {
	if l.err == nil && len(offsets) > 0 {
		if last := binary.LittleEndian.Uint32(offsets[len(offsets)-4:]); int64(last) > int64(n) {
			l.fail("offset %d beyond %d", last, n)
		}
	}
}

// text checks that every value is UTF-8: the whole is, and no bound is inside
// a character.
func (l *loader) text(offsets, data []byte) {
	if l.err != nil || len(offsets) == 0 {
		return
	}
	first, last := binary.LittleEndian.Uint32(offsets), binary.LittleEndian.Uint32(offsets[len(offsets)-4:])
	if !utf8.Valid(data[first:last]) {
		l.fail("text that is not UTF-8")
		return
	}
	for i := 0; i < len(offsets); i += 4 {
		if o := binary.LittleEndian.Uint32(offsets[i:]); o < last && !utf8.RuneStart(data[o]) {
			l.fail("a bound inside a character")
			return
		}
	}
}

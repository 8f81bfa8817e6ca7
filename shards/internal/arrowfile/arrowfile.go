// Package arrowfile reads the parts of an Arrow IPC file from bytes that may be
// anything: the footer with the schema, and record batches.
//
// Arrow's own reader trusts what it reads. One flipped bit makes it panic or
// ask for more memory than there is, which ends the process. Here every offset
// and length is checked against the bytes at hand before it is used, nothing is
// allocated by what the file says, and columns are views of the bytes they were
// read from, checked so that no access to them can leave those bytes.
//
// What this program never writes is refused: compressed batches, dictionaries,
// big-endian files, metadata versions before 4, and types that its schemas
// don't use.
package arrowfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
)

// ErrMalformed says that the bytes are not an Arrow IPC file of the kind that
// this package reads.
var ErrMalformed = errors.New("malformed Arrow file")

const (
	magic       = "ARROW1"
	headBytes   = 8  // magic and padding, at the start
	trailer     = 10 // footer's length and magic, at the end
	maxMetadata = 64 << 20
)

// Footer is what the end of a file says.
type Footer struct {
	Schema *arrow.Schema // without the metadata of fields
	Blocks []Block       // of the record batches, in the order of the file
}

// Block is where a record batch is: metadata first, body behind it.
type Block struct {
	Offset   int64
	Metadata int64
	Body     int64
}

// Bytes is the length of the block.
func (b Block) Bytes() int64 { return b.Metadata + b.Body }

// FooterAt tells where the footer of a file of size bytes begins. end is the
// file's last bytes, at least 10.
func FooterAt(end []byte, size int64) (int64, error) {
	if len(end) < trailer || size < headBytes+trailer {
		return 0, fmt.Errorf("%w: %d bytes are too few", ErrMalformed, size)
	}
	end = end[len(end)-trailer:]
	if string(end[4:]) != magic {
		return 0, fmt.Errorf("%w: it does not end with %s", ErrMalformed, magic)
	}
	n := int64(binary.LittleEndian.Uint32(end))
	at := size - trailer - n
	if n == 0 || n > maxMetadata || at < headBytes {
		return 0, fmt.Errorf("%w: a footer of %d bytes in a file of %d", ErrMalformed, n, size)
	}
	return at, nil
}

// ParseFooter reads a footer that begins at the file's offset at. b are the
// bytes from there to the end of the file.
func ParseFooter(b []byte, at int64) (_ *Footer, err error) {
	if from, err := FooterAt(b, at+int64(len(b))); err != nil {
		return nil, err
	} else if from != at {
		return nil, fmt.Errorf("%w: footer at %d, not at %d", ErrMalformed, from, at)
	}
	f := &flat{b: b[:len(b)-trailer]}
	root := f.root()
	if v := f.uint16(root, 0, 0); f.err == nil && v != metadataV4 && v != metadataV5 {
		f.fail("metadata version %d", v)
	}
	if d, ok := f.vector(root, 2, 24); ok && d.n > 0 {
		f.fail("dictionaries, which no schema of this program has")
	}
	schema, ok := f.table(root, 1)
	if !ok {
		f.fail("no schema")
	}
	footer := &Footer{Schema: readSchema(f, schema)}
	blocks, _ := f.vector(root, 3, 24)
	end := int64(headBytes)
	for i := range blocks.n {
		p := blocks.at(i)
		blk := Block{int64(f.u64(p)), int64(f.u32(p + 8)), int64(f.u64(p + 16))}
		if !aligned(blk.Offset, blk.Metadata, blk.Body) || blk.Offset < end || blk.Metadata < 16 || blk.Metadata > maxMetadata ||
			blk.Body < 0 || blk.Body > at-blk.Offset-blk.Metadata {
			f.fail("block %d of %d+%d bytes at %d: out of order, or outside the file", i, blk.Metadata, blk.Body, blk.Offset)
			break
		}
		end = blk.Offset + blk.Bytes()
		footer.Blocks = append(footer.Blocks, blk)
	}
	if f.err != nil {
		return nil, fmt.Errorf("%w: footer: %w", ErrMalformed, f.err)
	}
	return footer, nil
}

// CheckHead tells whether b, the first bytes of a file, begin one.
func CheckHead(b []byte) error {
	if len(b) < headBytes || !bytes.HasPrefix(b, []byte(magic)) {
		return fmt.Errorf("%w: it does not begin with %s", ErrMalformed, magic)
	}
	return nil
}

func aligned(offsets ...int64) bool {
	for _, o := range offsets {
		if o&7 != 0 {
			return false
		}
	}
	return true
}

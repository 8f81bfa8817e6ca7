package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory that unpacking a part takes: what zstd --long
// uses by default.
const maxWindow = 128 << 20

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// rawReader reads the bytes of a part as they rest, ends with ctx, and keeps
// the error that it ended with, which tells bytes that can't be had from bytes
// that can't be unpacked.
type rawReader struct {
	ctx context.Context
	r   io.Reader
	err error // other than io.EOF
}

func (r *rawReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		r.err = err
		return 0, err
	}
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// unpack gives the tar within r, which is packed with gzip or zstd or not at
// all: the first bytes decide, never a name. Close ends the unpacking, and not
// r.
func unpack(r io.Reader) (_ io.Reader, close func(), err error) {
	b := bufio.NewReaderSize(r, 256<<10)
	head, err := b.Peek(4)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, nil, err
		}
		return unpacked{z}, func() { _ = z.Close() }, nil
	case bytes.HasPrefix(head, zstdMagic) || len(head) == 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:], []byte{0x2a, 0x4d, 0x18}):
		// One goroutine: parts are read side by side, and a reader that is
		// dropped early leaves nothing running.
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return unpacked{z}, z.Close, nil
	}
	return b, func() {}, nil
}

// unpacked gives what a decompressor does, and its errors in words alone, so
// that a packed stream that is cut is not taken for an archive that is.
type unpacked struct{ io.Reader }

func (u unpacked) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = errors.New("unpack: " + err.Error())
	}
	return n, err
}

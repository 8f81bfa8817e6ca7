package shards

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"recaption/schemas"
)

// spool takes an Arrow IPC file as it is written, on disk, and digests it on
// the way: as a whole, and in blocks. Its file has no name, so nothing is left
// of it however the process ends.
type spool struct {
	file  *os.File
	buf   *bufio.Writer
	whole hash.Hash

	pos   int64
	head  []byte    // the first 16 bytes, which tell where the first block begins
	block hash.Hash // since the last mark, without the head
	from  int64     // where the block begins
}

func newSpool(dir string) (*spool, error) {
	f, err := os.CreateTemp(dir, "recaption-spool-*")
	if err != nil {
		return nil, fmt.Errorf("make spool file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("make spool file: %w", err), f.Close())
	}
	return &spool{file: f, buf: bufio.NewWriterSize(f, 1<<18), whole: sha256.New(), block: sha256.New()}, nil
}

// Write implements [io.Writer].
func (s *spool) Write(p []byte) (int, error) {
	n, err := s.buf.Write(p)
	p = p[:n]
	_, _ = s.whole.Write(p) // a hash takes all
	head := s.headOf(p)
	_, _ = s.block.Write(p[head:])
	s.pos += int64(n)
	if head > 0 {
		s.from = s.pos - int64(n-head)
	}
	return n, err
}

// headOf is how many bytes of p, which comes next, belong before the first
// block: the magic with its padding, 8 bytes, and the message with the schema,
// which is 8 bytes and as many as the last 4 of these say.
func (s *spool) headOf(p []byte) int {
	if miss := 16 - len(s.head); miss > 0 {
		s.head = append(s.head, p[:min(miss, len(p))]...)
	}
	if len(s.head) < 16 {
		return len(p)
	}
	end := 16 + int64(binary.LittleEndian.Uint32(s.head[12:]))
	return int(min(max(end-s.pos, 0), int64(len(p))))
}

// Seek implements [io.Seeker] as far as Arrow's writer uses it: to ask where it
// is.
func (s *spool) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("spool: seek: only the position can be asked for")
	}
	return s.pos, nil
}

// mark ends a block, and gives it.
func (s *spool) mark() schemas.Block {
	b := schemas.Block{Offset: s.from, Bytes: s.pos - s.from}
	s.block.Sum(b.SHA256[:0])
	s.block.Reset()
	s.from = s.pos
	return b
}

// body gives what was written, for reading. The spool owns it.
func (s *spool) body() (io.ReadSeeker, error) {
	if err := s.buf.Flush(); err != nil {
		return nil, err
	}
	_, err := s.file.Seek(0, io.SeekStart)
	return s.file, err
}

func (s *spool) sum() schemas.Digest {
	var d schemas.Digest
	s.whole.Sum(d[:0])
	return d
}

func (s *spool) close() error { return s.file.Close() }

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

// spool takes an Arrow IPC file as it is written, in memory while it is small
// and then on disk, and digests it on the way: as a whole, and in blocks. Its
// file has no name, so nothing is left of it however the process ends.
type spool struct {
	dir   string
	mem   [][]byte // what was written, in chunks, while it is small
	file  *os.File // nil while it is
	buf   *bufio.Writer
	whole hash.Hash

	pos   int64
	head  []byte    // the first 16 bytes, which tell where the first block begins
	block hash.Hash // since the last mark, without the head
	from  int64     // where the block begins
}

const (
	spoolMemory = 16 << 20 // kept in memory at most: a shard of a thousand small images stays there
	spoolChunk  = 1 << 20
)

// newSpool makes a spool that goes to a folder when it grows.
func newSpool(dir string) (*spool, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("folder for spool files: %w", err)
	}
	return &spool{dir: dir, whole: sha256.New(), block: sha256.New()}, nil
}

// keep takes p into memory or onto the disk.
func (s *spool) keep(p []byte) (int, error) {
	if s.file == nil && s.pos+int64(len(p)) > spoolMemory {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	if s.file != nil {
		return s.buf.Write(p)
	}
	n := len(p)
	for len(p) > 0 {
		last := len(s.mem) - 1
		if last < 0 || len(s.mem[last]) == spoolChunk {
			s.mem = append(s.mem, make([]byte, 0, spoolChunk))
			continue
		}
		k := min(len(p), spoolChunk-len(s.mem[last]))
		s.mem[last] = append(s.mem[last], p[:k]...)
		p = p[k:]
	}
	return n, nil
}

// spill moves what was written to disk.
func (s *spool) spill() error {
	f, err := os.CreateTemp(s.dir, "recaption-spool-*")
	if err != nil {
		return fmt.Errorf("make spool file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return errors.Join(fmt.Errorf("make spool file: %w", err), f.Close())
	}
	s.file, s.buf = f, bufio.NewWriterSize(f, 1<<18)
	for _, c := range s.mem {
		if _, err := s.buf.Write(c); err != nil {
			return fmt.Errorf("write spool file: %w", err)
		}
	}
	s.mem = nil
	return nil
}

// Write implements [io.Writer].
func (s *spool) Write(p []byte) (int, error) {
	n, err := s.keep(p)
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
	if s.file != nil {
		if err := s.buf.Flush(); err != nil {
			return nil, err
		}
	}
	return io.NewSectionReader(s, 0, s.pos), nil
}

// ReadAt implements [io.ReaderAt], for what was written and flushed.
func (s *spool) ReadAt(p []byte, at int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, at)
	}
	n := 0
	for n < len(p) && at < s.pos {
		k := copy(p[n:], s.mem[at/spoolChunk][at%spoolChunk:])
		n, at = n+k, at+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *spool) sum() schemas.Digest {
	var d schemas.Digest
	s.whole.Sum(d[:0])
	return d
}

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

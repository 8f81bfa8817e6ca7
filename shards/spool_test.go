package shards

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"recaption/schemas"
)

// TestSpool writes pieces of odd sizes below, at and above what stays in
// memory; what is read is what was written, and no file is left.
func TestSpool(t *testing.T) {
	for _, size := range []int{16, spoolChunk, spoolChunk + 1, spoolMemory, spoolMemory + 1, spoolMemory + 3*spoolChunk} {
		dir := t.TempDir()
		s, err := newSpool(dir)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(want) // never fails
		copy(want[12:16], []byte{0, 0, 0, 0})                   // a schema message of no bytes
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 700_001)
			if _, err := s.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if onDisk := s.file != nil; onDisk != (size > spoolMemory) {
			t.Errorf("%d bytes: on disk is %t", size, onDisk)
		}
		body, err := s.body()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // a store that tries again reads again
			if _, err := body.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes: read %d, %v", size, len(got), err)
			}
		}
		if s.sum() != schemas.Digest(sha256.Sum256(want)) || s.mark().Bytes != int64(size-16) {
			t.Errorf("%d bytes: another digest or block", size)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%d bytes: left %v, %v", size, left, err)
		}
	}
}

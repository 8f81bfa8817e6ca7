package schemas

import "fmt"

// MaxRows bounds the rows of a file: who reads a record may hold a row in
// memory for each that it names.
const MaxRows = 1 << 20

// File describes an Arrow IPC file at rest, with a digest of each piece that a
// reader fetches, so that nothing reaches Arrow before it was verified.
type File struct {
	SHA256  Digest  `json:"sha256"`
	Bytes   int64   `json:"bytes"`
	Rows    int     `json:"rows"`
	Footer  Block   `json:"footer"`
	Batches []Batch `json:"batches"`
}

// Block is a range of bytes with its digest.
type Block struct {
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
	SHA256 Digest `json:"sha256"`
}

// Batch is the block of one record batch, metadata and body together.
type Batch struct {
	Block
	Rows int `json:"rows"`
}

// RowRange is the rows From to To-1 of a shard.
type RowRange struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Len is the number of rows.
func (r RowRange) Len() int { return r.To - r.From }

// Contains tells whether row is in the range.
func (r RowRange) Contains(row int) bool { return r.From <= row && row < r.To }

// validate checks the ranges against the file and each other, so that who
// reads by them stays within it.
func (f File) validate() error {
	switch {
	case f.SHA256.IsZero() || f.Bytes <= 0 || f.Rows < 0:
		return fmt.Errorf("file: want a digest, a size and rows")
	case f.Rows > MaxRows:
		return fmt.Errorf("file: %d rows; want at most %d", f.Rows, MaxRows)
	case f.Footer.Offset < 0 || f.Footer.Bytes <= 0 || f.Footer.Bytes > f.Bytes || f.Footer.Offset > f.Bytes-f.Footer.Bytes:
		return fmt.Errorf("file: footer at %d, %d bytes: outside the file's %d", f.Footer.Offset, f.Footer.Bytes, f.Bytes)
	}
	rows, at := 0, int64(0)
	for i, b := range f.Batches {
		if b.Offset < at || b.Bytes <= 0 || b.Bytes > f.Footer.Offset-b.Offset || b.Rows < 0 || b.Rows > MaxRows {
			return fmt.Errorf("file: batch %d at %d, %d bytes: out of order or outside the file", i, b.Offset, b.Bytes)
		}
		at = b.Offset + b.Bytes
		rows += b.Rows
	}
	if rows != f.Rows {
		return fmt.Errorf("file: %d rows, but its batches hold %d", f.Rows, rows)
	}
	return nil
}

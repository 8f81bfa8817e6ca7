package schemas

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

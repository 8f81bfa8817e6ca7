package shards

// Ahead makes a reader fetch other than 16 MiB ahead.
func (r *Reader) Ahead(bytes int64) *Reader {
	r.ahead = bytes
	return r
}

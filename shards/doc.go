// Package shards is what rests: the keys of every object, the stores that hold
// them, the writer and the reader of Arrow shards, and the commit.
//
// # Commit
//
// Data objects are written first, by any number of writers, under names that
// are unique or follow from the content. Then one small object that names them
// with their digests is created, never replaced: the part record of a cut
// ([CommitPart]), the receipt of an attempt ([CommitReceipt]). The first wins,
// and the others learn who it was. What no record names is an orphan.
//
// # Trust
//
// Arrow IPC has no checksum, and a damaged file can end the process that reads
// it. So each record carries a digest of every piece that a reader fetches (the
// footer, each record batch), and nothing is parsed before it was verified.
// Nothing that lacks such a record is read. As a record may lie too, what was
// verified is parsed with every offset and length checked against the bytes
// at hand.
//
// # Stores
//
// [Store] is the little that is asked of a place where objects rest. The
// packages s3store, dirstore and memstore implement it, and storetest holds
// them to it.
package shards

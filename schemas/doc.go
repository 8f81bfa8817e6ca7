// Package schemas holds what crosses a process boundary: the identifiers, the
// recipe and the gate with their canonical digests, the jobs and events that
// pass through NATS, the records that rest in S3, and the two Arrow schemas,
// samples/1 and captions/1, with their row codecs.
//
// It does no I/O. Every record carries a version; a reader meets an unknown
// one with [ErrVersion], so that a newer program can take it. A change of a
// record needs a new version, and readers keep the one before it.
//
// # Terms
//
//	dataset, revision  a named collection of samples, and one immutable cut of it
//	source, part       where samples come from; a piece of it that one reader reads from start to end
//	sample             one image with its alt-text and context; its key is unique in the revision
//	shard              up to 1,024 samples or 256 MiB in one Arrow IPC file, named by its sha256
//	recipe             all that decides a text; its ID is the digest of its canonical form
//	gate               rules that flag and accept captions: a pure function of one stored row
//	run                one revision x one recipe, with a gate and a pool
//	job                one shard x one recipe x one generation x one selection of rows
//	generation         0 for the first pass over a shard; a retry pass writes the next one, whole
//	attempt            one worker's try at a job
//	receipt            the small create-only object that commits an attempt's captions
package schemas

// Package source reads samples from where their owner keeps them.
//
// A [Source] is a WebDataset (tar files in a folder, behind a glob, or under
// an S3 prefix) or a folder of images. [Open] finds out which. A source is cut
// into parts, each read by one reader from start to end: a tar is a part, and
// a folder of images is cut into parts of up to 10,000 files.
//
// # Nothing is silent
//
// Whatever a reader meets becomes a row with a status, or is counted in the
// part's [Report] with a reason. Damage to an archive is never guessed away:
// the report says where it was, and whether samples may be lost by it.
//
// # Nothing is changed
//
// The image's bytes and the alt-text are what came in. Images are probed for
// their format and size, never decoded.
//
// # Bounds
//
// A reader has one part open at a time and holds one sample: at most one image
// of [MaxImage] bytes and a few texts of [MaxText] bytes. Beside that it holds
// 8 bytes for each row of the part, to know a key that comes again, and a
// folder of images its list of files, which is why [MaxFolderFiles] bounds it.
package source

package source

import (
	"context"
	"fmt"
	"iter"

	"recaption/schemas"
)

// The bounds of a reader.
const (
	MaxImage       = 64 << 20  // bytes of one image; a larger one is not read
	MaxText        = 1 << 20   // bytes of one text, context or metadata row
	MaxKey         = 1024      // bytes of a member's name that a key is made of
	MaxFolderFiles = 5_000_000 // files in a folder of images, about 150 bytes of memory each
	FolderPart     = 10_000    // files in a part of a folder of images
)

// Format names the way in which a source keeps its samples.
type Format string

// The formats.
const (
	WebDataset  Format = "webdataset"
	ImageFolder Format = "imagefolder"
)

// Source is a set of samples in parts. It is safe for use by several
// goroutines; each Read opens its own part.
type Source interface {
	// Format says how the samples are kept.
	Format() Format
	// Parts lists the parts in the source's order, which is that of their
	// locations. Equal sources have equal parts.
	Parts(ctx context.Context) iter.Seq2[Part, error]
	// Read gives the part's samples, one after the other, always the same ones
	// in the same order, and fills report as it goes: it is complete when the
	// iteration has ended by itself. An error ends it: the part could not be
	// read now (not: it is damaged), and may be read again later. A sample is
	// the caller's to keep.
	Read(ctx context.Context, part Part, report *Report) iter.Seq2[schemas.Sample, error]
}

// Part is a piece of a source that one reader reads from start to end.
type Part struct {
	ID          schemas.PartID
	Location    string // relative to the source; begins every key of the part
	Fingerprint string // changes when what the part holds changes
	Bytes       int64  // at rest, for progress
}

// Line is what a revision digests of the part.
func (p Part) Line() string {
	return fmt.Sprintf("%s\t%q\t%s", p.ID, p.Location, p.Fingerprint)
}

// Package cut writes the samples of a source's parts into shards.
package cut

import (
	"context"
	"errors"
	"fmt"

	"recaption/coordinator/source"
	"recaption/schemas"
	"recaption/shards"
)

// All takes every sample of a part.
const All = -1

// Config holds what a cut needs and what changes none of its samples.
type Config struct {
	// Spool is the folder for shards under way that outgrow memory, of more
	// than 16 MiB, at most two for a part; empty: the system's own.
	Spool string
}

// Cutter cuts the parts of one revision. It may be used from any goroutine.
type Cutter struct {
	store   shards.Store
	dataset schemas.Dataset
	writer  shards.WriterConfig
	meta    map[string]string
}

// New makes a cutter for the revision that d describes.
func New(st shards.Store, d schemas.Dataset, cfg Config) (*Cutter, error) {
	w := shards.DefaultWriterConfig()
	w.Rows, w.Bytes, w.Dir = d.Cut.Rows, d.Cut.Bytes, cfg.Spool
	if err := w.Validate(); err != nil {
		return nil, err
	}
	// Not the program's version: a shard that is cut again has its name again.
	meta := map[string]string{schemas.MetaDataset: string(d.Dataset)}
	return &Cutter{store: st, dataset: d, writer: w, meta: meta}, nil
}

// Part cuts the first most samples of a part, or [All], and commits its
// record: shards first, the record that names them last. A part that has a
// record is not read; where another cut was first, its record is given. So Part
// may be called again at any time, by anyone, and gives the one record of the
// part. After an error there is none, unless the error came after the commit,
// and shards may rest that nothing names.
//
// The shards follow from the part's samples, the dataset's name and its limits:
// equal ones are equal, byte for byte.
//
// In memory are one record batch, one sample, and up to 16 MiB each of the
// shard being written and the one being uploaded; larger ones are on disk. Of
// each sample its key's digest stays, of each shard its description.
func (c *Cutter) Part(ctx context.Context, src source.Source, p source.Part, most int) (schemas.PartRecord, error) {
	key := shards.PartKey(c.dataset.Dataset, c.dataset.Revision, p.ID)
	record, err := shards.ReadPart(ctx, c.store, key)
	if err == nil {
		return record, nil
	}
	if !errors.Is(err, shards.ErrNotFound) {
		return schemas.PartRecord{}, fmt.Errorf("cut part %s: %w", p.ID, err)
	}
	record = schemas.PartRecord{Dataset: c.dataset.Dataset, Revision: c.dataset.Revision, Part: p.ID, Location: p.Location}
	var report source.Report
	s := newSequence(ctx, c)
	if record.Shards, err = s.finish(s.fill(src.Read(ctx, p, &report), most)); err != nil {
		return schemas.PartRecord{}, fmt.Errorf("cut part %s: %w", p.ID, err)
	}
	record.Faults = report.Faults()
	record, err = shards.CommitPart(ctx, c.store, record)
	if err != nil && !errors.Is(err, shards.ErrExists) {
		return schemas.PartRecord{}, fmt.Errorf("cut part %s: %w", p.ID, err)
	}
	return record, nil
}

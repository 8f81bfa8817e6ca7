package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"recaption/schemas"
)

// tars is where the archives of a WebDataset rest.
type tars interface {
	// list gives them in the order of their locations.
	list(ctx context.Context) iter.Seq2[Part, error]
	// open reads one. It fails when the archive is no longer the one listed.
	open(ctx context.Context, part Part) (io.ReadCloser, error)
}

// webDataset is a source of tar files.
type webDataset struct{ tars tars }

func (w webDataset) Format() Format { return WebDataset }

func (w webDataset) Parts(ctx context.Context) iter.Seq2[Part, error] { return w.tars.list(ctx) }

func (w webDataset) Read(ctx context.Context, part Part, report *Report) iter.Seq2[schemas.Sample, error] {
	return func(yield func(schemas.Sample, error) bool) {
		report.where = part.Location
		r, err := w.tars.open(ctx, part)
		if no, ok := errors.AsType[*noFile](err); ok {
			report.loss(no.reason, "%s", no.what)
			return
		}
		if err != nil {
			yield(schemas.Sample{}, fmt.Errorf("open %s: %w", part.Location, err))
			return
		}
		more := true
		err = readTar(ctx, r, part.Location, report, func(s schemas.Sample) bool {
			more = yield(s, nil)
			return more
		})
		if cerr := r.Close(); err == nil {
			err = cerr
		}
		if err != nil && more {
			yield(schemas.Sample{}, fmt.Errorf("read %s: %w", part.Location, err))
		}
	}
}

// readTar gives the samples of the tar in r, whose keys begin with prefix,
// until give returns false. It fails only where r does, or ctx is over.
func readTar(ctx context.Context, r io.Reader, prefix string, report *Report, give func(schemas.Sample) bool) error {
	raw := &rawReader{ctx: ctx, r: r}
	unpacked, done, err := unpack(raw)
	if err != nil {
		return badStream(raw, err, true, 0, report)
	}
	defer done()

	var (
		t       = newTarReader(unpacked, report)
		keys    = newKeys(prefix)
		current group
		holes   int  // of the archive, so far
		damaged bool // a hole is since the last member of a group
	)
	flush := func() bool { return current.key == "" || give(current.sample(keys, report)) }
	for {
		e, err := t.next()
		damaged = damaged || t.holes > holes
		holes = t.holes
		if err != nil && !errors.Is(err, io.EOF) {
			if err := badStream(raw, err, !t.ended, t.off, report); err != nil {
				return err
			}
			damaged = damaged || !t.ended
		}
		current.damaged = current.damaged || damaged
		if err != nil {
			if raw.err != nil { // what can't be had may look like an archive's end: it wraps io.EOF
				return raw.err
			}
			flush()
			return nil
		}
		key, ext, ok := sortOut(e, report)
		if !ok {
			continue
		}
		if key != current.key {
			if !flush() {
				return nil
			}
			current = group{key: key, damaged: damaged}
		}
		damaged = false
		current.add(ext, e, t, report)
	}
}

// badStream counts a part that can't be unpacked, and gives the error of one
// whose bytes can't be had.
func badStream(raw *rawReader, err error, lost bool, off int64, report *Report) error {
	if raw.err != nil {
		return raw.err
	}
	report.count(schemas.ReasonBadCompression, 1, lost, "at byte %d when unpacked: %v", off, err)
	return nil
}

// sortOut gives the key and extension of a member, and counts one that belongs
// to no sample. Folders are neither.
func sortOut(e tarEntry, report *Report) (key, ext string, ok bool) {
	var skip schemas.Reason
	switch e.kind {
	case tarFile:
		key, ext, skip = splitMember(e.name)
	case tarFolder:
		return "", "", false
	case tarLink:
		skip = schemas.ReasonLink
	case tarDevice:
		skip = schemas.ReasonDevice
	default:
		skip = schemas.ReasonOtherMember
	}
	if skip != "" {
		report.notice(skip, "at byte %d: %q", e.off, e.name)
		return "", "", false
	}
	return key, ext, true
}

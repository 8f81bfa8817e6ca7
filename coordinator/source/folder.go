package source

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"recaption/schemas"
)

// folder is a source of image files, described by metadata files, by a .txt
// beside each, or not at all. Its rows are listed when it is opened; what a
// row says is read with its part.
type folder struct {
	dir      string
	entries  []entry // sorted by path, and by row for one path
	metadata []metadata
	texts    []file // sorted
	faults   *Report
	per      int // entries in a part
}

// entry is a row of a folder.
type entry struct {
	file
	kind entryKind
	meta int32 // place in folder.metadata; -1 for none
	line int32 // of the row in it
	len  int32
	off  int64
}

type entryKind uint8

const (
	entryImage   entryKind = iota
	entryMissing           // named by a row, and not there
	entryUnsafe            // named by a row, and outside of the folder
	entryAgain             // named by a second row
	entryBad               // a row that can't be read
)

// newFolder lists the rows of a folder that was surveyed.
func newFolder(ctx context.Context, dir string, found *contents) (Source, error) {
	f := &folder{dir: dir, texts: found.texts, faults: &found.faults, per: FolderPart}
	for _, im := range found.images {
		f.entries = append(f.entries, entry{file: im, meta: -1})
	}
	// A file below another folder with metadata belongs to the nearest, so
	// the deepest are read first.
	files := slices.Clone(found.metadata)
	slices.SortStableFunc(files, func(a, b file) int {
		return cmp.Compare(strings.Count(b.path, "/"), strings.Count(a.path, "/"))
	})
	var extra []entry
	for i, m := range files {
		if i > 0 && path.Dir(m.path) == path.Dir(files[i-1].path) {
			return nil, fmt.Errorf("%w: %s holds both %s and %s; keep the one that is meant", ErrNoSource, dir, files[i-1].path, m.path)
		}
		more, err := f.join(ctx, m, found.escapes)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrNoSource, dir, err)
		}
		extra = append(extra, more...)
	}
	f.entries = append(f.entries, extra...)
	slices.SortFunc(f.entries, func(a, b entry) int {
		return cmp.Or(strings.Compare(a.path, b.path), cmp.Compare(a.kind, b.kind), cmp.Compare(a.meta, b.meta), cmp.Compare(a.line, b.line))
	})
	// Of several rows that name one missing file, all but the first come again.
	for i := 1; i < len(f.entries); i++ {
		if e, before := &f.entries[i], f.entries[i-1]; e.kind == entryMissing && e.path == before.path {
			e.kind = entryAgain
		}
	}
	f.countTexts()
	return f, nil
}

// countTexts reports the texts that lie beside no image.
func (f *folder) countTexts() {
	used := make([]bool, len(f.texts))
	for _, e := range f.entries {
		if i, ok := f.text(e.path); ok && e.kind == entryImage {
			used[i] = true
		}
	}
	for i, t := range f.texts {
		if !used[i] {
			f.faults.notice(schemas.ReasonIgnored, "%q, beside no image of that name", t.path)
		}
	}
}

// join reads a metadata file and gives each image its row. What has no image
// to go to is returned.
func (f *folder) join(ctx context.Context, m file, escapes map[string]bool) (extra []entry, err error) {
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	r, err := root.Open(m.path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	rows := newRowReader(&rawReader{ctx: ctx, r: r}, strings.HasSuffix(m.path, ".csv"))
	meta, err := openMetadata(m, rows)
	if err != nil {
		return nil, err
	}
	f.metadata = append(f.metadata, meta)
	images := f.entries
	for {
		row, err := rows.next()
		if errors.Is(err, io.EOF) {
			return extra, nil
		} else if err != nil {
			return nil, err
		}
		e := entry{meta: int32(len(f.metadata) - 1), line: int32(row.line), off: row.off, len: int32(len(row.data))}
		name, _, bad := meta.parse(row)
		switch {
		case bad != "":
			e.path, e.kind = fmt.Sprintf("%s:%d", m.path, row.line), entryBad
			f.faults.notice(schemas.ReasonBadMetadata, "%s line %d: %s", m.path, row.line, bad)
		case len(name) > MaxKey || !filepath.IsLocal(name) || escapes[relative(m.path, name)]:
			e.path, e.kind = harmless(name), entryUnsafe
			if dir := path.Dir(m.path); dir != "." {
				e.path = dir + "/" + e.path
			}
		default:
			e.path = relative(m.path, name)
			i, ok := slices.BinarySearchFunc(images, e.path, func(e entry, p string) int { return strings.Compare(e.path, p) })
			if ok && images[i].meta < 0 {
				e.file = images[i].file
				images[i] = e
				continue
			}
			if ok {
				e.kind = entryAgain
			} else if info, err := root.Stat(e.path); err != nil || !info.Mode().IsRegular() {
				e.kind = entryMissing
			} else { // an image by the row's word, if not by its name
				e.size, e.mtime = info.Size(), info.ModTime().UnixNano()
			}
		}
		if len(images)+len(extra) >= MaxFolderFiles {
			return nil, fmt.Errorf("more than %d rows; pack the images into tars (WebDataset), which are read without a list in memory", MaxFolderFiles)
		}
		extra = append(extra, e)
	}
}

func (f *folder) Format() Format { return ImageFolder }

func (f *folder) Parts(ctx context.Context) iter.Seq2[Part, error] {
	return func(yield func(Part, error) bool) {
		for n := 0; n*f.per < len(f.entries); n++ {
			if err := ctx.Err(); err != nil {
				yield(Part{}, err)
				return
			}
			if !yield(f.part(n), nil) {
				return
			}
		}
	}
}

func (f *folder) rows(n int) []entry {
	return f.entries[n*f.per : min((n+1)*f.per, len(f.entries))]
}

// part describes the n-th part. Its fingerprint digests the list of its files
// and rows with their sizes and times.
func (f *folder) part(n int) Part {
	rows := f.rows(n)
	h := sha256.New()
	var bytes int64
	for _, e := range rows {
		fmt.Fprintf(h, "%q %s %d", e.path, e.mark(), e.kind)
		if e.meta >= 0 {
			m := f.metadata[e.meta]
			fmt.Fprintf(h, " %q %s %d %d", m.path, m.mark(), e.off, e.len)
		}
		if t, ok := f.text(e.path); ok {
			fmt.Fprintf(h, " text %s", f.texts[t].mark())
		}
		fmt.Fprintln(h)
		bytes += e.size
	}
	return Part{
		ID:          partID(n, rows[0].path),
		Location:    printable(rows[0].path),
		Fingerprint: hex.EncodeToString(h.Sum(nil)),
		Bytes:       bytes,
	}
}

// text finds the .txt beside an image among f.texts.
func (f *folder) text(image string) (int, bool) {
	name := strings.TrimSuffix(image, path.Ext(image)) + ".txt"
	return slices.BinarySearchFunc(f.texts, name, byPath)
}

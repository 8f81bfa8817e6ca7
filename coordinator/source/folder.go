package source

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
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
		if err == io.EOF {
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

func (f *folder) Read(ctx context.Context, part Part, report *Report) iter.Seq2[schemas.Sample, error] {
	return func(yield func(schemas.Sample, error) bool) {
		n, err := strconv.Atoi(string(part.ID[:min(8, len(part.ID))]))
		if err != nil || n < 0 || n*f.per >= len(f.entries) || f.part(n) != part {
			yield(schemas.Sample{}, fmt.Errorf("read part %s of %s: %w", part.ID, f.dir, ErrChanged))
			return
		}
		r, err := newFolderReader(ctx, f, report)
		if err != nil {
			yield(schemas.Sample{}, err)
			return
		}
		defer r.close()
		if n == 0 {
			report.merge(f.faults)
		}
		for _, e := range f.rows(n) {
			s, err := r.sample(e)
			if err != nil {
				yield(schemas.Sample{}, fmt.Errorf("read %s: %w", e.path, err))
				return
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}

// folderReader reads one part of a folder.
type folderReader struct {
	*folder
	ctx    context.Context
	root   *os.Root
	report *Report

	meta int32    // the metadata file that is open
	rows *os.File // nil when none is
}

func newFolderReader(ctx context.Context, f *folder, report *Report) (*folderReader, error) {
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	return &folderReader{folder: f, ctx: ctx, root: root, report: report}, nil
}

func (r *folderReader) close() {
	if r.rows != nil {
		r.rows.Close()
	}
	r.root.Close()
}

// sample makes the row of e.
func (r *folderReader) sample(e entry) (schemas.Sample, error) {
	if err := r.ctx.Err(); err != nil {
		return schemas.Sample{}, err
	}
	var d draft
	d.Key = printable(e.path)
	if d.Key != e.path {
		r.report.notice(schemas.ReasonEscapedName, "%s", d.Key)
	}
	switch e.kind {
	case entryImage:
		if err := r.image(&d, e); err != nil {
			return schemas.Sample{}, err
		}
	case entryMissing:
		d.refuse(schemas.ReasonMissingFile)
	case entryUnsafe:
		d.refuse(schemas.ReasonUnsafeName)
	case entryAgain:
		d.refuse(schemas.ReasonDuplicateKey)
	case entryBad:
		d.refuse(schemas.ReasonBadMetadata)
		return d.finish(r.report), nil
	}
	if e.kind == entryUnsafe || e.kind == entryAgain {
		d.Key = fmt.Sprintf("%s#%s:%d", d.Key, r.metadata[e.meta].path, e.line)
	}
	if e.meta >= 0 {
		if err := r.describe(&d, e); err != nil {
			return schemas.Sample{}, err
		}
	} else if r.governed(e.path) {
		d.note(schemas.ReasonNotInMetadata)
	}
	if e.kind == entryImage {
		if err := r.sidecar(&d, e); err != nil {
			return schemas.Sample{}, err
		}
	}
	return d.finish(r.report), nil
}

// governed tells whether a metadata file lies beside or above the path.
func (r *folderReader) governed(name string) bool {
	return slices.ContainsFunc(r.metadata, func(m metadata) bool {
		dir := path.Dir(m.path)
		return dir == "." || strings.HasPrefix(name, dir+"/")
	})
}

func (r *folderReader) image(d *draft, e entry) error {
	if e.size > MaxImage {
		d.refuse(schemas.ReasonTooLarge)
		return nil
	}
	b, err := r.file(e.file)
	if errors.Is(err, fs.ErrPermission) {
		d.refuse(schemas.ReasonUnreadable)
		return nil
	} else if err != nil {
		return err
	}
	d.setImage(b)
	return nil
}

// describe takes context and alt-text from the metadata's row.
func (r *folderReader) describe(d *draft, e entry) error {
	m := r.metadata[e.meta]
	if r.rows == nil || r.meta != e.meta {
		if r.rows != nil {
			r.rows.Close()
			r.rows = nil
		}
		f, err := r.open(m.file)
		if err != nil {
			return err
		}
		r.rows, r.meta = f, e.meta
	}
	b := make([]byte, e.len)
	if _, err := r.rows.ReadAt(b, e.off); err != nil {
		return fmt.Errorf("%s line %d: %w", m.path, e.line, err)
	}
	_, object, bad := m.parse(metaRow{data: b})
	if bad != "" {
		return fmt.Errorf("%s line %d: %w", m.path, e.line, ErrChanged)
	}
	d.setContext(object)
	d.textFromContext()
	return nil
}

// sidecar takes the alt-text from the .txt beside the image.
func (r *folderReader) sidecar(d *draft, e entry) error {
	i, ok := r.text(e.path)
	if !ok {
		return nil
	}
	t := r.texts[i]
	switch {
	case d.AltText != nil:
		r.report.notice(schemas.ReasonIgnored, "%q, since the metadata has the text", t.path)
		return nil
	case t.size > MaxText:
		d.note(schemas.ReasonBadText)
		return nil
	}
	b, err := r.file(t)
	if errors.Is(err, fs.ErrPermission) {
		d.note(schemas.ReasonBadText)
		return nil
	} else if err != nil {
		return err
	}
	d.setText(b)
	return nil
}

// file reads a file that must be what it was when the folder was opened.
func (r *folderReader) file(f file) ([]byte, error) {
	o, err := r.open(f)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	b := make([]byte, f.size)
	if _, err := io.ReadFull(o, b); err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, ErrChanged
	} else if err != nil {
		return nil, err
	}
	return b, nil
}

func (r *folderReader) open(f file) (*os.File, error) {
	o, err := r.root.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrChanged
	} else if err != nil {
		return nil, err
	}
	info, err := o.Stat()
	if err == nil && fileMark(info) != f.mark() {
		err = ErrChanged
	}
	if err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

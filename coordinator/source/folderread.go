package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"recaption/schemas"
)

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
	d.Key = r.key(e.path)
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

// key is the path, made printable where it is not. Of two escaped paths no two
// are equal, since each '%' in them begins an escape; where one is the name of
// another file as it stands, "%#" behind it, which is no escape, tells them apart.
func (r *folderReader) key(name string) string {
	k := printable(name)
	if k == name {
		return k
	}
	for r.has(k) {
		k += "%#"
	}
	return k
}

func (r *folderReader) has(name string) bool {
	_, ok := slices.BinarySearchFunc(r.entries, name, func(e entry, name string) int { return strings.Compare(e.path, name) })
	return ok
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

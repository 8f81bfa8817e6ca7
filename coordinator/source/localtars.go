package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
)

// ErrChanged says that a part is not what it was when its source was opened.
// The source must be opened, and cut as another revision, again.
var ErrChanged = errors.New("changed since the source was opened")

// localTars are archives on a file system, by their names relative to root.
// Links are followed: a folder of links to tars is a common way to keep them.
type localTars struct {
	root  string
	names []string // sorted
}

func newLocalTars(root string, names []string) (Source, error) {
	slices.Sort(names)
	for _, n := range names {
		if printable(n) != n {
			return nil, fmt.Errorf("%w: the name %q is not printable UTF-8, and keys begin with it; rename the file", ErrNoSource, n)
		}
	}
	return webDataset{localTars{root: root, names: names}}, nil
}

func (l localTars) list(ctx context.Context) iter.Seq2[Part, error] {
	return func(yield func(Part, error) bool) {
		for i, name := range l.names {
			if err := ctx.Err(); err != nil {
				yield(Part{}, err)
				return
			}
			info, err := os.Stat(l.path(name))
			if err == nil && !info.Mode().IsRegular() {
				err = fmt.Errorf("%w: %s is not a file", ErrNoSource, l.path(name))
			}
			if err != nil {
				yield(Part{}, fmt.Errorf("list source: %w", err))
				return
			}
			if !yield(Part{ID: partID(i, name), Location: name, Fingerprint: fileMark(info), Bytes: info.Size()}, nil) {
				return
			}
		}
	}
}

func (l localTars) open(_ context.Context, part Part) (io.ReadCloser, error) {
	f, err := os.Open(l.path(part.Location))
	if err != nil {
		return nil, err
	}
	whole := wholeFile{File: f, mark: part.Fingerprint}
	if err := whole.unchanged(); err != nil {
		f.Close()
		return nil, err
	}
	return whole, nil
}

// wholeFile is a file whose Close tells whether it stayed what it was.
type wholeFile struct {
	*os.File
	mark string
}

func (f wholeFile) Close() error {
	err := f.unchanged()
	return errors.Join(err, f.File.Close())
}

func (f wholeFile) unchanged() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if fileMark(info) != f.mark {
		return ErrChanged
	}
	return nil
}

func (l localTars) path(name string) string { return filepath.Join(l.root, filepath.FromSlash(name)) }

// fileMark tells one state of a file from another.
func fileMark(info fs.FileInfo) string {
	return fmt.Sprintf("%d-%d", info.Size(), info.ModTime().UnixNano())
}

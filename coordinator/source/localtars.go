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

	"recaption/schemas"
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
			part := Part{ID: partID(i, name), Location: name}
			info, no, err := l.look(name)
			switch {
			case err != nil:
				yield(Part{}, fmt.Errorf("list source: %w", err))
				return
			case no != nil:
				part.Fingerprint = no.Error()
			default:
				part.Fingerprint, part.Bytes = fileMark(info), info.Size()
			}
			if !yield(part, nil) {
				return
			}
		}
	}
}

func (l localTars) open(_ context.Context, part Part) (io.ReadCloser, error) {
	switch _, no, err := l.look(part.Location); {
	case err != nil:
		return nil, err
	case no != nil && part.Fingerprint == no.Error():
		return nil, no
	case no != nil:
		return nil, ErrChanged
	}
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

// noFile says that what has a tar's name is no file. It is a part without
// samples, and with a reason: one bad link among a thousand tars stops no run.
type noFile struct {
	reason schemas.Reason
	what   string
}

func (n *noFile) Error() string { return n.what }

// look finds out what lies at a name. Pipes and the like are not opened, which
// could wait for ever.
func (l localTars) look(name string) (fs.FileInfo, *noFile, error) {
	info, err := os.Stat(l.path(name))
	if err == nil && info.Mode().IsRegular() {
		return info, nil, nil
	}
	itself, lerr := os.Lstat(l.path(name))
	isLink := lerr == nil && itself.Mode()&fs.ModeSymlink != 0
	switch {
	case err != nil && isLink:
		return nil, &noFile{schemas.ReasonLink, "leads nowhere"}, nil
	case err != nil:
		return nil, nil, err
	case info.IsDir() && isLink:
		return nil, &noFile{schemas.ReasonLink, "leads to a folder"}, nil
	case info.IsDir():
		return nil, &noFile{schemas.ReasonIgnored, "is a folder; name it as the source, to have what is in it"}, nil
	}
	return nil, &noFile{schemas.ReasonDevice, "is a device, a pipe or a socket"}, nil
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

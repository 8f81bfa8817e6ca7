// Package dirstore keeps objects as files below a folder. A key is the file's
// path, so the folder of an S3 gateway that does the same can be read as well.
//
// Several processes may write to one folder: a file appears under its name
// whole, by rename or by link, and a name that is created is created once.
// Files and folders reach the disk before a call returns. Folders stay when
// their last object goes.
package dirstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"recaption/shards"
)

// tempPrefix begins the names of files that are being written. No key has a
// segment like it. A crash may leave one behind.
const tempPrefix = ".tmp-"

// Store is a store in a folder.
type Store struct {
	root *os.Root // no path leaves it, also not through a link
	dir  string
	sync func(folder *os.File) error // tests make it fail
}

var _ shards.Store = (*Store)(nil)

// Open opens the folder dir, which must be there.
func Open(dir string) (*Store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open store folder: %w", err)
	}
	return &Store{root, dir, (*os.File).Sync}, nil
}

// Create opens the folder dir and makes it when it isn't there.
func Create(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make store folder: %w", err)
	}
	return Open(dir)
}

// Close gives the folder back. No call may be under way.
func (s *Store) Close() error { return s.root.Close() }

// Put implements [shards.Store].
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	return s.write(ctx, "put", key, body, size, s.root.Rename)
}

// Create implements [shards.Store].
func (s *Store) Create(ctx context.Context, key string, b []byte) error {
	return s.write(ctx, "create", key, bytes.NewReader(b), int64(len(b)), func(temp, key string) error {
		err := s.root.Link(temp, key) // refused when there is a file of that name
		_ = s.root.Remove(temp)       // what stays is hidden from listings
		return err
	})
}

// write writes a file beside its place and lets publish give it its name.
func (s *Store) write(ctx context.Context, verb, key string, body io.ReadSeeker, size int64, publish func(temp, key string) error) error {
	if err := check(ctx, verb, key); err != nil {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("%s %s: %w", verb, key, foreign(err)) }
	dir := path.Dir(key)
	if err := s.makeDir(dir); err != nil {
		return fail(err)
	}
	temp := path.Join(dir, tempPrefix+rand.Text())
	if err := s.writeFile(temp, body, size); err != nil {
		return fail(errors.Join(err, ignoreMissing(s.root.Remove(temp))))
	}
	published := publish(temp, key)
	if published != nil {
		err := errors.Join(published, ignoreMissing(s.root.Remove(temp)))
		if !errors.Is(published, fs.ErrExist) {
			return fail(err)
		}
		published = err
	}
	// Also what exists is durable before anybody is told of it. Where it isn't,
	// the error is no ErrTransient: who read the object back would take it for
	// committed.
	if err := s.syncDir(dir); err != nil {
		return fmt.Errorf("%s %s: it is there, and may be gone after a crash: %w", verb, key, err)
	}
	if published != nil {
		return fail(published)
	}
	return nil
}

func (s *Store) writeFile(name string, body io.ReadSeeker, size int64) error {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return err
	}
	f, err := s.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(body, size+1))
	if err == nil && n != size {
		err = fmt.Errorf("body is not %d bytes long", size)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// makeDir makes dir and what is above it, and syncs each folder that got a new
// entry.
func (s *Store) makeDir(dir string) error {
	if dir == "." {
		return nil
	}
	if info, err := s.root.Stat(dir); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is an object, not a folder", dir)
		}
		return nil
	}
	if err := s.makeDir(path.Dir(dir)); err != nil {
		return err
	}
	if err := s.root.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return s.syncDir(path.Dir(dir))
}

func (s *Store) syncDir(dir string) error {
	f, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(s.sync(f), f.Close())
}

// Get implements [shards.Store].
func (s *Store) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	f, info, err := s.open(ctx, "get", key)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() > limit {
		return nil, fmt.Errorf("get %s: %d bytes; want at most %d", key, info.Size(), limit)
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	return b, nil
}

// ReadTail implements [shards.Store].
func (s *Store) ReadTail(ctx context.Context, key string, n int64) (shards.Tail, error) {
	f, info, err := s.open(ctx, "read end of", key)
	if err != nil {
		return shards.Tail{}, err
	}
	defer f.Close()
	size := info.Size()
	t := shards.Tail{Bytes: make([]byte, min(n, size)), Size: size, ETag: etag(info)}
	if _, err := f.ReadAt(t.Bytes, size-int64(len(t.Bytes))); err != nil {
		return shards.Tail{}, fmt.Errorf("read end of %s: %w", key, err)
	}
	return t, nil
}

// ReadRange implements [shards.Store].
func (s *Store) ReadRange(ctx context.Context, key string, off, n int64, tag string) (io.ReadCloser, error) {
	f, info, err := s.open(ctx, "read", key)
	if err != nil {
		return nil, err
	}
	switch size := info.Size(); {
	case tag != "" && tag != etag(info):
		err = shards.ErrChanged
	case off < 0 || n <= 0 || n > size-off:
		err = fmt.Errorf("%d bytes from %d: outside its %d bytes", n, off, size)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return section{io.NewSectionReader(f, off, n), f}, nil
}

// Delete implements [shards.Store].
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := check(ctx, "delete", key); err != nil {
		return err
	}
	err := s.root.Remove(key)
	if err == nil {
		err = s.syncDir(path.Dir(key))
	}
	if err := ignoreMissing(err); err != nil {
		return fmt.Errorf("delete %s: %w", key, foreign(err))
	}
	return nil
}

// open opens the file of an object.
func (s *Store) open(ctx context.Context, verb, key string) (*os.File, fs.FileInfo, error) {
	if err := check(ctx, verb, key); err != nil {
		return nil, nil, err
	}
	f, err := s.root.Open(key)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", verb, key, foreign(err))
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: a folder", shards.ErrNotFound)
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("%s %s: %w", verb, key, err)
	}
	return f, info, nil
}

// section is a range of a file that closes it.
type section struct {
	*io.SectionReader
	io.Closer
}

// etag tells states of an object apart: a new one is a new file.
func etag(info fs.FileInfo) string {
	var inode uint64
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = st.Ino
	}
	return fmt.Sprintf("%x-%x-%x", inode, info.Size(), info.ModTime().UnixNano())
}

// foreign turns the file system's errors into a store's.
func foreign(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w (%w)", shards.ErrNotFound, err)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%w (%w)", shards.ErrExists, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.EIO):
		return fmt.Errorf("%w (%w)", shards.ErrTransient, err)
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}

func check(ctx context.Context, verb, key string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", verb, key, err)
	}
	if err := shards.CheckKey(key); err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"recaption/shards"
)

// ErrNoSource is matched by every error about a place that holds no source.
var ErrNoSource = errors.New("no source of samples")

// Config holds what opening a source may need.
type Config struct {
	// Objects gives access to the bucket of an s3:// source. Nil where there
	// is none: such sources are then refused.
	Objects func(ctx context.Context, bucket string) (shards.Foreign, error)
}

// Open finds out what where names, and gives the source that is there:
//
//	data/              a folder of tars, or a folder of images, with those below it
//	data/train-*.tar   the tars that a glob matches, or {0000..0099} and {a,b} name
//	data/0000.tar      one tar
//	s3://bucket/data/  the tars under a prefix; a glob and a single key too
//
// A folder that holds both tars and images, or neither, is refused, as is a
// place that is not there.
func Open(ctx context.Context, where string, cfg Config) (Source, error) {
	if where == "" {
		return nil, fmt.Errorf("%w: no place is given; name a folder, a .tar file, a glob of them, or s3://bucket/prefix", ErrNoSource)
	}
	if rest, ok := strings.CutPrefix(where, "s3://"); ok {
		return openObjects(ctx, where, rest, cfg)
	}
	if scheme, _, ok := strings.Cut(where, "://"); ok {
		return nil, fmt.Errorf("%w: %s: sources of kind %s:// are not read; name a folder, a .tar file, a glob of them, or s3://bucket/prefix", ErrNoSource, where, scheme)
	}
	info, err := os.Stat(where)
	switch {
	case errors.Is(err, fs.ErrNotExist) && isPattern(where):
		return openPattern(where)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s is not there", ErrNoSource, where)
	case err != nil:
		return nil, fmt.Errorf("open source: %w", err)
	case info.IsDir():
		return openFolder(ctx, where)
	case !isTar(where):
		return nil, fmt.Errorf("%w: %s is no tar by its name; want %s, or a folder", ErrNoSource, where, strings.Join(tarSuffixes, ", "))
	}
	return newLocalTars(filepath.Dir(where), []string{filepath.Base(where)})
}

var tarSuffixes = []string{".tar", ".tar.gz", ".tgz", ".tar.zst"}

// isTar tells by its name whether a file is a tar.
func isTar(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(tarSuffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

// isImage tells by its name whether a file is an image.
func isImage(name string) bool {
	ext := filepath.Ext(name)
	return ext != "" && slices.Contains(imageExtensions, strings.ToLower(ext[1:]))
}

// openFolder looks at what a folder holds.
func openFolder(ctx context.Context, dir string) (Source, error) {
	found, err := survey(ctx, dir)
	if err != nil {
		return nil, err
	}
	switch {
	case len(found.tars) > 0 && len(found.images) > 0:
		return nil, fmt.Errorf("%w: %s holds %d tars and %d images (the first: %s); name one kind, such as %s for the tars",
			ErrNoSource, dir, len(found.tars), len(found.images), found.images[0].path, filepath.Join(dir, "*.tar"))
	case len(found.tars) > 0:
		return newLocalTars(dir, found.tars)
	case len(found.images) > 0 || len(found.metadata) > 0:
		return newFolder(ctx, dir, found)
	}
	return nil, fmt.Errorf("%w: %s holds neither tars (%s) nor images (.%s); it holds %s",
		ErrNoSource, dir, strings.Join(tarSuffixes, ", "), strings.Join(imageExtensions, ", ."), found.describe())
}

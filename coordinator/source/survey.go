package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"recaption/schemas"
)

// contents is what a walk through a folder found. Paths are relative to it,
// with slashes, and every list is sorted by them.
type contents struct {
	tars     []string
	images   []file
	texts    []file          // .txt, which may describe an image beside them
	metadata []file          // metadata.jsonl and metadata.csv
	escapes  map[string]bool // images that are links out of the folder
	other    map[string]int  // the other files, by extension
	faults   Report          // what was passed over
}

// file is one file of a folder, as the walk found it.
type file struct {
	path  string
	size  int64
	mtime int64 // nanoseconds
}

// mark tells one state of the file from another.
func (f file) mark() string { return fmt.Sprintf("%d-%d", f.size, f.mtime) }

func byPath(f file, path string) int { return strings.Compare(f.path, path) }

// survey walks through dir. Links to files are followed, except those of
// images that lead out of dir; links to folders are not.
func survey(ctx context.Context, dir string) (*contents, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	defer root.Close()
	found := &contents{escapes: map[string]bool{}, other: map[string]int{}}
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || name == "." {
			return err
		}
		if strings.HasPrefix(e.Name(), ".") {
			found.faults.notice(schemas.ReasonHiddenMember, "%q", name)
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if e.IsDir() {
			return nil
		}
		return found.add(root, name, e)
	})
	if err != nil {
		return nil, fmt.Errorf("look through %s: %w", dir, err)
	}
	slices.Sort(found.tars)
	for _, list := range [][]file{found.images, found.texts, found.metadata} {
		slices.SortFunc(list, func(a, b file) int { return strings.Compare(a.path, b.path) })
	}
	return found, nil
}

func (c *contents) add(root *os.Root, name string, e fs.DirEntry) error {
	if isTar(name) {
		c.tars = append(c.tars, name)
		return nil
	}
	info, err := root.Stat(name) // follows links, within root alone
	switch {
	case err != nil && e.Type()&fs.ModeSymlink != 0:
		if isImage(name) {
			c.escapes[name] = true
		}
		c.faults.notice(schemas.ReasonLink, "%q leads out of the folder, or nowhere", name)
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return nil // gone since its folder was listed
	case err != nil:
		return err
	case info.IsDir():
		c.faults.notice(schemas.ReasonLink, "%q leads to a folder", name)
		return nil
	case !info.Mode().IsRegular():
		c.faults.notice(schemas.ReasonDevice, "%q", name)
		return nil
	}
	f := file{path: name, size: info.Size(), mtime: info.ModTime().UnixNano()}
	ext := strings.ToLower(path.Ext(name))
	switch {
	case isImage(name):
		c.images = append(c.images, f)
	case e.Name() == "metadata.jsonl" || e.Name() == "metadata.csv":
		c.metadata = append(c.metadata, f)
	case e.Name() == "metadata.parquet":
		return fmt.Errorf("%w: %s is not read; write it as metadata.jsonl or metadata.csv", ErrNoSource, name)
	case ext == ".txt":
		c.texts = append(c.texts, f)
	default:
		c.other[ext]++
		c.faults.notice(schemas.ReasonIgnored, "%q", name)
	}
	if n := len(c.images) + len(c.texts); n > MaxFolderFiles {
		return fmt.Errorf("%w: it holds more than %d files; pack them into tars (WebDataset), which are read without a list in memory", ErrNoSource, MaxFolderFiles)
	}
	return nil
}

// describe says which other files there are, the commonest first.
func (c *contents) describe() string {
	if len(c.texts) > 0 {
		c.other[".txt"] = len(c.texts)
	}
	exts := slices.SortedFunc(maps.Keys(c.other), func(a, b string) int {
		if c.other[a] != c.other[b] {
			return c.other[b] - c.other[a]
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for i, e := range exts {
		if i == 5 {
			parts = append(parts, fmt.Sprintf("and %d more kinds", len(exts)-i))
			break
		}
		if e == "" {
			e = "(no extension)"
		}
		parts = append(parts, fmt.Sprintf("%d %s", c.other[exts[i]], e))
	}
	if len(parts) == 0 {
		return "no files"
	}
	return strings.Join(parts, ", ")
}

// merge adds what was noticed about the whole folder to a part's report.
func (r *Report) merge(o *Report) {
	for _, f := range o.Faults() {
		r.count(f.Reason, f.Count, f.Lost, "%s", f.Detail)
	}
}

// relative joins a metadata file's folder and a name within it.
func relative(metadata, name string) string {
	return path.Join(path.Dir(metadata), filepath.ToSlash(name))
}

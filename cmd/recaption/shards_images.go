package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"recaption/schemas"
)

// pictures writes the images of samples into one folder. No key, and no link
// that lies there, leads out of it.
type pictures struct {
	dir  string
	root *os.Root
}

func newPictures(dir string) (*pictures, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("--images: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("--images: %w", err)
	}
	return &pictures{dir, root}, nil
}

func (p *pictures) close() error { return p.root.Close() }

// write writes the bytes as they came and gives the file's path.
func (p *pictures) write(s schemas.Sample) (string, error) {
	name := pictureName(s.Key, s.MediaType)
	if err := p.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("write picture of %q: %w", s.Key, err)
	}
	if err := p.root.WriteFile(name, s.Image, 0o644); err != nil {
		return "", fmt.Errorf("write picture of %q: %w", s.Key, err)
	}
	return filepath.Join(p.dir, name), nil
}

var extensions = map[string]string{
	"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp",
	"image/gif": ".gif", "image/bmp": ".bmp", "image/tiff": ".tif",
}

// pictureName makes a file name of a sample's key: one that is safe everywhere,
// and different for different keys. What had to be changed gets a digest of
// the key.
func pictureName(key, mediaType string) string {
	ext, ok := extensions[mediaType]
	if !ok {
		ext = ".bin"
	}
	stem := key
	if e := path.Ext(key); strings.EqualFold(e, ext) || ext == ".jpg" && strings.EqualFold(e, ".jpeg") {
		stem = key[:len(key)-len(e)]
	}
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(stem))
	if len(safe) > 100 {
		safe = safe[len(safe)-100:]
	}
	if safe+ext != key {
		safe += "-" + schemas.Sum([]byte(key)).String()[:12]
	}
	return safe + ext
}

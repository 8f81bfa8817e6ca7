// Package models carries the captioner that comes with the program: a small
// vision-language model in the file layout of public ONNX repositories, which
// captions drawn scenes. Its card is bundled/README.md; what makes it is in
// captioner.
package models

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"recaption/internal/ort/library"
)

//go:embed all:bundled
var bundled embed.FS

// Unpack gives the folder of the bundled captioner, which it writes below the
// cache folder where it is not there yet. Processes that do so at the same time
// don't disturb each other.
func Unpack() (string, error) {
	files, err := fs.Sub(bundled, "bundled")
	if err != nil {
		return "", fmt.Errorf("unpack the bundled model: %w", err)
	}
	id, err := digest(files)
	if err != nil {
		return "", fmt.Errorf("unpack the bundled model: %w", err)
	}
	cache, err := library.CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "models", "bundled-"+id[:16])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("unpack the bundled model: %w", err)
	}
	next, err := os.MkdirTemp(filepath.Dir(dir), ".unpacking-")
	if err != nil {
		return "", fmt.Errorf("unpack the bundled model: %w", err)
	}
	defer os.RemoveAll(next)
	if err := os.Chmod(next, 0o755); err != nil {
		return "", fmt.Errorf("unpack the bundled model: %w", err)
	}
	if err := os.CopyFS(next, files); err != nil {
		return "", fmt.Errorf("unpack the bundled model: %w", err)
	}
	// The folder appears whole. Where another process was first, its is as good.
	if err := os.Rename(next, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr != nil {
			return "", fmt.Errorf("unpack the bundled model: %w", err)
		}
	}
	return dir, nil
}

// digest is that of all files with their names.
func digest(files fs.FS) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", path, len(b))
		h.Write(b)
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

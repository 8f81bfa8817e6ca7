// Package library knows where the ONNX Runtime library of this release lies,
// and fetches it. It is pure Go, so that it works before there is a library.
package library

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Version is the release of ONNX Runtime this program is built and tested with.
const Version = "1.29.0"

// The variables that override where things are looked for.
const (
	EnvLibrary = "ONNXRUNTIME_SHARED_LIBRARY_PATH" // a library file, of any version
	EnvCache   = "RECAPTION_CACHE"                 // the cache folder
)

// ErrNotFound is wrapped by Find when there is no library.
var ErrNotFound = errors.New("onnx runtime library not found")

// CacheDir is the program's cache folder: RECAPTION_CACHE, else "recaption" in
// the user's cache folder. It need not exist.
func CacheDir() (string, error) {
	if dir := os.Getenv(EnvCache); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w; set %s", err, EnvCache)
	}
	return filepath.Join(dir, "recaption"), nil
}

// CachePath is where Fetch puts the library for this machine, and where Find
// looks when the environment names none. The file need not exist.
func CachePath() (string, error) {
	dir, err := CacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "onnxruntime-"+Version, runtime.GOOS+"-"+runtime.GOARCH, fileName), nil
}

const fileName = "libonnxruntime.so." + Version

// Find returns the path of the library to open. Its error says what to do.
func Find() (string, error) {
	path := os.Getenv(EnvLibrary)
	source := EnvLibrary + " names it"
	if path == "" {
		var err error
		if path, err = CachePath(); err != nil {
			return "", err
		}
		source = "the cache should have it"
	}
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%w: %s is missing, though %s; run `recaption doctor --fix`, or set %s to a library", ErrNotFound, path, source, EnvLibrary)
	case err != nil:
		return "", fmt.Errorf("find the onnx runtime library: %w", err)
	case !st.Mode().IsRegular():
		return "", fmt.Errorf("%w: %s is no file; set %s to a library", ErrNotFound, path, EnvLibrary)
	}
	return path, nil
}

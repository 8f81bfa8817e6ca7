package library

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
)

// An archive is one public package that holds the library, for one architecture.
type archive struct {
	name    string // of the package's file
	sha256  string // of that file
	member  string // the library in it
	library string // sha256 of the library
}

// The packages that are trusted, by architecture: wheels of PyPI's onnxruntime,
// npm's onnxruntime-node, which has both architectures in one file, and the
// archives of the runtime's own release page. Each is an official build of the
// same release; the builds differ in their bytes.
var (
	wheels = map[string]archive{
		"amd64": {
			name:    "onnxruntime-1.29.0-cp312-cp312-manylinux_2_28_x86_64.whl",
			sha256:  "2b80d8c7ec2cc7438e4da3760b88c24568cba72c9ace96d668800a6c79419acb",
			member:  "onnxruntime/capi/libonnxruntime.so.1.29.0",
			library: "8902e52a04bf6bf26f1613746811d6194f9c97ce7a6a7a28452b48522d3bd8d0",
		},
		"arm64": {
			name:    "onnxruntime-1.29.0-cp312-cp312-manylinux_2_28_aarch64.whl",
			sha256:  "d2fb19e848f7c33ed8d3182b52504aaa11c5e8da438bbb47296f85b133cbcf6b",
			member:  "onnxruntime/capi/libonnxruntime.so.1.29.0",
			library: "1444bdca675524f4d265f71397810c9b1f39164b6dccc8f1a39cd81d938e98f4",
		},
	}
	nodes = map[string]archive{
		"amd64": {
			name:    "onnxruntime-node-1.29.0.tgz",
			sha256:  "cfdfb45ec4044b1fdca43e5d2e180fb6817e649ff8ad1e0dfc90e18e51b67037",
			member:  "package/bin/napi-v6/linux/x64/libonnxruntime.so.1",
			library: "89688f5cf51c7e31befbb7b9101bc027799009b18d1baa9a5b1146a72e69538d",
		},
		"arm64": {
			name:    "onnxruntime-node-1.29.0.tgz",
			sha256:  "cfdfb45ec4044b1fdca43e5d2e180fb6817e649ff8ad1e0dfc90e18e51b67037",
			member:  "package/bin/napi-v6/linux/arm64/libonnxruntime.so.1",
			library: "a27d21126db312aa8f02f3d5eaebe466e991f51f469882e6d0407d5a8b64afda",
		},
	}
	releases = map[string]archive{
		"amd64": {
			name:    "onnxruntime-linux-x64-1.29.0.tgz",
			sha256:  "c3fddc4f139a045b0c4902c57410f0694f1c2fdf9b6939fbe38b1aeae7cd14ba",
			member:  "onnxruntime-linux-x64-1.29.0/lib/libonnxruntime.so.1.29.0",
			library: "5715f06d8992ca8eeeddcce43df3a7d38f97d537052126f558e912cb312460ca",
		},
		"arm64": {
			name:    "onnxruntime-linux-aarch64-1.29.0.tgz",
			sha256:  "e1799098ebc054b370f6176a450f158720f297818c613e5dc99b92e2ec82346f",
			member:  "onnxruntime-linux-aarch64-1.29.0/lib/libonnxruntime.so.1.29.0",
			library: "a27d21126db312aa8f02f3d5eaebe466e991f51f469882e6d0407d5a8b64afda",
		},
	}
)

// maxArchive bounds what is downloaded and unpacked.
const maxArchive = 512 << 20

// ErrDigest is wrapped when a file is not the one that was published.
var ErrDigest = errors.New("sha256 does not match")

// Fetch puts the library for this machine into the cache folder, unless it is
// there, and returns its path. It asks pip and npm first, since they know the
// machine's mirrors, proxies and certificates, then the public registries
// themselves, and the runtime's release page; the first whose file has the published sha256 wins. The library
// appears whole or not at all, so any number of processes may fetch at once. say
// gets a line about each attempt.
func Fetch(ctx context.Context, say func(string)) (string, error) {
	path, err := CachePath()
	if err != nil {
		return "", err
	}
	wheel, ok := wheels[runtime.GOARCH]
	if !ok || runtime.GOOS != "linux" {
		return "", fmt.Errorf("fetch onnx runtime %s: no build is known for %s/%s; set %s to a library", Version, runtime.GOOS, runtime.GOARCH, EnvLibrary)
	}
	node, release := nodes[runtime.GOARCH], releases[runtime.GOARCH]
	return fetch(ctx, path, []source{
		{"pip", wheel, pipDownload},
		{"npm", node, npmPack},
		{"pypi.org", wheel, fromPyPI("https://pypi.org/simple/onnxruntime/")},
		{"registry.npmjs.org", node, fromURL("https://registry.npmjs.org/onnxruntime-node/-/onnxruntime-node-" + Version + ".tgz")},
		{"github.com", release, fromURL("https://github.com/microsoft/onnxruntime/releases/download/v" + Version + "/" + release.name)},
	}, say)
}

// A source gets an archive: get puts its file into the folder dir and returns its path.
type source struct {
	name    string
	archive archive
	get     func(ctx context.Context, a archive, dir string) (string, error)
}

func fetch(ctx context.Context, path string, sources []source, say func(string)) (string, error) {
	for _, s := range sources {
		if verify(path, s.archive.library) == nil {
			say(path + " is there")
			return path, nil
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("fetch onnx runtime: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), ".fetch-")
	if err != nil {
		return "", fmt.Errorf("fetch onnx runtime: %w", err)
	}
	defer os.RemoveAll(tmp)
	var failed []error
	for i, s := range sources {
		say("fetching onnx runtime " + Version + " from " + s.name)
		dir := filepath.Join(tmp, fmt.Sprint(i))
		err := os.Mkdir(dir, 0o700)
		if err == nil {
			err = s.install(ctx, dir, path)
		}
		if err == nil {
			say("put " + path)
			return path, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		say(s.name + ": " + err.Error())
		failed = append(failed, fmt.Errorf("%s: %w", s.name, err))
	}
	return "", fmt.Errorf("fetch onnx runtime %s: no source gave it; set %s to a library\n%w", Version, EnvLibrary, errors.Join(failed...))
}

// install gets, verifies and unpacks the archive, then renames the library into place.
func (s source) install(ctx context.Context, dir, path string) error {
	file, err := s.get(ctx, s.archive, dir)
	if err != nil {
		return err
	}
	if err := verify(file, s.archive.sha256); err != nil {
		return err
	}
	lib := filepath.Join(dir, "library")
	if err := s.archive.unpack(file, lib); err != nil {
		return err
	}
	if err := verify(lib, s.archive.library); err != nil {
		return err
	}
	return os.Rename(lib, path)
}

func verify(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("%s: %w: %s, published is %s", filepath.Base(path), ErrDigest, got, want)
	}
	return nil
}

// unpack writes the library, and nothing else of the archive, to the file into.
func (a archive) unpack(file, into string) error {
	if filepath.Ext(a.name) == ".whl" {
		z, err := zip.OpenReader(file)
		if err != nil {
			return fmt.Errorf("unpack %s: %w", a.name, err)
		}
		defer z.Close()
		m, err := z.Open(a.member)
		if err != nil {
			return fmt.Errorf("unpack %s: %w", a.name, err)
		}
		defer m.Close()
		return write(into, m)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	g, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", a.name, err)
	}
	for t := tar.NewReader(g); ; {
		h, err := t.Next()
		if err != nil {
			return fmt.Errorf("unpack %s of %s: %w", a.member, a.name, err)
		}
		if path.Clean(h.Name) == a.member {
			return write(into, t)
		}
	}
}

// write puts r into a new file, safely on disk.
func write(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(r, maxArchive+1))
	if err == nil && n > maxArchive {
		err = fmt.Errorf("write %s: more than %d bytes", filepath.Base(path), maxArchive)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

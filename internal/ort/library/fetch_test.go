package library

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func sum(b []byte) string {
	d := sha256.Sum256(b)
	return hex.EncodeToString(d[:])
}

var content = []byte("\x7fELF the library")

func wheelOf(t *testing.T, content []byte) ([]byte, archive) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, c := range map[string][]byte{"other.py": []byte("x"), "lib.so": content} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), archive{name: "x-1-cp312-cp312-any.whl", sha256: sum(b.Bytes()), member: "lib.so", library: sum(content)}
}

func tarOf(t *testing.T, content []byte) ([]byte, archive) {
	t.Helper()
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	w := tar.NewWriter(g)
	for _, m := range []struct {
		name string
		c    []byte
	}{{"package/../../evil", []byte("x")}, {"./package/lib.so", content}} {
		if err := w.WriteHeader(&tar.Header{Name: m.name, Size: int64(len(m.c)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.c); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), g.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), archive{name: "x.tgz", sha256: sum(b.Bytes()), member: "package/lib.so", library: sum(content)}
}

// serve is a registry with an index and some files.
func serve(t *testing.T, files map[string][]byte) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(b)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func quiet(string) {}

func TestFetchTriesSourcesInTurn(t *testing.T) {
	whl, wa := wheelOf(t, content)
	tgz, ta := tarOf(t, content)
	url := serve(t, map[string][]byte{
		"/simple/x/":    []byte(`{"files":[{"filename":"` + wa.name + `","url":"../../f/` + wa.name + `"}]}`),
		"/empty/":       []byte(`{"files":[]}`),
		"/f/" + wa.name: whl, "/t": tgz, "/cut": tgz[:len(tgz)/2],
	})
	evil := ta
	evil.library = sum([]byte("other"))
	gone := func(context.Context, archive, string) (string, error) { return "", errors.New("no such client") }
	for _, c := range []struct {
		name    string
		sources []source
		want    string // part of the error, or nothing
	}{
		{"wheel by index", []source{{"a", wa, fromPyPI(url + "/simple/x/")}}, ""},
		{"tar", []source{{"a", ta, fromURL(url + "/t")}}, ""},
		{"second after missing client", []source{{"a", wa, gone}, {"b", ta, fromURL(url + "/t")}}, ""},
		{"second after not found", []source{{"a", ta, fromURL(url + "/none")}, {"b", ta, fromURL(url + "/t")}}, ""},
		{"second after cut file", []source{{"a", ta, fromURL(url + "/cut")}, {"b", ta, fromURL(url + "/t")}}, ""},
		{"index without it", []source{{"a", wa, fromPyPI(url + "/empty/")}}, "does not list"},
		{"index is no JSON", []source{{"a", wa, fromPyPI(url + "/t")}}, "read " + url},
		{"another file", []source{{"a", wa, fromURL(url + "/t")}}, "sha256 does not match"},
		{"another library", []source{{"a", evil, fromURL(url + "/t")}}, "sha256 does not match"},
		{"none", []source{{"a", wa, gone}}, "a: no such client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sub", "lib.so")
			got, err := fetch(t.Context(), path, c.sources, quiet)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), EnvLibrary) {
					t.Fatalf("error %v, want %q and the remedy", err, c.want)
				}
				if _, err := os.Stat(path); err == nil {
					t.Error("something was installed")
				}
			} else if err != nil || got != path {
				t.Fatalf("%s, %v", got, err)
			} else if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, content) {
				t.Fatalf("%q, %v", b, err)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".fetch-*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestFetchAgainAsksNobody(t *testing.T) {
	_, a := tarOf(t, content)
	path := filepath.Join(t.TempDir(), "lib.so")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(t.Context(), path, []source{{"a", a, nil}}, quiet); err != nil {
		t.Fatal(err)
	}
}

func TestFetchReplacesADamagedLibrary(t *testing.T) {
	tgz, a := tarOf(t, content)
	url := serve(t, map[string][]byte{"/t": tgz})
	path := filepath.Join(t.TempDir(), "lib.so")
	if err := os.WriteFile(path, content[:3], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(t.Context(), path, []source{{"a", a, fromURL(url + "/t")}}, quiet); err != nil {
		t.Fatal(err)
	}
	if err := verify(path, a.library); err != nil {
		t.Error(err)
	}
}

func TestManyFetchersAtOnce(t *testing.T) {
	tgz, a := tarOf(t, content)
	url := serve(t, map[string][]byte{"/t": tgz})
	path := filepath.Join(t.TempDir(), "lib.so")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := fetch(t.Context(), path, []source{{"a", a, fromURL(url + "/t")}}, quiet); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := verify(path, a.library); err != nil {
		t.Error(err)
	}
}

func TestFetchStopsWithItsContext(t *testing.T) {
	_, a := tarOf(t, content)
	ctx, cancel := context.WithCancel(t.Context())
	hang := func(ctx context.Context, _ archive, _ string) (string, error) {
		cancel()
		<-ctx.Done()
		return "", ctx.Err()
	}
	_, err := fetch(ctx, filepath.Join(t.TempDir(), "lib.so"), []source{{"a", a, hang}, {"b", a, nil}}, quiet)
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestFindNamesTheRemedy(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(EnvCache, dir)
	t.Setenv(EnvLibrary, "")
	if _, err := Find(); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "doctor --fix") {
		t.Errorf("empty cache: %v", err)
	}
	path, err := CachePath()
	if err != nil || !strings.HasPrefix(path, dir) {
		t.Fatalf("cache path %s, %v", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(); err != nil || got != path {
		t.Errorf("in the cache: %s, %v", got, err)
	}
	t.Setenv(EnvLibrary, filepath.Join(dir, "none.so"))
	if _, err := Find(); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), EnvLibrary+" names it") {
		t.Errorf("environment names none: %v", err)
	}
	t.Setenv(EnvLibrary, dir)
	if _, err := Find(); !errors.Is(err, ErrNotFound) {
		t.Errorf("environment names a folder: %v", err)
	}
}

// TestPublicSources fetches from each source for real, where it is asked to.
func TestPublicSources(t *testing.T) {
	if os.Getenv("RECAPTION_TEST_NETWORK") == "" {
		t.Skip("RECAPTION_TEST_NETWORK is not set")
	}
	for arch := range wheels {
		for _, s := range []source{
			{"pip", wheels[arch], pipDownload}, {"npm", nodes[arch], npmPack},
			{"pypi.org", wheels[arch], fromPyPI("https://pypi.org/simple/onnxruntime/")},
			{"registry.npmjs.org", nodes[arch], fromURL("https://registry.npmjs.org/onnxruntime-node/-/onnxruntime-node-" + Version + ".tgz")},
		} {
			t.Run(arch+"/"+s.name, func(t *testing.T) {
				if _, err := fetch(t.Context(), filepath.Join(t.TempDir(), "lib.so"), []source{s}, quiet); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

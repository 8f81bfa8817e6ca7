package embedded

import (
	"os"
	"path/filepath"
	"testing"
)

func TestChanged(t *testing.T) {
	for _, c := range []struct{ method, target, want string }{
		{"PUT", "/b/k", "b/k"},
		{"PUT", "/b/a/k%20l", "b/a/k l"},
		{"PUT", "/b/k?x-id=PutObject", "b/k"},
		{"PUT", "/b/k?partNumber=1&uploadId=u", ""},
		{"POST", "/b/k?uploadId=u", "b/k"},
		{"POST", "/b/k?uploads=", ""},
		{"POST", "/b?delete=", ""},
		{"DELETE", "/b/k", "b/k"},
		{"DELETE", "/b/k?uploadId=u", ""},
		{"PUT", "/b", ""},
		{"PUT", "/b/", ""},
		{"PUT", "/b/../../etc/passwd", "etc/passwd"}, // the root keeps it inside
		{"GET", "/b/k", ""},
		{"PUT", "%zz", ""},
	} {
		got, ok := changed(c.method, c.target)
		if got = map[bool]string{true: got}[ok]; got != c.want {
			t.Errorf("changed(%s, %s) = %q, want %q", c.method, c.target, got, c.want)
		}
	}
}

func TestSyncPath(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "b", "a", "k"), 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{"b/a/k", "b/a/gone/too", "gone"} {
		if err := syncPath(root, name); err != nil {
			t.Errorf("sync %s: %v", name, err)
		}
		if err := syncTree(root, name); err != nil {
			t.Errorf("sync tree %s: %v", name, err)
		}
	}
	if err := syncPath(root, "../outside"); err == nil {
		t.Error("a path outside the root was synced")
	}
}

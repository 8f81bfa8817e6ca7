package dirstore_test

import (
	"os"
	"path/filepath"
	"testing"

	"recaption/shards"
	"recaption/shards/dirstore"
	"recaption/shards/storetest"
)

func open(t *testing.T, dir string) *dirstore.Store {
	t.Helper()
	st, err := dirstore.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func TestStore(t *testing.T) {
	cfg := storetest.DefaultConfig()
	cfg.Listed = 200 // each syncs a file and a folder, and there are no pages
	storetest.Run(t, cfg, func(t *testing.T) shards.Store { return open(t, t.TempDir()) })
}

func TestNothingLeftBehind(t *testing.T) {
	dir := t.TempDir()
	st := open(t, filepath.Join(dir, "made", "by", "create"))
	for range 3 {
		storetest.MustPut(t, st, "a/k", []byte("x"))
		_ = st.Create(t.Context(), "a/k", []byte("x"))
		_ = st.Put(t.Context(), "a/l", os.Stdin, -1) // refused
	}
	files, err := filepath.Glob(filepath.Join(dir, "made", "by", "create", "a", "*"))
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := filepath.Glob(filepath.Join(dir, "made", "by", "create", "a", ".*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 || len(hidden) != 0 {
		t.Errorf("left %v and %v; want one object", files, hidden)
	}
}

// TestLinks reads through no link that leaves the folder, and lists none.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(dir, "folder")); err != nil {
		t.Fatal(err)
	}
	st := open(t, dir)
	for _, key := range []string{"link", "folder/secret"} {
		if b, err := st.Get(t.Context(), key, 10); err == nil {
			t.Errorf("%s: read %q from outside", key, b)
		}
	}
	for o, err := range st.List(t.Context(), "", "") {
		t.Errorf("listed %+v, %v", o, err)
	}
}

func TestOpenMissing(t *testing.T) {
	if _, err := dirstore.Open(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("opened a folder that isn't there")
	}
}

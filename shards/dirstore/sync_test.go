package dirstore

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"recaption/shards"
)

// TestCommitIsNotReadBackBeforeItIsDurable: a folder whose sync fails has the
// object, and might lose it.
func TestCommitIsNotReadBackBeforeItIsDurable(t *testing.T) {
	st, err := Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	st.sync = func(*os.File) error { return syscall.EIO }
	for _, try := range []string{"first", "second, which finds the first one's object"} {
		_, err := shards.Commit(t.Context(), st, "k", []byte("ours"))
		if !errors.Is(err, syscall.EIO) || errors.Is(err, shards.ErrTransient) || errors.Is(err, shards.ErrExists) {
			t.Errorf("%s: %v; want the sync's error, neither ErrTransient nor ErrExists", try, err)
		}
	}
	st.sync = (*os.File).Sync
	if got, err := shards.Commit(t.Context(), st, "k", []byte("ours")); err != nil || string(got) != "ours" {
		t.Errorf("with a folder that syncs: %q, %v; want ours", got, err)
	}
}

package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// InUseError says that a running process holds the state folder.
type InUseError struct {
	Dir string
	PID int // 0 when that process has not yet said who it is
}

func (e *InUseError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("state folder %s is in use by %s: wait for it, stop it, or choose another folder", e.Dir, who)
}

// stateLock is the right to use a state folder. The kernel takes it back when
// the process dies, so no stale lock is ever left.
type stateLock struct{ file *flock.Flock }

// lockState makes dir and locks it, or returns an [InUseError] at once.
func lockState(dir string) (*stateLock, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	path := filepath.Join(dir, "lock")
	l := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o644))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock state folder %s: %w", dir, err)
	}
	if !ok {
		return nil, &InUseError{Dir: dir, PID: holder(path)}
	}
	if err := name(path); err != nil {
		_ = l.Unlock()
		return nil, fmt.Errorf("lock state folder %s: %w", dir, err)
	}
	return &stateLock{l}, nil
}

// release gives the folder back. The file stays: removing it would let two
// processes lock two files of one name. A nil lock is somebody else's.
func (l *stateLock) release() error {
	if l == nil {
		return nil
	}
	_ = os.Truncate(l.file.Path(), 0) // only tidies: an unlocked file names nobody
	return l.file.Close()
}

// name writes our process into the lock file for those who are refused.
func name(path string) error {
	return os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644)
}

func holder(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid
}

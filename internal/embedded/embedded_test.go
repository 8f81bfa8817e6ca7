package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"
)

func start(t *testing.T, dir string, opts ...Option) *Services {
	t.Helper()
	opts = append(opts, Log(slog.New(slog.NewTextHandler(t.Output(), nil))))
	s, err := Start(t.Context(), dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// stream connects to the server and gives a stream named T on subject t.
func stream(t *testing.T, at where) (jetstream.JetStream, jetstream.Stream) {
	t.Helper()
	nc, err := nats.Connect(at.NATS, nats.UserInfo(at.User, at.Password))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "T", Subjects: []string{"t"}})
	if err != nil {
		t.Fatal(err)
	}
	return js, s
}

func publish(t *testing.T, js jetstream.JetStream, text string) {
	t.Helper()
	if _, err := js.Publish(t.Context(), "t", []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func wantMessage(t *testing.T, s jetstream.Stream, seq uint64, want string) {
	t.Helper()
	m, err := s.GetMsg(t.Context(), seq)
	if err != nil {
		t.Fatal(err)
	}
	if string(m.Data) != want {
		t.Fatalf("message %d is %q, want %q", seq, m.Data, want)
	}
}

func TestStartAndCloseLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	begin := time.Now()
	s := start(t, dir)
	took := time.Since(begin)
	t.Logf("both services up in %s", took)
	if took > time.Second && !raceEnabled {
		t.Errorf("start took %s, want less than a second", took)
	}
	at := tell(s)
	c := newS3(t, at)
	c.put("a/b/c", "object")
	c.wantObject("a/b/c", "object")
	js, st := stream(t, at)
	publish(t, js, "message")
	wantMessage(t, st, 1, "message")
	js.Conn().Close()

	begin = time.Now()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("closed in %s", time.Since(begin))
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if err := s.Err(); err != nil {
		t.Errorf("after Close Err is %v, want nil", err)
	}
	<-s.Done()
	if err := syscall.Kill(at.Gateway, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("gateway process %d after Close: %v, want none", at.Gateway, err)
	}
	for _, addr := range []string{at.Endpoint, at.NATS} {
		u, err := url.Parse(addr)
		if err != nil {
			t.Fatal(err)
		}
		if conn, err := net.Dial("tcp", u.Host); err == nil {
			conn.Close()
			t.Errorf("%s still listens", u.Host)
		}
	}
	wantTidy(t, dir)
}

// wantTidy checks that a state folder holds state only.
func wantTidy(t *testing.T, dir string) {
	t.Helper()
	top, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range top {
		switch e.Name() {
		case "lock", "nats", "s3", "attributes":
		default:
			t.Errorf("%s is left in the state folder", e.Name())
		}
	}
	err = filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !e.IsDir() && (!e.Type().IsRegular() || strings.Contains(p, ".sgwtmp")) {
			t.Errorf("%s (%s) is left in the state folder", p, e.Type())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSecondStartContinues(t *testing.T) {
	for _, name := range []string{"closed", "killed"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			at, end := startVictim(t, dir)
			c := newS3(t, at)
			c.put("shard", "bytes")
			js, _ := stream(t, at)
			publish(t, js, "first")
			js.Conn().Close()

			gone := processGone(t, at.Gateway)
			if name == "killed" {
				end(syscall.SIGKILL)
			} else {
				end(0)
			}
			gone()

			again := tell(start(t, dir))
			if again.SecretKey == at.SecretKey || again.Password == at.Password {
				t.Error("the second start has the credentials of the first")
			}
			newS3(t, again).wantObject("shard", "bytes")
			js, st := stream(t, again)
			wantMessage(t, st, 1, "first")
			publish(t, js, "second")
			wantMessage(t, st, 2, "second")
		})
	}
}

// startVictim runs services in a process of their own. end ends it: by a
// signal, or, for signal 0, as the process's standard input ends, by return
// from main without closing the services.
func startVictim(t *testing.T, dir string) (where, func(syscall.Signal)) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end := func(sig syscall.Signal) {
		if sig != 0 {
			_ = cmd.Process.Signal(sig)
		}
		_ = in.Close()
		_ = cmd.Wait()
	}
	t.Cleanup(func() { end(syscall.SIGKILL) })
	var at where
	if err := json.NewDecoder(out).Decode(&at); err != nil {
		t.Fatalf("start a process with services: %v", err)
	}
	return at, end
}

// processGone returns a function that waits until the process has ended.
func processGone(t *testing.T, pid int) func() {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		defer unix.Close(fd)
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 20_000)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil || n == 0 {
				t.Fatalf("process %d still runs: %v", pid, err)
			}
			return
		}
	}
}

func TestOneProcessPerFolder(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	_, err := Start(t.Context(), dir)
	var inUse *InUseError
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Fatalf("second start: %v, want an InUseError that names process %d", err, os.Getpid())
	}
	if _, err := StartNATS(t.Context(), dir); !errors.As(err, &inUse) {
		t.Errorf("nats alone: %v, want an InUseError", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
}

func TestGatewayDeathIsNoticed(t *testing.T) {
	s := start(t, t.TempDir())
	select {
	case <-s.Done():
		t.Fatal("done while both run")
	default:
	}
	if err := syscall.Kill(s.S3.child.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Err is %v, want that the gateway was killed", err)
	}
}

func TestGatewayOutlivesSignalsOfTheTerminal(t *testing.T) {
	s := start(t, t.TempDir())
	at := tell(s)
	if group, err := syscall.Getpgid(at.Gateway); err != nil || group != at.Gateway {
		t.Errorf("process group of the gateway is %d (%v), want its own, %d", group, err, at.Gateway)
	}
	c := newS3(t, at)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if err := syscall.Kill(at.Gateway, sig); err != nil {
			t.Fatal(err)
		}
		c.put("after-"+sig.String(), "served")
	}
}

func TestStrangersAreRefused(t *testing.T) {
	s := start(t, t.TempDir())
	at := tell(s)
	newS3(t, at).put("k", "v")
	wrong := at
	wrong.SecretKey = "guessed"
	if code, _ := newS3(t, wrong).do(http.MethodGet, "k", nil); code != http.StatusForbidden {
		t.Errorf("wrong secret: status %d, want 403", code)
	}
	resp, err := http.Get(at.Endpoint + "/" + at.Bucket + "/k")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("no credentials: status %d, want 403", resp.StatusCode)
	}
	for _, opts := range [][]nats.Option{nil, {nats.UserInfo(at.User, "guessed")}} {
		nc, err := nats.Connect(at.NATS, opts...)
		if err == nil {
			nc.Close()
		}
		if !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("nats with wrong credentials: %v, want %v", err, nats.ErrAuthorization)
		}
	}
	for _, addr := range []string{at.Endpoint, at.NATS} {
		u, err := url.Parse(addr)
		if err != nil {
			t.Fatal(err)
		}
		if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
			t.Errorf("%s is not on the loopback interface", addr)
		}
	}
}

func TestWriteOnce(t *testing.T) {
	s := start(t, t.TempDir())
	c := newS3(t, tell(s))
	for i, want := range []int{http.StatusOK, http.StatusPreconditionFailed} {
		if code, msg := c.do(http.MethodPut, "receipt", []byte{byte(i)}, "If-None-Match", "*"); code != want {
			t.Errorf("create %d: status %d, want %d: %s", i, code, want, msg)
		}
	}
	c.wantObject("receipt", "\x00")
	if code, _ := c.do(http.MethodDelete, "receipt", nil); code != http.StatusNoContent {
		t.Errorf("delete: status %d", code)
	}
	if code, _ := c.do(http.MethodGet, "receipt", nil); code != http.StatusNotFound {
		t.Errorf("get after delete: status %d, want 404", code)
	}
}

// Where files have no extended attributes, the gateway notes ETags in a folder
// of its own; that such a folder is there decides as well.
func TestAttributesBesideTheObjects(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "attributes"), 0o700); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	s, err := Start(t.Context(), dir, Log(slog.New(slog.NewTextHandler(&log, nil))))
	if err != nil {
		t.Fatal(err)
	}
	at := tell(s)
	c := newS3(t, at)
	c.put("a/b", "object")
	c.wantObject("a/b", "object")
	if code, _ := c.do(http.MethodPut, "a/b", nil, "If-None-Match", "*"); code != http.StatusPreconditionFailed {
		t.Errorf("create again: status %d, want 412", code)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "attributes", bucket, "a", "b")); err != nil {
		t.Errorf("attributes of the object: %v", err)
	}
}

func TestStartRefuses(t *testing.T) {
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("changed my mind")
		cancel(cause)
		dir := t.TempDir()
		if _, err := StartS3(ctx, dir); !errors.Is(err, cause) {
			t.Errorf("s3: %v, want %v", err, cause)
		}
		if _, err := Start(ctx, dir); !errors.Is(err, cause) {
			t.Errorf("both: %v, want %v", err, cause)
		}
		start(t, dir)
	})
	t.Run("a file in the place of a folder", func(t *testing.T) {
		for _, name := range []string{"nats", "s3"} {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if s, err := Start(t.Context(), dir); err == nil {
				_ = s.Close()
				t.Errorf("%s is a file: no error", name)
			}
		}
	})
	t.Run("no Main", func(t *testing.T) {
		hooked.Store(false)
		defer hooked.Store(true)
		if _, err := StartS3(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "embedded.Main") {
			t.Errorf("error %v, want one that names embedded.Main", err)
		}
	})
}

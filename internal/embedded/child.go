package embedded

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	childEnv  = "RECAPTION_S3SERVE" // set in the child's environment: what [Main] looks for
	childName = "s3serve"           // the child's one argument, for who lists processes
	readyFD   = 3                   // the child's end of the pipe on which it says that it is ready

	// stopLimit is what the gateway is given to finish its requests: a little
	// more than the ten seconds it gives itself.
	stopLimit = 12 * time.Second
)

// readiness is the one line that the child writes on readyFD.
type readiness struct {
	Addr  string `json:"addr,omitempty"`
	Error string `json:"error,omitempty"`
}

// child is the process that serves S3.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer // the child ends when it is closed
	done  chan struct{}

	mu       sync.Mutex // guards stopping and err
	stopping bool
	err      error
}

// startChild starts this program again as a gateway and returns its address
// when it answers. If it doesn't before ctx ends, the child is killed.
func startChild(ctx context.Context, cfg gatewayConfig, log *slog.Logger) (*child, string, error) {
	if !hooked.Load() {
		return nil, "", errors.New("embedded.Main was not called at the start of the program")
	}
	exe, err := program()
	if err != nil {
		return nil, "", err
	}
	ready, readyW, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	defer ready.Close()
	defer readyW.Close()
	said, saidW, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	defer saidW.Close()

	cmd := exec.Command(exe, childName)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stdout, cmd.Stderr = saidW, saidW
	cmd.ExtraFiles = []*os.File{readyW}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	c := &child{cmd: cmd, stdin: stdin, done: make(chan struct{})}
	started := make(chan error, 1)
	go c.run(started, said, log)
	if err := <-started; err != nil {
		return nil, "", err
	}
	readyW.Close() // ours; or the pipe would not end with the child
	saidW.Close()

	addr, err := c.hello(ctx, cfg, stdin, ready)
	if err != nil {
		c.kill()
		return nil, "", err
	}
	return c, addr, nil
}

// run starts the process, and joins it and what it says. The kernel sends a
// child its death signal when the thread that forked it ends, so this thread
// stays until the child is gone.
func (c *child) run(started chan<- error, said *os.File, log *slog.Logger) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer said.Close()
	err := c.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	var lines sync.WaitGroup
	lines.Go(func() { relay(said, log) })
	err = c.cmd.Wait()
	lines.Wait()

	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopping {
		if err == nil {
			err = errors.New("exit status 0")
		}
		c.err = fmt.Errorf("s3 gateway, process %d, ended: %w", c.cmd.Process.Pid, err)
	}
	close(c.done)
}

// hello gives the child its configuration and waits for its one line.
func (c *child) hello(ctx context.Context, cfg gatewayConfig, stdin io.Writer, ready *os.File) (string, error) {
	if err := json.NewEncoder(stdin).Encode(cfg); err != nil {
		return "", fmt.Errorf("configure: %w", err)
	}
	unhook := context.AfterFunc(ctx, func() { _ = ready.SetReadDeadline(time.Unix(1, 0)) })
	defer unhook()
	var r readiness
	err := json.NewDecoder(io.LimitReader(ready, 1<<16)).Decode(&r)
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, io.EOF):
		<-c.done
		return "", c.failure()
	case err != nil:
		return "", fmt.Errorf("wait for it: %w", err)
	case r.Error != "":
		return "", errors.New(r.Error)
	}
	return r.Addr, nil
}

// stop lets the child finish and waits until it is gone; a child that does not
// end in time is killed, which is an error.
func (c *child) stop() error {
	c.mu.Lock()
	c.stopping = true
	c.mu.Unlock()
	_ = c.stdin.Close() // closed already when the child is gone
	late := time.NewTimer(stopLimit)
	defer late.Stop()
	select {
	case <-c.done:
		return nil
	case <-late.C:
	}
	c.kill()
	return fmt.Errorf("s3 gateway, process %d: still busy after %s: killed", c.cmd.Process.Pid, stopLimit)
}

func (c *child) kill() {
	c.mu.Lock()
	c.stopping = true
	c.mu.Unlock()
	_ = c.cmd.Process.Kill() // gone already: what we want
	<-c.done
}

func (c *child) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// relay logs what the child says. A healthy gateway says nothing.
func relay(r io.Reader, log *slog.Logger) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		log.Warn(lines.Text())
	}
	_, _ = io.Copy(io.Discard, r) // after a line too long to scan
}

// program is the path of this program, also when the file was replaced since.
func program() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(exe); err != nil {
		return "/proc/self/exe", nil
	}
	return exe, nil
}

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"recaption/internal/ort/library"
)

// TestScripts drives the program by the scripts in testdata/script. Beside the
// usual commands they have
//
//	exits CODE recaption …    runs the program, which must exit with that code
//	flip GLOB                 inverts a byte in the middle of the one file that matches
//	gone GLOB                 removes the one file that matches
//	busy DIR                  waits until a process holds the state folder DIR
//	appear GLOB               waits until a file matches
//	end                       sends SIGTERM to what runs in the background
//	lines N FILE              the file has that many lines
//
// and the variables TINY, a small model without sense, and PHOTO, a picture that
// is no drawn scene. They share one cache folder.
func TestScripts(t *testing.T) {
	lib, err := library.Find()
	if err != nil {
		t.Fatalf("%v", err)
	}
	tiny, err := filepath.Abs("../../worker/vlm/testdata/tiny")
	if err != nil {
		t.Fatal(err)
	}
	photo, err := filepath.Abs("../../internal/imaging/testdata/files/420-61x47.jpg")
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv(library.EnvLibrary, lib)
			e.Setenv(library.EnvCache, cache)
			e.Setenv("TINY", tiny)
			e.Setenv("PHOTO", photo)
			e.Setenv("RECAPTION_LOG_LEVEL", "warn")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "flip": flip, "gone": gone, "busy": busy, "lines": lineCount, "end": end, "appear": appear,
		},
	})
}

// exits CODE PROGRAM ARG…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program arguments")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func only(ts *testscript.TestScript, args []string) string {
	if len(args) != 1 {
		ts.Fatalf("want one glob")
	}
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%s: %d files: %v", args[0], len(found), found)
	}
	return found[0]
}

func flip(ts *testscript.TestScript, _ bool, args []string) {
	path := only(ts, args)
	b, err := os.ReadFile(path)
	ts.Check(err)
	b[len(b)/2] ^= 0xff
	ts.Check(os.WriteFile(path, b, 0o644))
}

func gone(ts *testscript.TestScript, _ bool, args []string) { ts.Check(os.Remove(only(ts, args))) }

func busy(ts *testscript.TestScript, _ bool, args []string) {
	lock := filepath.Join(ts.MkAbs(args[0]), "lock")
	await(ts, lock+": nobody holds it", func() bool {
		b, err := os.ReadFile(lock)
		return err == nil && len(bytes.TrimSpace(b)) > 0
	})
}

func appear(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, args[0]+": nothing appears", func() bool {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		return len(found) > 0
	})
}

// await waits for what another process does, which tells nobody: it looks again
// and again.
func await(ts *testscript.TestScript, otherwise string, seen func() bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !seen() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("%s", otherwise)
		}
	}
}

// end sends SIGTERM. Testscript's kill knows SIGINT, which stays ignored where
// the tests were started in the background of a shell's script.
func end(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) > 0 {
		ts.Fatalf("usage: end")
	}
	for _, c := range ts.BackgroundCmds() {
		if err := c.Process.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
			ts.Check(err)
		}
	}
}

func lineCount(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: lines n file")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := bytes.Count([]byte(ts.ReadFile(args[1])), []byte("\n"))
	if (got == want) == neg {
		ts.Fatalf("%s has %d lines", args[1], got)
	}
}

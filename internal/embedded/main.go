package embedded

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// hooked tells that Main was called, so that a process started from this
// program would become a gateway, not another run of the program.
var hooked atomic.Bool

// Main must be called first in main, and in the TestMain of packages that start
// the S3 gateway. In a process that was started to be the gateway it serves
// until its parent closes its standard input, and exits; otherwise it returns
// at once.
func Main() {
	hooked.Store(true)
	if os.Getenv(childEnv) == "" {
		return
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if err := serveS3(os.Stdin, os.NewFile(readyFD, "ready")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// say writes the one line that the parent waits for.
func say(ready *os.File, r readiness) error {
	defer ready.Close()
	return json.NewEncoder(ready).Encode(r)
}

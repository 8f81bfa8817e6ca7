// Command recaption rewrites the captions of image-text data sets with a
// vision-language model.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"recaption/internal/embedded"
)

func main() {
	embedded.Main() // turns the process into the S3 gateway when it was started as one
	os.Exit(run(os.Args[1:]))
}

// run executes one command line and gives its exit code. The first signal that
// asks the program to end cancels the command's context; a second one ends the
// process at once, with the same exit code.
func run(args []string) int {
	ctx, stop := heed(context.Background(), func() { os.Exit(exitStopped) })
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := execute(ctx, root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "recaption:", message(err))
	}
	return exitCode(err)
}

// heed cancels the context that it returns at the first SIGINT, SIGTERM or
// SIGHUP, and calls atOnce at the second. A signal that whoever started us had
// ignored, as nohup does with SIGHUP and a shell's script with the SIGINT of
// what it starts by &, stays so. Call stop in the end.
func heed(ctx context.Context, atOnce func()) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	got := make(chan os.Signal, 2)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(got, s)
		}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, then := range []func(){cancel, atOnce} {
			select {
			case <-got:
				then()
			case <-done:
				return
			}
		}
	})
	return ctx, func() {
		signal.Stop(got)
		close(done)
		wg.Wait()
		cancel()
	}
}

// Command recaption rewrites the captions of image-text data sets with a
// vision-language model.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"recaption/internal/embedded"
)

func main() {
	embedded.Main() // turns the process into the S3 gateway when it was started as one
	os.Exit(run(os.Args[1:]))
}

// run executes one command line and gives its exit code. The first SIGINT or
// SIGTERM cancels the command's context; a second one ends the process.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from now on the default action
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "recaption:", err)
	}
	return exitCode(err)
}

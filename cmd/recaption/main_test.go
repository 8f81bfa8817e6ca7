package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"recaption/internal/embedded"
)

func TestMain(m *testing.M) {
	embedded.Main() // as in main: the gateway is this program started again
	testscript.Main(leakChecked{m}, map[string]func(){
		"recaption": func() { os.Exit(run(os.Args[1:])) },
	})
}

// leakChecked fails a run of tests that leaves goroutines behind.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	code := l.m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

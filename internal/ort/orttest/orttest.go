// Package orttest is what tests of packages that run graphs have in common.
package orttest

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"recaption/internal/ort"
)

// Main runs a package's tests and ends the process. It needs the runtime's
// library; a machine without it fails, with the remedy. It also fails where a
// test leaves tensors or goroutines behind.
func Main(m *testing.M) {
	if err := ort.Open(""); err != nil {
		fmt.Fprintln(os.Stderr, err, "(make test fetches it)")
		os.Exit(1)
	}
	code := m.Run()
	if n := ort.LiveValues(); code == 0 && n != 0 {
		fmt.Fprintf(os.Stderr, "%d tensors were never closed\n", n)
		code = 1
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

package ort_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestTheRuntimeReportsToNobody: a process that opens the library, as TestMain
// does, leaves no session of the runtime's event uploader in its folder of
// temporary files. With the uploader on it does.
func TestTheRuntimeReportsToNobody(t *testing.T) {
	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "ORT_DISABLE_TELEMETRY=") && !strings.HasPrefix(e, "TMPDIR=") {
			c.Env = append(c.Env, e)
		}
	}
	c.Env = append(c.Env, "TMPDIR="+dir)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		t.Errorf("left %s", f.Name())
	}
}

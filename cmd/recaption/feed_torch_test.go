package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// envPython names a Python with torch and pyarrow. Without it the test of the
// Python package is left out.
const envPython = "TORCH_PYTHON"

// TestTorchFeed: PyTorch sees the samples and texts that the readers of package
// feed give, each once in an epoch, for any number of processes and workers; and
// the same batches when it is stopped and goes on.
func TestTorchFeed(t *testing.T) {
	python := os.Getenv(envPython)
	if python == "" {
		t.Skipf("%s names no Python", envPython)
	}
	program := filepath.Join(t.TempDir(), "recaption")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	dir := feedSite(t)
	want := make([][]string, 2)
	for epoch := range want {
		feedOf(t, dir, "--training", "t", "--epoch", fmt.Sprint(epoch), "--dataset", "d", "--seed", "5", "--lanes", "6") // freezes it
		want[epoch] = direct(t, dir, epoch)
	}
	c := exec.CommandContext(t.Context(), python, "../../trainer/torch/tests/show.py", program, dir, "t")
	c.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join("..", "..", "trainer", "torch"))
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("show: %v\n%s", err, stderr.String())
	}
	cases := 0
	for lines := json.NewDecoder(bytes.NewReader(out)); lines.More(); cases++ {
		var got struct {
			Epoch, World, Workers int
			All, Batches, Again   []string
		}
		if err := lines.Decode(&got); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("epoch %d, %d processes with %d workers", got.Epoch, got.World, got.Workers)
		if d := cmp.Diff(slices.Sorted(slices.Values(want[got.Epoch])), slices.Sorted(slices.Values(got.All))); d != "" {
			t.Errorf("%s (-feed +torch):\n%s", name, d)
		}
		if got.World == 1 && got.Workers == 0 && !slices.Equal(want[got.Epoch], got.All) {
			t.Errorf("%s: another order", name)
		}
		if len(got.Batches) < 20 || !slices.Equal(got.Batches, got.Again) {
			t.Errorf("%s: stopped and taken up it gives others: %q, not %q", name, got.Again, got.Batches)
		}
	}
	if cases != 12 {
		t.Errorf("%d cases, not 12", cases)
	}
}

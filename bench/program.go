package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"recaption/schemas"
)

// ran is what came of one run of the program.
type ran struct {
	elapsed time.Duration
	peak    int64 // bytes of resident memory, the program and its gateway together
	summary runSummary
}

// runSummary is what the bench reads of summary.json.
type runSummary struct {
	RowsIn   int                       `json:"rows_in"`
	Rows     int                       `json:"rows"`
	Shards   int                       `json:"shards"`
	Statuses map[schemas.RowStatus]int `json:"statuses"`
	Accepted int                       `json:"accepted"`
	Tokens   int64                     `json:"tokens"`
	Seconds  map[string]float64        `json:"seconds"`
}

// scenes draws a data set.
func (l *lab) scenes(ctx context.Context, name string, args ...string) (string, error) {
	dir := l.folder(name)
	return dir, l.command(ctx, append([]string{"scenes", "--out", dir}, args...)...).Run()
}

// command makes a command of the program whose output goes to standard error.
// It is in a process group of its own, with its gateway's beside it.
func (l *lab) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, l.bin, args...)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return c
}

// recaption runs the main job and watches its memory.
func (l *lab) recaption(ctx context.Context, source, out string, args ...string) (ran, error) {
	c := l.command(ctx, append([]string{"run", "--source", source, "--out", out, "--log-level", "warn"}, args...)...)
	began := time.Now()
	if err := c.Start(); err != nil {
		return ran{}, err
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	var r ran
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			r.elapsed = time.Since(began)
			if err != nil {
				return r, fmt.Errorf("recaption run: %w", err)
			}
			b, err := os.ReadFile(filepath.Join(out, "summary.json"))
			if err != nil {
				return r, err
			}
			return r, json.Unmarshal(b, &r.summary)
		case <-tick.C:
			r.peak = max(r.peak, residentOfTree(c.Process.Pid))
		}
	}
}

// residentOfTree sums the resident memory of a process and its children.
func residentOfTree(pid int) int64 {
	sum := resident(pid)
	for _, child := range children(pid) {
		sum += residentOfTree(child)
	}
	return sum
}

func children(pid int) []int {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var pids []int
	for _, t := range tasks {
		b, err := os.ReadFile(t)
		if err != nil {
			continue // it has ended
		}
		for f := range strings.FieldsSeq(string(b)) {
			if p, err := strconv.Atoi(f); err == nil {
				pids = append(pids, p)
			}
		}
	}
	return pids
}

func resident(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
func mib(n int64) string             { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }

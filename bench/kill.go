package main

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"recaption/schemas"
)

const killScenes = 2000

// kills ends the whole process tree with SIGKILL at ten random moments, runs
// the same command again after each, and looks at what rests in the end.
func kills(ctx context.Context, l *lab) (result, error) {
	src, err := l.scenes(ctx, "kill-scenes", "--count", fmt.Sprint(killScenes), "--seed", "13")
	if err != nil {
		return result{}, err
	}
	settings := l.folder("small-shards.yaml")
	if err := os.WriteFile(settings, []byte("cut: {rows: 64}\n"), 0o644); err != nil {
		return result{}, err
	}
	whole, err := l.recaption(ctx, src, l.folder("kill-whole"), "--config", settings)
	if err != nil {
		return result{}, err
	}
	out := l.folder("kill-out")
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	var moments []string
	for range 10 {
		// At most a third of a whole run each: some get far, some not past the start.
		after := time.Duration(random.Int64N(int64(whole.elapsed)/3)) + 300*time.Millisecond
		moments = append(moments, fmt.Sprintf("%.1f", after.Seconds()))
		if err := l.killedRun(ctx, src, out, settings, after); err != nil {
			return result{}, err
		}
	}
	last, err := l.recaption(ctx, src, out, "--config", settings)
	if err != nil {
		return result{}, err
	}
	again, err := recaptioned(filepath.Join(out, "state", "s3", "recaption", "captions"))
	if err != nil {
		return result{}, err
	}
	same, samples, err := l.sameRows(ctx, l.folder("kill-whole"), out)
	if err != nil {
		return result{}, err
	}
	verify := l.command(ctx, "shards", "verify", out).Run()
	return result{
		about: fmt.Sprintf("%d scenes in shards of 64. The process group of `recaption run` and its gateway were sent SIGKILL %s seconds after their starts, then the run was finished (%s).", killScenes, strings.Join(moments, ", "), seconds(last.elapsed)),
		table: [][]string{
			{"what", "figure", "to reach", "reached"},
			{"samples with exactly one row", fmt.Sprint(samples), fmt.Sprint(killScenes), verdict(samples == killScenes)},
			{"rows that equal those of a run that was not killed", fmt.Sprint(same), fmt.Sprint(killScenes), verdict(same == killScenes)},
			{"shards captioned again after their receipt", fmt.Sprint(again), "0", verdict(again == 0)},
			{"`recaption shards verify`", fmt.Sprint(verify == nil), "true", verdict(verify == nil)},
		},
	}, nil
}

// killedRun starts the run and kills its process tree after a while.
func (l *lab) killedRun(ctx context.Context, src, out, settings string, after time.Duration) error {
	c := l.command(ctx, "run", "--source", src, "--out", out, "--log-level", "error", "--config", settings)
	if err := c.Start(); err != nil {
		return err
	}
	timer := time.NewTimer(after)
	defer timer.Stop()
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err := <-ended:
		return err // it was done before its time
	case <-timer.C:
	}
	// The gateway is in a group of its own.
	pids := append(children(c.Process.Pid), c.Process.Pid)
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err := <-ended; err == nil {
		fmt.Fprintln(os.Stderr, "the run was done at that very moment")
	}
	return nil
}

// recaptioned counts the captions files that were written after the receipt of
// their shard.
func recaptioned(dir string) (int, error) {
	receipts := map[string]time.Time{}
	written := map[string][]time.Time{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		shard := filepath.Dir(path)
		switch filepath.Ext(path) {
		case ".json":
			receipts[shard] = info.ModTime()
		case ".arrow":
			written[shard] = append(written[shard], info.ModTime())
		}
		return nil
	})
	n := 0
	for shard, times := range written {
		for _, t := range times {
			if r, ok := receipts[shard]; ok && t.After(r) {
				n++
			}
		}
	}
	return n, err
}

// sameRows counts the samples of out that have one row, and the rows that are
// as in whole.
func (l *lab) sameRows(ctx context.Context, whole, out string) (same, samples int, err error) {
	want := map[string]schemas.CaptionRow{}
	if err := eachRow(ctx, whole, func(s schemas.Sample, c schemas.CaptionRow) error { want[s.Key] = c; return nil }); err != nil {
		return 0, 0, err
	}
	seen := map[string]int{}
	err = eachRow(ctx, out, func(s schemas.Sample, c schemas.CaptionRow) error {
		seen[s.Key]++
		if w := want[s.Key]; len(w.Captions) == len(c.Captions) && len(c.Captions) > 0 && w.Captions[0].Text == c.Captions[0].Text && w.Status == c.Status {
			same++
		}
		return nil
	})
	for _, n := range seen {
		if n == 1 {
			samples++
		}
	}
	return same, samples, err
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"recaption/bench/peers"
	"recaption/trainer/graph"
)

// step races training steps, AdamW included, against PyTorch's.
func step(ctx context.Context, l *lab) (result, error) {
	python := os.Getenv("PYTHON")
	if python == "" {
		python = "python3"
	}
	if err := exec.CommandContext(ctx, python, "-c", "import torch, transformers").Run(); err != nil {
		return result{}, errors.New("the peer needs torch 2.15 and transformers 4.57.6: set PYTHON to a Python that has them")
	}
	ours := filepath.Join(l.dir, "clip")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", ours, "./bench/peers/clip").CombinedOutput(); err != nil {
		return result{}, fmt.Errorf("build: %w: %s", err, out)
	}
	t := [][]string{{"model", "batch", "ours, images/s", "PyTorch, images/s", "ratio", "ours, MiB", "PyTorch, MiB", "to reach", "reached"}}
	for _, m := range []struct {
		preset        string
		batch, length int
		steps         int
	}{{"tiny", 128, 40, 10}, {"small", 32, 32, 10}} {
		c, err := graph.Preset(m.preset)
		if err != nil {
			return result{}, err
		}
		b, err := json.Marshal(c.WithTokens(1024, 0, 1))
		if err != nil {
			return result{}, err
		}
		config := filepath.Join(l.dir, m.preset+".json")
		if err := os.WriteFile(config, b, 0o600); err != nil {
			return result{}, err
		}
		args := []string{config, fmt.Sprint(m.batch), fmt.Sprint(m.length), fmt.Sprint(m.steps), fmt.Sprint(runtime.NumCPU())}
		rounds, err := peers.Race(ctx, 5,
			exec.CommandContext(ctx, ours, args...),
			exec.CommandContext(ctx, python, append([]string{filepath.Join(l.root, "bench/peers/clip.py")}, args...)...))
		if err != nil {
			return result{}, err
		}
		a, p := peers.Median(rounds[0]), peers.Median(rounds[1])
		images := float64(m.batch * m.steps)
		ratio := p.Seconds / a.Seconds
		t = append(t, []string{
			m.preset, fmt.Sprint(m.batch), fmt.Sprintf("%.0f", images/a.Seconds), fmt.Sprintf("%.0f", images/p.Seconds), fmt.Sprintf("%.2f", ratio),
			fmt.Sprint(a.Memory >> 10), fmt.Sprint(p.Memory >> 10), ">= 1.00, and less memory", verdict(ratio >= 1 && a.Memory < p.Memory),
		})
	}
	return result{
		about: fmt.Sprintf("A whole training step of the same CLIP model in float32 on %d threads, AdamW included (fused in PyTorch), by turns; Hugging Face's CLIPModel in PyTorch, eager. Medians of five rounds; peak memory of each process.", runtime.NumCPU()),
		table: t,
	}, nil
}

package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"recaption/internal/scenes"
	"recaption/schemas"
	"recaption/worker/vlm"
)

// golden is what PyTorch said of one scene.
type golden struct {
	Index    int     `json:"index"`
	AltText  string  `json:"alt_text"`
	TokenIDs []int32 `json:"token_ids"`
}

// goldenHead says how the scenes are drawn again.
type goldenHead struct {
	Split     scenes.Split `json:"split"`
	Seed      uint64       `json:"seed"`
	Prompt    string       `json:"prompt"`
	PromptAlt string       `json:"prompt_without_alt"`
}

// parity compares the engine's tokens with PyTorch's, which rest beside the
// captioner's training code.
func parity(ctx context.Context, l *lab) (result, error) {
	head, want, err := readGolden(filepath.Join(l.root, "models", "captioner", "golden.jsonl.gz"))
	if err != nil {
		return result{}, err
	}
	equal := 0
	err = withEngine(ctx, l.model(), func(ctx context.Context, e *vlm.Engine) error {
		set := scenes.Set{Seed: head.Seed, Split: head.Split, World: scenes.General}
		got := make([][]int32, len(want))
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(e.Busy())
		for i, w := range want {
			g.Go(func() error {
				prompt := head.PromptAlt
				if w.AltText != "" {
					prompt = strings.ReplaceAll(head.Prompt, "{alt_text}", w.AltText)
				}
				s := set.At(w.Index)
				p, err := e.Prepare(vlm.Request{Image: s.PNG(), Prompt: prompt})
				if err != nil {
					return err
				}
				c, err := e.Generate(ctx, p)
				if err != nil {
					return err
				}
				got[i] = c.TokenIDs
				if c.Finish == schemas.FinishStop { // PyTorch's don't have the stop token
					got[i] = got[i][:len(got[i])-1]
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		for i, w := range want {
			if slices.Equal(got[i], w.TokenIDs) {
				equal++
			}
		}
		return nil
	})
	if err != nil {
		return result{}, err
	}
	share := 100 * float64(equal) / float64(len(want))
	return result{
		about: "The engine, batched, against PyTorch in float32, greedy: captions whose tokens are all the same. PyTorch's tokens were written by `models/captioner/train/golden.py`.",
		table: [][]string{
			{"captions", "equal", "share", "to reach", "reached"},
			{fmt.Sprint(len(want)), fmt.Sprint(equal), fmt.Sprintf("%.2f %%", share), ">= 99.5 %", verdict(share >= 99.5)},
		},
	}, nil
}

func readGolden(path string) (goldenHead, []golden, error) {
	var head goldenHead
	f, err := os.Open(path)
	if err != nil {
		return head, nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return head, nil, fmt.Errorf("%s: %w", path, err)
	}
	d := json.NewDecoder(bufio.NewReader(z))
	if err := d.Decode(&head); err != nil {
		return head, nil, fmt.Errorf("%s: %w", path, err)
	}
	var want []golden
	for {
		var g golden
		err := d.Decode(&g)
		if err == io.EOF {
			return head, want, nil
		}
		if err != nil {
			return head, nil, fmt.Errorf("%s: %w", path, err)
		}
		want = append(want, g)
	}
}

// withEngine opens a model and runs its engine while use does.
func withEngine(ctx context.Context, dir string, use func(context.Context, *vlm.Engine) error) error {
	e, err := vlm.Open(dir, vlm.DefaultConfig())
	if err != nil {
		return err
	}
	defer e.Close()
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	go func() { defer close(ended); _ = e.Run(running) }()
	err = use(ctx, e)
	stop()
	<-ended
	return err
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"recaption/internal/recipefile"
	"recaption/schemas"
	"recaption/worker/vlm"
)

// captionLine is what recaption caption prints of one file.
type captionLine struct {
	File     string         `json:"file"`
	Text     string         `json:"text,omitempty"`
	TokenIDs []int32        `json:"token_ids,omitempty"`
	Finish   schemas.Finish `json:"finish,omitempty"`
	LogProb  float32        `json:"logprob"`
	Reason   schemas.Reason `json:"reason,omitempty"`
	Error    string         `json:"error,omitempty"`
}

func newCaptionCommand() *cobra.Command {
	var (
		model, prompt string
		tokens        int
		asJSON        bool
	)
	c := &cobra.Command{
		Use:   "caption FILE…",
		Short: "Caption image files",
		Long: `Caption image files. Captions come in the order of the files, with --json one
object a line: file, text, token_ids, finish, logprob; a file that can't be
captioned has reason and error instead, and the exit code is 3.`,
		Example: `  recaption caption --model bundled --json picture.png`,
		Args:    someArgs("image files"),
		RunE: func(c *cobra.Command, files []string) error {
			s, err := loadSettings(c.Flags())
			if err != nil {
				return err
			}
			if c.Flags().Changed("max-tokens") && tokens < 1 {
				return usagef("--max-tokens %d: want at least 1", tokens)
			}
			if c.Flags().Changed("prompt") && strings.TrimSpace(prompt) == "" {
				return usagef("--prompt: it is empty; leave it out for the model's own")
			}
			dir, err := findModel(model)
			if err != nil {
				return err
			}
			defaults, err := recipefile.Read(dir, "")
			if err != nil {
				return err
			}
			if prompt == "" {
				prompt = defaults.PlainPrompt()
			}
			overrides := map[string]any{}
			if tokens > 0 {
				overrides["max_new_tokens"] = tokens
			}
			return withEngine(c.Context(), dir, s, func(ctx context.Context, e *vlm.Engine) error {
				settings, err := e.Settings(overrides)
				if err != nil {
					return usagef("%w", err)
				}
				return captionFiles(ctx, c, e, files, vlm.Request{Prompt: prompt, Settings: &settings}, asJSON)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&model, "model", bundledModel, "model folder, or bundled, which knows drawn scenes alone")
	f.StringVar(&prompt, "prompt", "", "what the model is asked (default: the prompt for images alone of the model's recipe)")
	f.IntVar(&tokens, "max-tokens", 0, "most tokens of a caption (default: the model's)")
	f.BoolVar(&asJSON, "json", false, "print one JSON object a line")
	engineFlags(f)
	precisionFlag(f)
	return c
}

// captionFiles captions files together and prints them in their order.
func captionFiles(ctx context.Context, c *cobra.Command, e *vlm.Engine, files []string, r vlm.Request, asJSON bool) error {
	lines := make([]chan captionLine, len(files))
	for i := range lines {
		lines[i] = make(chan captionLine, 1)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(e.Busy() + 1)
	var feed sync.WaitGroup
	feed.Go(func() {
		for i, file := range files {
			g.Go(func() (err error) {
				line, err := captionFile(gctx, e, file, r)
				lines[i] <- line
				return err
			})
		}
	})
	bad := 0
	var err error
	for i := 0; i < len(lines) && err == nil; i++ {
		select {
		case line := <-lines[i]:
			if line.Error != "" {
				bad++
			}
			err = printCaption(c, line, asJSON)
		case <-gctx.Done():
			err = gctx.Err()
		}
	}
	feed.Wait()
	if failed := g.Wait(); failed != nil {
		return failed
	}
	if err == nil && bad > 0 {
		err = fmt.Errorf("%w: %d of %d files have no caption", errFindings, bad, len(files))
	}
	return err
}

func captionFile(ctx context.Context, e *vlm.Engine, file string, r vlm.Request) (captionLine, error) {
	line := captionLine{File: file}
	var err error
	if r.Image, err = os.ReadFile(file); err != nil {
		line.Reason, line.Error = schemas.ReasonMissingFile, err.Error()
		return line, nil
	}
	p, err := e.Prepare(r)
	if err == nil {
		var got vlm.Caption
		if got, err = e.Generate(ctx, p); err == nil {
			line.Text, line.TokenIDs, line.Finish, line.LogProb = got.Text, got.TokenIDs, got.Finish, got.LogProb
			return line, nil
		}
	}
	var sample *vlm.SampleError
	if errors.As(err, &sample) {
		line.Reason, line.Error = sample.Reason, err.Error()
		return line, nil
	}
	return line, fmt.Errorf("caption %s: %w", file, err)
}

func printCaption(c *cobra.Command, line captionLine, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(c.OutOrStdout()).Encode(line)
	}
	if line.Error != "" {
		_, err := fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", line.File, line.Error)
		return err
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", line.File, line.Text)
	return err
}

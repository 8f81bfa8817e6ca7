package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"recaption/gate"
	"recaption/internal/recipefile"
	"recaption/schemas"
	"recaption/shards"
)

// catOptions are the flags of recaption shards cat.
type catOptions struct {
	dataset, revision, recipe, gate, images string
	limit                                   int
}

// catLine is what recaption shards cat prints of one sample.
type catLine struct {
	Key      string          `json:"key"`
	Shard    schemas.ShardID `json:"shard"`
	Row      int             `json:"row"`
	Status   string          `json:"status"` // of the caption row; before there is one, of the sample
	Reason   schemas.Reason  `json:"reason,omitempty"`
	AltText  *string         `json:"alt_text"`
	Context  json.RawMessage `json:"context,omitempty"`
	Caption  string          `json:"caption,omitempty"` // as the gate accepts it
	Captions []catCaption    `json:"captions"`
	Image    *catImage       `json:"image,omitempty"`
}

type catCaption struct {
	Text     string             `json:"text"`
	Accepted bool               `json:"accepted"`
	Flags    []schemas.Flag     `json:"flags"`
	Prompt   string             `json:"prompt"`
	Seed     int64              `json:"seed,string"` // as text: many JSON readers round numbers of 63 bits
	Tokens   int32              `json:"tokens"`
	Finish   schemas.Finish     `json:"finish"`
	LogProb  float32            `json:"logprob"`
	Scores   map[string]float32 `json:"scores,omitempty"`
}

type catImage struct {
	MediaType string         `json:"media_type"`
	Width     int32          `json:"width"`
	Height    int32          `json:"height"`
	Bytes     int            `json:"bytes"`
	SHA256    schemas.Digest `json:"sha256"`
	File      string         `json:"file,omitempty"` // that --images wrote
}

func newShardsCatCommand() *cobra.Command {
	var o catOptions
	c := &cobra.Command{
		Use:   "cat WHERE",
		Short: "Print samples with their captions, one JSON object a line",
		Long: `Print the samples of a revision in the source's order with what a recipe made of
them, one JSON object a line: key, alt_text, status and reason, caption (the one
that the gate accepts), and all captions with prompt, seed (as text), tokens, finish,
logprob, flags and whether they are accepted. A sample that was not captioned yet
has the status that its cut gave it, and no captions.

The gate is applied as the rows are read: --gate tries another one on captions
that rest already. Of several runs the newest is printed, and standard error says
which that is; flags name another. Identifiers may be cut short.`,
		Example: `  recaption shards cat demo --limit 3
  recaption shards cat demo --gate strict.yaml | jq 'select(.caption == null)'`,
		Args: exactArgs(1, "one folder or s3://bucket/prefix"),
		RunE: func(c *cobra.Command, args []string) error {
			if o.limit < 0 {
				return usagef("--limit %d: want 0 or more", o.limit)
			}
			g, err := recipefile.ReadGate(o.gate)
			if err != nil {
				return usagef("--gate: %w", err)
			}
			return withStore(c, args[0], func(ctx context.Context, st shards.Store) (err error) {
				out := bufio.NewWriter(c.OutOrStdout())
				lines := json.NewEncoder(out)
				lines.SetEscapeHTML(false)
				return errors.Join(o.cat(ctx, st, g, lines, c.ErrOrStderr()), out.Flush())
			})
		},
	}
	f := c.Flags()
	f.StringVar(&o.dataset, "dataset", "", "the dataset to print")
	f.StringVar(&o.revision, "revision", "", "its revision")
	f.StringVar(&o.recipe, "recipe", "", "the recipe whose captions to print")
	f.StringVar(&o.gate, "gate", "", "gate file (default: see docs/gate.md)")
	f.IntVar(&o.limit, "limit", 0, "print only the first N samples; 0: all")
	f.StringVar(&o.images, "images", "", "folder to write the pictures to")
	storeFlags(f)
	return c
}

func (o catOptions) cat(ctx context.Context, st shards.Store, spec schemas.Gate, out *json.Encoder, said io.Writer) (err error) {
	what, err := o.choose(ctx, st, said)
	if err != nil {
		return err
	}
	g, err := judgeOf(ctx, st, what.recipe, spec)
	if err != nil {
		return err
	}
	var pictures *pictures
	if o.images != "" {
		if pictures, err = newPictures(o.images); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, pictures.close()) }()
	}
	n, broken := 0, 0
	var damage error
	for s, err := range revisionShards(ctx, st, what.revision) {
		if err != nil {
			return err
		}
		printed := 0
		for v, err := range readCaptioned(ctx, st, what.dataset, s, what.recipe) {
			if errors.Is(err, shards.ErrCorrupt) || errors.Is(err, shards.ErrNotFound) { // the other shards can be read
				broken++
				damage = fmt.Errorf("%w: %s can't be read whole; the last is %s, of which %d of %d rows are printed: %w; recaption shards verify lists all, with what mends them",
					errFindings, counted(broken, "shard"), s.ID.Short(), printed, s.File.Rows, err)
				break
			}
			if err != nil {
				return err
			}
			line := newCatLine(v, s.ID, g)
			if pictures != nil && v.Image != nil {
				if line.Image.File, err = pictures.write(v.Sample); err != nil {
					return err
				}
			}
			if err := out.Encode(line); err != nil {
				return err
			}
			printed++
			if n++; n == o.limit {
				return damage
			}
		}
	}
	return damage
}

// judgeOf makes the gate for the captions of a recipe; nil where there is none.
func judgeOf(ctx context.Context, st shards.Store, id schemas.RecipeID, spec schemas.Gate) (*gate.Gate, error) {
	if id == "" {
		return nil, nil
	}
	recipe, err := shards.ReadRecipe(ctx, st, id)
	if err != nil {
		return nil, err
	}
	return gate.New(spec, recipe.Prompts)
}

func newCatLine(v captionedSample, shard schemas.ShardID, g *gate.Gate) catLine {
	line := catLine{
		Key: v.Key, Shard: shard, Row: v.row, Status: string(v.Status), Reason: v.Reason,
		AltText: v.AltText, Context: v.Context, Captions: []catCaption{},
	}
	if v.Image != nil {
		line.Image = &catImage{MediaType: v.MediaType, Width: v.Width, Height: v.Height, Bytes: len(v.Image), SHA256: v.ImageSHA256}
	}
	if v.captions == nil {
		return line
	}
	line.Status, line.Reason = string(v.captions.Status), v.captions.Reason
	for _, c := range v.captions.Captions {
		verdict := g.Judge(v.AltText, c)
		if verdict.Flags == nil {
			verdict.Flags = []schemas.Flag{}
		}
		line.Captions = append(line.Captions, catCaption{
			Text: c.Text, Accepted: verdict.Accepted, Flags: verdict.Flags, Prompt: c.Prompt, Seed: c.Seed,
			Tokens: c.Tokens, Finish: c.Finish, LogProb: c.LogProb, Scores: c.Scores,
		})
	}
	if verdict, ok := g.Accepted(v.AltText, *v.captions); ok {
		line.Caption = verdict.Text
	}
	return line
}

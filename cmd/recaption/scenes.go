package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"recaption/internal/scenes"
)

func newScenesCommand() *cobra.Command {
	var (
		out, format, split, world string
		count                     int
		set                       scenes.Set
	)
	c := &cobra.Command{
		Use:   "scenes --out DIR --count N",
		Short: "Draw scenes with web-like alt-text: a data set of any size, with its truth",
		Long: `Draw pictures of one to six objects on varied backgrounds, with noisy alt-text
such as the web has, page titles, and the truth about each picture.

Equal flags give equal bytes. The folder must be new or empty.`,
		Example: `  recaption scenes --out scenes --count 2000 --format webdataset`,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			set.Split, set.World = scenes.Split(split), scenes.World(world)
			if err := set.Validate(); err != nil {
				return usagef("%w", err)
			}
			if out == "" {
				return usagef("--out: want a folder")
			}
			if count < 1 {
				return usagef("--count %d: want at least 1", count)
			}
			var err error
			switch format {
			case "webdataset":
				err = scenes.WriteWebDataset(c.Context(), out, set, count)
			case "folder":
				err = scenes.WriteFolder(c.Context(), out, set, count)
			default:
				return usagef("--format %q: want webdataset or folder", format)
			}
			if err != nil {
				return fmt.Errorf("write scenes: %w", err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d scenes in %s\n", count, out)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&out, "out", "", "folder to write to")
	f.IntVar(&count, "count", 1000, "number of scenes")
	f.Uint64Var(&set.Seed, "seed", 1, "seed of the set")
	f.StringVar(&format, "format", "webdataset", "webdataset or folder")
	f.StringVar(&split, "split", string(scenes.Test), fmt.Sprintf("one of %v", scenes.Splits))
	f.StringVar(&world, "world", string(scenes.General), "general, or families: four scenes with one bag of words")
	f.Float64Var(&set.NameShare, "name-share", 0, "share of alt-texts with a name; 0: the web's")
	return c
}

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot builds the command tree.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "recaption",
		Short: "Rewrite the captions of image-text data sets with a vision-language model",
		Long: `Recaption rewrites the captions of image-text data sets with a vision-language
model that sees the image, its alt-text and its context.

Settings come from flags, then from the environment (RECAPTION_ENGINE_DEVICE
for engine.device), then from the file that --config names. "recaption config
check" prints what would be used.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	asGroup(root)
	root.PersistentFlags().String("config", "", "settings file (YAML)")
	root.PersistentFlags().String("log-level", "", "debug, info, warn or error")
	root.PersistentFlags().String("log-format", "", "text or json")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w; see %s --help", err, c.CommandPath())
	})
	root.AddCommand(
		newRunCommand(),
		newCaptionCommand(),
		newScenesCommand(),
		newShardsCommand(),
		newModelCommand(),
		newProbeCommand(),
		newFeedCommand(),
		newTrainCommand(),
		newTrainerCommand(),
		newReportCommand(),
		newDoctorCommand(),
		newConfigCommand(),
		newVersionCommand(),
	)
	return root
}

// asGroup makes c a command that does nothing by itself: it shows its help, or
// says which of its commands was perhaps meant.
func asGroup(c *cobra.Command) {
	c.Args = cobra.ArbitraryArgs
	c.SuggestionsMinimumDistance = 2
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		hint := fmt.Sprintf("see %s --help", c.CommandPath())
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			hint = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return usagef("%s has no command %q; %s", c.CommandPath(), args[0], hint)
	}
}

// execute runs a command line. The library shows the help of the nearest
// command that it knows where --help stands behind one that there is not: that
// is an error here, as it is without --help.
func execute(ctx context.Context, root *cobra.Command) error {
	var unknown error
	help := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		if rest := c.Flags().Args(); c.HasSubCommands() && len(rest) > 0 {
			unknown = c.RunE(c, rest)
			return
		}
		help(c, args)
	})
	if err := root.ExecuteContext(ctx); err != nil {
		return err
	}
	return unknown
}

// noArgs is cobra.NoArgs with an error that says what to type.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, got %q; see %s --help", c.CommandPath(), args[0], c.CommandPath())
	}
	return nil
}

// exactArgs is cobra.ExactArgs with an error that says what to type.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("%s: want %s, got %d arguments; see %s --help", c.CommandPath(), what, len(args), c.CommandPath())
		}
		return nil
	}
}

// someArgs wants at least one argument.
func someArgs(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("%s: want %s; see %s --help", c.CommandPath(), what, c.CommandPath())
		}
		return nil
	}
}

// newLog makes the program's logger, which writes to standard error.
func newLog(s logSettings) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.Level)) // checked by settings.validate
	opts := &slog.HandlerOptions{Level: level}
	if s.Format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, opts))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opts))
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"recaption/internal/recipefile"
	"recaption/schemas"
	"recaption/shards"
	"recaption/trainer/feed"
)

// feedOptions are the flags of recaption feed.
type feedOptions struct {
	training, policy    string
	datasets            []string
	epoch, lanes        int
	window              int
	seed, skip, memory  int64
	reader, of, samples int
}

func newFeedCommand() *cobra.Command {
	var o feedOptions
	plan := feed.DefaultPlan("", 0)
	c := &cobra.Command{
		Use:   "feed WHERE --training NAME",
		Short: "Write the samples of an epoch, with the texts they show, as an Arrow stream",
		Long: `Write what one reader of a training's epoch sees to standard output, as an Arrow
IPC stream with the columns position, dataset, key, image (the file as it came),
media_type, text and kind (original or caption). trainer/torch reads it for
PyTorch; anything that reads Arrow can.

What an epoch reads is frozen in its list, so that every reader sees the same. A
list that does not rest yet is frozen from what is captioned by now when --policy
or --dataset is given; whichever reader is first freezes it for all.

Reader R of W takes the positions of the epoch's order that are R modulo W. --skip
leaves out the first K of them: to go on behind a sample at position P, that is
(P - R) / W + 1. Rows that show nothing (withdrawn, no text, no image) have a
position and no sample; at the end they are counted in the log.`,
		Example: `  recaption feed s3://captions/birds --training birds --epoch 0 --policy policy.yaml
  recaption feed demo --training demo --epoch 1 --reader 3 --of 8 --skip 500`,
		Args: exactArgs(1, "one folder or s3://bucket/prefix"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := loadSettings(c.Flags())
			if err != nil {
				return err
			}
			if err := o.check(c); err != nil {
				return err
			}
			freeze := c.Flags().Changed("policy") || c.Flags().Changed("dataset")
			return withStore(c, args[0], func(ctx context.Context, st shards.Store) error {
				return o.feed(ctx, st, s, freeze, c.OutOrStdout())
			})
		},
	}
	f := c.Flags()
	f.StringVar(&o.training, "training", "", "name of the training")
	f.IntVar(&o.epoch, "epoch", 0, "its epoch")
	f.IntVar(&o.reader, "reader", 0, "this reader's number, from 0")
	f.IntVar(&o.of, "of", 1, "number of readers")
	f.Int64Var(&o.skip, "skip", 0, "of the reader's positions, how many to leave out")
	f.Int64Var(&o.memory, "memory", 1024, "MiB of record batches to hold")
	f.IntVar(&o.samples, "rows", 64, "samples of a record batch of the stream")
	f.StringVar(&o.policy, "policy", "", "policy file for a list that is yet to be frozen (default: see docs)")
	f.StringSliceVar(&o.datasets, "dataset", nil, "datasets of a list that is yet to be frozen (default: all that runs were launched on)")
	f.Int64Var(&o.seed, "seed", 0, "seed of a list that is yet to be frozen")
	f.IntVar(&o.lanes, "lanes", plan.Lanes, "lanes of such a list: best a multiple of the readers")
	f.IntVar(&o.window, "window", plan.Window, "record batches that a lane of such a list shuffles together")
	storeFlags(f)
	return c
}

func (o feedOptions) check(c *cobra.Command) error {
	if o.training == "" {
		return usagef("%s: want --training NAME", c.CommandPath())
	}
	if _, err := schemas.ParseTrainingID(o.training); err != nil {
		return usagef("--training: %w", err)
	}
	for _, n := range []struct {
		flag         string
		value, least int64
	}{
		{"epoch", int64(o.epoch), 0}, {"skip", o.skip, 0}, {"of", int64(o.of), 1}, {"reader", int64(o.reader), 0},
		{"memory", o.memory, 1}, {"rows", int64(o.samples), 1}, {"lanes", int64(o.lanes), 1}, {"window", int64(o.window), 1},
	} {
		if n.value < n.least {
			return usagef("--%s %d: want %d or more", n.flag, n.value, n.least)
		}
	}
	if o.reader >= o.of {
		return usagef("--reader %d --of %d: readers are counted from 0", o.reader, o.of)
	}
	return nil
}

// feed writes the reader's samples to w.
func (o feedOptions) feed(ctx context.Context, st shards.Store, s settings, freeze bool, w io.Writer) error {
	l, err := o.list(ctx, st, s, freeze)
	if err != nil {
		return err
	}
	cfg := feed.DefaultReaderConfig()
	cfg.Reader, cfg.Of, cfg.Bytes = o.reader, o.of, o.memory<<20
	r, err := feed.Open(ctx, st, l, cfg, newLog(s.Log))
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(w, 1<<20)
	out := newFeedStream(buffered, l, o.samples)
	defer out.release()
	for sample, err := range r.Samples(ctx, r.Start(o.skip)) {
		if err != nil {
			return err
		}
		if err := out.add(sample); err != nil {
			return fmt.Errorf("write the stream: %w", err)
		}
	}
	if err := errors.Join(out.close(), buffered.Flush()); err != nil {
		return fmt.Errorf("write the stream: %w", err)
	}
	n := r.Counts()
	newLog(s.Log).Info("epoch read", "training", o.training, "epoch", o.epoch, "reader", o.reader, "of", o.of, "shown", n.Shown, "left_out", n.Skipped)
	return nil
}

// list reads the epoch's list, or freezes it.
func (o feedOptions) list(ctx context.Context, st shards.Store, s settings, freeze bool) (schemas.EpochList, error) {
	training := schemas.TrainingID(o.training)
	if !freeze {
		l, err := shards.ReadEpoch(ctx, st, training, o.epoch)
		if errors.Is(err, shards.ErrNotFound) {
			err = usagef("epoch %d of training %s is not frozen; --policy or --dataset freezes it from what is captioned by now", o.epoch, training)
		}
		return l, err
	}
	policy, err := recipefile.ReadPolicy(o.policy)
	if err != nil {
		return schemas.EpochList{}, usagef("%w", err)
	}
	datasets := make([]schemas.DatasetID, len(o.datasets))
	for i, d := range o.datasets {
		if datasets[i], err = schemas.ParseDatasetID(d); err != nil {
			return schemas.EpochList{}, usagef("--dataset: %w", err)
		}
	}
	sources, err := feed.Sources(ctx, st, datasets...)
	if err != nil {
		return schemas.EpochList{}, err
	}
	c, err := feed.NewCatalogue(st, sources, policy, newLog(s.Log))
	if err != nil {
		return schemas.EpochList{}, err
	}
	if _, err := shards.ReadEpoch(ctx, st, training, o.epoch); errors.Is(err, shards.ErrNotFound) {
		if err := c.List(ctx); err != nil {
			return schemas.EpochList{}, err
		}
	} // else there is nothing to freeze
	plan := feed.DefaultPlan(training, o.epoch)
	plan.Seed, plan.Lanes, plan.Window = o.seed, o.lanes, o.window
	return c.Freeze(ctx, plan)
}

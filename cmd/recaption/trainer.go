package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"recaption/internal/jetstream"
	"recaption/internal/ort"
	"recaption/schemas"
	"recaption/shards"
	"recaption/trainer/feed"
	"recaption/trainer/train"
)

func newTrainerCommand() *cobra.Command {
	var o trainOptions
	c := &cobra.Command{
		Use:   "trainer WHERE --train FILE --nats URL",
		Short: "Train on shards as they are finished",
		Long: `Train as recaption train does, while captioning goes on: begin when the first
shards are finished, learn of further ones from NATS, and take them into the list
of the next epoch. It ends when FILE's steps are done.`,
		Example: "  recaption trainer s3://captions/cc12m --train vit-b-32.yaml --nats nats://nats:4222 --device cuda:0",
		Args:    exactArgs(1, "one folder or s3://bucket/prefix"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := loadSettings(c.Flags())
			if err != nil {
				return err
			}
			if o.file == "" || s.NATS.URL == "" {
				return usagef("%s: want --train FILE and --nats URL", c.CommandPath())
			}
			log := newLog(s.Log)
			p, err := prepare(o.file, s.Engine.Device)
			if err != nil {
				return err
			}
			return withStore(c, args[0], func(ctx context.Context, st shards.Store) (err error) {
				conn, err := jetstream.Connect(ctx, s.NATS.config("recaption-trainer"), log)
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, conn.Close()) }()
				sources, err := feed.Sources(ctx, st, p.Datasets...)
				if err != nil {
					return err
				}
				r, err := o.alongside(ctx, st, conn, p, sources, log)
				if err != nil {
					return err
				}
				o.print(c, r)
				return nil
			})
		},
	}
	o.flags(c)
	c.Flags().String("nats", "", "URL of the NATS server (default: nats.url)")
	return c
}

// alongside trains while shards are being finished: from the first of them on,
// with those of each moment in an epoch's list.
func (o trainOptions) alongside(ctx context.Context, st shards.Store, conn *jetstream.Conn, p prepared, sources []feed.Source, log *slog.Logger) (train.Record, error) {
	if err := ort.Open(""); err != nil {
		return train.Record{}, err
	}
	c, err := feed.NewCatalogue(st, sources, p.Policy, log)
	if err != nil {
		return train.Record{}, err
	}
	var follow jetstream.Follow
	if len(sources) == 1 {
		follow.Dataset = sources[0].Dataset
	}
	events, err := conn.Subscribe(ctx, processName(), follow) // before the catalogue lists what rests
	if err != nil {
		return train.Record{}, err
	}
	following, done := context.WithCancel(ctx)
	g, working := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := c.Follow(following, feed.Announced(events))
		if following.Err() != nil && ctx.Err() == nil {
			return nil // the training has ended
		}
		return err
	})
	var r train.Record
	g.Go(func() (err error) {
		defer done()
		if err := c.Wait(working, int64(p.Batch)); err != nil {
			return err
		}
		r, err = o.run(working, st, p, sources, c, log)
		return err
	})
	err = g.Wait()
	done()
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("training %s stopped; it goes on from its last checkpoint when the same command runs again: %w", p.Name, context.Canceled)
	}
	return r, err
}

// training reads the training file of a run that has one.
func (o runOptions) training(s settings) (*prepared, error) {
	if o.train == "" {
		return nil, nil
	}
	p, err := prepare(o.train, s.Engine.Device)
	return &p, err
}

// reportTraining writes the page of one training into a folder.
func reportTraining(ctx context.Context, w io.Writer, st shards.Store, name schemas.TrainingID, dir string) error {
	o := reportOptions{trainings: []string{string(name)}, out: dir}
	r, err := o.collect(ctx, st)
	if err != nil {
		return err
	}
	return o.write(w, r)
}

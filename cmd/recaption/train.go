package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"recaption/internal/machine"
	"recaption/internal/ort"
	"recaption/internal/recipefile"
	"recaption/models"
	"recaption/schemas"
	"recaption/shards"
	"recaption/trainer/feed"
	"recaption/trainer/graph"
	"recaption/trainer/optim"
	"recaption/trainer/train"
)

// trainOptions are the flags of recaption train.
type trainOptions struct {
	file   string
	export string
	memory int64
}

func newTrainCommand() *cobra.Command {
	var o trainOptions
	c := &cobra.Command{
		Use:   "train WHERE --train FILE",
		Short: "Train a two-tower model on what is captioned",
		Long: `Train a CLIP model on the finished shards in WHERE: the folder of a run, a folder
of objects, or s3://bucket/prefix. FILE says which model, for how many steps, and
which text each sample shows; docs/training.md has all of its keys.

Checkpoints, the trained model and a record of the training rest below
training/NAME in WHERE. Whatever ends a training, the same command goes on where
it stopped, and ends with the same weights, bit for bit.`,
		Example: `  recaption train demo --train trainer/loop/enhanced.yaml --export towers
  recaption train s3://captions/cc12m --train vit-b-32.yaml --device cuda:0`,
		Args: exactArgs(1, "one folder or s3://bucket/prefix"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := loadSettings(c.Flags())
			if err != nil {
				return err
			}
			if o.file == "" {
				return usagef("%s: want --train FILE", c.CommandPath())
			}
			return withStore(c, args[0], func(ctx context.Context, st shards.Store) error {
				r, err := o.train(ctx, st, s, newLog(s.Log))
				if err != nil {
					return err
				}
				o.print(c, r)
				return nil
			})
		},
	}
	o.flags(c)
	return c
}

func newTrainOptions() trainOptions { return trainOptions{memory: 512} }

func (o *trainOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.file, "train", "", "training file")
	f.StringVar(&o.export, "export", "", "folder for the trained model too, in the layout of public CLIP exports")
	f.Int64Var(&o.memory, "memory", newTrainOptions().memory, "MiB of record batches to hold")
	f.String("device", "", "cpu or cuda:N (default: engine.device, cpu)")
	storeFlags(f)
}

// print says what was trained.
func (o trainOptions) print(c *cobra.Command, r train.Record) {
	fmt.Fprintf(c.OutOrStdout(), "training %s: %d steps, %d parameters, loss %.3f\n", r.Training, r.Optimizer.Steps, r.Parameters, lastLoss(r.Curve))
}

func lastLoss(curve []train.Point) float64 {
	if len(curve) == 0 {
		return 0
	}
	return curve[len(curve)-1].Loss
}

// prepared is a training as its file asks for it.
type prepared struct {
	recipefile.Training
	tokens train.Tokens
	cfg    train.Config
	batch  feed.BatchConfig
}

// prepare reads the training file and all that it names.
func prepare(path, device string) (prepared, error) {
	t, err := recipefile.ReadTraining(path)
	if err != nil {
		return prepared{}, usagef("--train: %w", err)
	}
	p := prepared{Training: t}
	if p.tokens, err = readTokens(t.Tokenizer); err != nil {
		return prepared{}, usagef("--train: tokenizer: %w", err)
	}
	model, err := readModel(t.Model, p.tokens)
	if err != nil {
		return prepared{}, usagef("--train: %w", err)
	}
	if p.Policy.Context == 0 {
		p.Policy.Context = model.Text.Context
	}
	if p.Policy.Context > model.Text.Context {
		return prepared{}, usagef("--train: policy.context %d: the model reads %d tokens", p.Policy.Context, model.Text.Context)
	}
	_, id, err := p.Policy.Encode()
	if err != nil {
		return prepared{}, usagef("--train: %w", err)
	}
	d, err := ort.ParseDevice(device)
	if err != nil {
		return prepared{}, usagef("--device: %w", err)
	}
	p.cfg = train.Config{
		Name: t.Name, Model: model, Loss: graph.Loss(t.Loss), Optimizer: optimizer(t), Batch: t.Batch, Part: t.Part, Negatives: t.Negatives,
		Seed: uint64(t.Seed), Data: fmt.Sprint(id, t.Seed, t.Order, t.Augment, t.Datasets, schemas.Sum(p.tokens.JSON)),
		Device: d, CheckpointEvery: t.Checkpoint.Every, Keep: t.Checkpoint.Keep, PointEvery: 10,
	}
	if err := p.cfg.Validate(); err != nil {
		return prepared{}, usagef("--train %s: %w", path, err)
	}
	pixels := feed.CLIPPixels(model.Vision.Image)
	if t.Augment {
		pixels.Crop = feed.OpenCLIPCrop()
	}
	p.batch = feed.BatchConfig{
		Rows: t.Batch, Pixels: pixels, Negatives: t.Negatives, Ahead: 2,
		Tokens: feed.Tokens{Tokenizer: p.tokens.Tokenizer, Context: p.Policy.Context, Pad: int64(p.tokens.EOS)},
	}
	if err := p.batch.Validate(); err != nil {
		return prepared{}, usagef("--train %s: %w", path, err)
	}
	return p, nil
}

// optimizer is the file's, over the defaults.
func optimizer(t recipefile.Training) optim.Config {
	o, f := optim.DefaultConfig(), t.Optimizer
	o.Method, o.Steps, o.Warmup = optim.Muon, t.Steps, min(o.Warmup, t.Steps/10)
	if f.Method != "" {
		o.Method = optim.Method(f.Method)
	}
	for _, v := range []struct {
		from *float64
		to   *float64
	}{
		{f.Rate, &o.Rate}, {f.MuonRate, &o.MuonRate}, {f.Floor, &o.Floor}, {f.Decay, &o.Decay}, {f.Beta1, &o.Beta1},
		{f.Beta2, &o.Beta2}, {f.Epsilon, &o.Epsilon}, {f.Momentum, &o.Momentum}, {f.Clip, &o.Clip},
	} {
		if v.from != nil {
			*v.to = *v.from
		}
	}
	if f.Warmup != nil {
		o.Warmup = *f.Warmup
	}
	return o
}

// readTokens reads a tokenizer.json, or the bundled captioner's.
func readTokens(where string) (train.Tokens, error) {
	if where == "bundled" {
		dir, err := models.Unpack()
		if err != nil {
			return train.Tokens{}, err
		}
		where = dir
	}
	if info, err := os.Stat(where); err == nil && info.IsDir() {
		where = filepath.Join(where, "tokenizer.json")
	}
	b, err := os.ReadFile(where)
	if err != nil {
		return train.Tokens{}, err
	}
	return train.NewTokens(b)
}

// readModel reads a preset's or a file's shape, with the tokenizer's tokens.
func readModel(where string, t train.Tokens) (graph.Config, error) {
	if slices.Contains(graph.Presets(), where) {
		c, err := graph.Preset(where)
		return c.WithTokens(t.Size, t.BOS, t.EOS), err
	}
	b, err := os.ReadFile(where)
	if errors.Is(err, os.ErrNotExist) {
		_, err = graph.Preset(where) // which names those there are
	}
	if err != nil {
		return graph.Config{}, err
	}
	c, err := graph.ParseConfig(b)
	if err == nil && c.Text.Vocab < t.Size {
		err = fmt.Errorf("%s: vocab_size %d: the tokenizer has %d tokens", where, c.Text.Vocab, t.Size)
	}
	return c, err
}

// train trains on what rests, saves the model and gives the record.
func (o trainOptions) train(ctx context.Context, st shards.Store, s settings, log *slog.Logger) (train.Record, error) {
	p, err := prepare(o.file, s.Engine.Device)
	if err != nil {
		return train.Record{}, err
	}
	if err := ort.Open(""); err != nil {
		return train.Record{}, err
	}
	sources, err := feed.Sources(ctx, st, p.Datasets...)
	if err != nil {
		return train.Record{}, err
	}
	c, err := feed.NewCatalogue(st, sources, p.Policy, log)
	if err != nil {
		return train.Record{}, err
	}
	if err := c.List(ctx); err != nil {
		return train.Record{}, err
	}
	return o.run(ctx, st, p, sources, c, log)
}

// run trains on what the catalogue has, and saves what came of it.
func (o trainOptions) run(ctx context.Context, st shards.Store, p prepared, sources []feed.Source, c *feed.Catalogue, log *slog.Logger) (train.Record, error) {
	var reader *feed.Reader
	epochs := feed.Epochs{
		Store: st, Training: p.Name, Batch: p.batch,
		Open: func(ctx context.Context, epoch int, cutShort int64) (*feed.Reader, error) {
			l, err := p.list(ctx, st, c, epoch, cutShort)
			if err != nil {
				return nil, err
			}
			cfg := feed.DefaultReaderConfig()
			cfg.Bytes = o.memory << 20
			log.Info("epoch begins", "training", p.Name, "epoch", epoch, "rows", l.Rows(), "shards", len(l.Entries))
			reader, err = feed.Open(ctx, st, l, cfg, log)
			return reader, err
		},
		Leave: func(ctx context.Context, l schemas.EpochList) (bool, error) { return feed.Withdrawn(ctx, st, l) },
		Pause: 10 * time.Second,
	}
	result, err := train.Run(ctx, st, p.cfg, epochs, log, nil)
	if err != nil {
		return train.Record{}, err
	}
	defer result.Model.Close()
	files, err := train.Export(result.Model, p.tokens)
	if err != nil {
		return train.Record{}, err
	}
	if o.export != "" {
		if err := train.WriteFolder(o.export, files); err != nil {
			return train.Record{}, err
		}
	}
	r, err := p.record(ctx, st, sources, result)
	if err != nil {
		return train.Record{}, err
	}
	if reader != nil {
		counts := reader.Counts()
		r.Rows, r.Skipped, r.Shown = reader.List().Rows(), counts.Skipped, map[string]int64{}
		for k, n := range counts.Shown {
			r.Shown[string(k)] = n
		}
	}
	r.SetAside = c.Stats().SetAside
	return r, train.Save(ctx, st, r, files)
}

// list gives the list of an epoch: the one that rests, or one frozen now.
func (p prepared) list(ctx context.Context, st shards.Store, c *feed.Catalogue, epoch int, cutShort int64) (schemas.EpochList, error) {
	plan := feed.DefaultPlan(p.Name, epoch)
	plan.Seed, plan.CutShort, plan.Uncaptioned = p.Seed, cutShort, p.Policy.OriginalFraction > 0
	if p.Order.Lanes > 0 {
		plan.Lanes = p.Order.Lanes
	}
	if p.Order.Window > 0 {
		plan.Window = p.Order.Window
	}
	return c.Freeze(ctx, plan)
}

// record says what was trained.
func (p prepared) record(ctx context.Context, st shards.Store, sources []feed.Source, result train.Result) (train.Record, error) {
	settings, err := p.cfg.Settings()
	if err != nil {
		return train.Record{}, err
	}
	_, id, err := p.Policy.Encode()
	if err != nil {
		return train.Record{}, err
	}
	runtime, err := ort.Describe()
	if err != nil {
		return train.Record{}, err
	}
	r := train.Record{
		Training: p.Name, Model: p.cfg.Model, Loss: p.cfg.Loss, Optimizer: p.cfg.Optimizer, Batch: p.Batch, Part: p.Part, Negatives: p.Negatives,
		Augment: p.Augment, Seed: p.cfg.Seed, Policy: p.Policy, PolicyID: id, Settings: settings, Epochs: result.Last.Epoch + 1, Curve: result.Curve,
		Finished: time.Now().UTC().Truncate(time.Second), PeakMemory: machine.PeakMemory(), Program: programVersion(), Runtime: runtime.Version,
	}
	for _, t := range result.Model.Tensors {
		r.Parameters += t.Size()
	}
	for _, src := range sources {
		d, err := shards.ReadDataset(ctx, st, src.Dataset, src.Revision)
		if err != nil {
			return train.Record{}, err
		}
		r.Datasets = append(r.Datasets, d)
	}
	return r, nil
}

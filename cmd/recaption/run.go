package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"recaption/coordinator"
	"recaption/coordinator/source"
	"recaption/internal/recipefile"
	"recaption/schemas"
	"recaption/shards/s3store"
	"recaption/trainer/feed"
	"recaption/worker"
	"recaption/worker/vlm"
)

// runOptions are the flags of recaption run that are not settings.
type runOptions struct {
	source, dataset, model, recipe, gate, out, state string
	train                                            string
	limit                                            int
	json                                             bool
}

func newRunCommand() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run --source X --out DIR|s3://…",
		Short: "Recaption a data set on this machine, from its source to committed captions",
		Long: `Recaption a data set with all roles in one process: cut the source into shards,
caption them, commit the captions, and sum up.

With --out DIR, NATS and an S3 gateway run inside, and everything is kept below
the folder: the objects in DIR/state/s3, DIR/summary.json and DIR/gallery.html.
With --out s3://bucket/prefix the objects go there.

Whatever ends a run, the same command goes on where it stopped: no shard is
captioned again after its receipt.`,
		Example: `  recaption run --source data/ --model bundled --out recaptioned
  recaption run --source 's3://pairs/cc12m/' --model ./smolvlm --recipe recipe.yaml --out s3://captions/cc12m --limit 1000`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := loadSettings(c.Flags())
			if err != nil {
				return err
			}
			return o.run(c, s)
		},
	}
	f := c.Flags()
	f.StringVar(&o.source, "source", "", "folder or pattern (*, {0000..0099}) of tars, folder of images, or s3://bucket/prefix of tars")
	f.StringVar(&o.dataset, "dataset", "", "name of the dataset (default: from the source)")
	f.StringVar(&o.model, "model", bundledModel, "model folder, or bundled, which knows drawn scenes alone")
	f.StringVar(&o.recipe, "recipe", "", "recipe file (default: the model's own, or a plain one)")
	f.StringVar(&o.gate, "gate", "", "gate file (default: see docs/gate.md)")
	f.StringVar(&o.train, "train", "", "training file: train on shards as they are finished, and report in DIR/report.html")
	f.StringVar(&o.out, "out", "", "folder or s3://bucket/prefix for the results")
	f.StringVar(&o.state, "state", "", "folder of the embedded services (default: DIR/state, or below the cache folder)")
	f.IntVar(&o.limit, "limit", 0, "take only the first N samples; 0: all")
	f.BoolVar(&o.json, "json", false, "print the summary as JSON")
	storeFlags(f)
	f.String("nats", "", "URL of a NATS server (default: one runs inside)")
	f.Int("slots", 0, "jobs in hand (default: worker.slots, 2)")
	f.Duration("drain", 0, "time to finish jobs in hand after the first signal (default: worker.drain, 25s)")
	engineFlags(f)
	precisionFlag(f)
	return c
}

func (o runOptions) run(c *cobra.Command, s settings) error {
	ctx, log := c.Context(), newLog(s.Log)
	began := time.Now()
	if o.source == "" {
		return usagef("--source: want a folder, a glob of tars, or s3://bucket/prefix")
	}
	if o.limit < 0 {
		return usagef("--limit %d: want 0 or more", o.limit)
	}
	where, err := parseOut(o.out, o.state)
	if err != nil {
		return err
	}
	if err := checkStoreFlags(c.Flags(), o.source, o.out); err != nil {
		return err
	}
	if sameFolder(o.source, where.dir) {
		return usagef("--out %s is the source: name another folder for the results", o.out)
	}
	dataset, err := datasetName(o.dataset, o.source)
	if err != nil {
		return err
	}
	g, err := recipefile.ReadGate(o.gate)
	if err != nil {
		return usagef("--gate: %w", err)
	}
	training, err := o.training(s)
	if err != nil {
		return err
	}
	dir, err := findModel(o.model)
	if err != nil {
		return err
	}
	file, err := recipefile.Read(dir, o.recipe)
	if err != nil {
		return usagef("--recipe: %w", err)
	}
	warnOfVariables(log, file.Variables())
	sources := sourceConfig(s)
	src, err := source.Open(ctx, o.source, sources)
	if err != nil {
		return withoutCredentials(asUsage(err, source.ErrNoSource), bucketOf(o.source), s)
	}
	return withEngine(ctx, dir, s, func(ctx context.Context, e *vlm.Engine) (err error) {
		recipe, err := file.Resolve(e)
		if err != nil {
			return usagef("--recipe: %w", err)
		}
		b, err := openBackends(ctx, where, s, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.close()) }()
		model, err := recipe.Model.ID()
		if err != nil {
			return err
		}
		spec := coordinator.Spec{
			Dataset: dataset, Source: o.source, Limit: o.limit,
			Cut:    schemas.CutLimits{Rows: s.Cut.Rows, Bytes: s.Cut.Bytes},
			Recipe: recipe, Gate: g,
			// Workers of one pool run one model: jobs that another run left
			// in the queue wait for theirs.
			Pool: schemas.Pool(s.Worker.Pool + "-" + model.String()[:8]),
		}
		run, err := coordinator.Launch(ctx, b.store, src, spec)
		if err != nil {
			return err
		}
		log.Info("run launched", "run", run.ID, "revision", run.Dataset.Revision, "recipe", run.Recipe.Short(), "parts", run.Dataset.Parts, "resumed", run.Resumed)
		progress, err := o.follow(ctx, b, s, where, run, src, e, training, log)
		if err != nil {
			return where.explain(err)
		}
		ctx = context.WithoutCancel(ctx) // a run that a signal let finish is summed up as any other
		sum := newSummary(o, run, progress, time.Since(began))
		if sum.Note, err = noteOfModel(ctx, b.store, revisionOf(run), o.model); err != nil {
			return err
		}
		if err := o.finish(ctx, c, b, where, run, sum); err != nil {
			return err
		}
		if training != nil && where.dir != "" {
			if err := reportTraining(ctx, c.OutOrStdout(), b.store, training.Name, where.dir); err != nil {
				return err
			}
		}
		return checkPrompts(ctx, b.store, run, progress, file.Variables(), log)
	})
}

// follow runs the roles until the coordinator has seen the run through.
func (o runOptions) follow(ctx context.Context, b *backends, s settings, where place, run coordinator.Run, src source.Source, e *vlm.Engine, training *prepared, log *slog.Logger) (coordinator.Progress, error) {
	shown := newView(os.Stderr, log)
	defer shown.done()
	cfg := coordinator.DefaultConfig()
	cfg.Name = processName()
	cfg.Cutters, cfg.Spool, cfg.Program, cfg.Source, cfg.Shown = s.Cut.Parts, where.spool(), programVersion(), sourceConfig(s),
		warnOfModel(ctx, b.store, revisionOf(run), o.model, log, shown.show)
	cfg.Lease.AckWait = s.Worker.Lease
	co, err := coordinator.New(b.store, b.conn, cfg, log)
	if err != nil {
		return coordinator.Progress{}, err
	}
	if err := co.Ensure(ctx, run.Pool); err != nil {
		return coordinator.Progress{}, err
	}
	leases := co.Free // the embedded server is ours alone
	if s.NATS.URL != "" {
		leases = co.TellLeases
	}
	if err := leases(ctx, run.Pool); err != nil {
		return coordinator.Progress{}, err
	}
	queue, err := b.conn.Jobs(run.Pool)
	if err != nil {
		return coordinator.Progress{}, err
	}
	wcfg := worker.DefaultConfig()
	wcfg.Name = processName()
	wcfg.Slots, wcfg.Samples, wcfg.Drain, wcfg.Spool, wcfg.Program = s.Worker.Slots, s.Worker.Samples, s.Worker.Drain, where.spool(), programVersion()
	w, err := worker.New(b.store, queue, b.conn, e, wcfg, log)
	if err != nil {
		return coordinator.Progress{}, err
	}
	// When ctx ends the worker finishes what is in hand, and the coordinator
	// counts that too, so it ends behind the worker.
	working, endWork := context.WithCancelCause(ctx)
	following, endFollowing := context.WithCancelCause(context.WithoutCancel(ctx))
	heed := context.AfterFunc(ctx, func() { tellStopping(log, context.Cause(ctx), s.Worker.Drain) })
	defer heed()
	var group errgroup.Group
	var progress coordinator.Progress
	trainingOn, endTraining := context.WithCancelCause(ctx)
	defer endTraining(nil)
	group.Go(func() (err error) {
		progress, err = co.Run(following, run, src)
		endWork(err)
		if err != nil {
			endTraining(err)
		}
		return err
	})
	if training != nil {
		group.Go(func() error {
			_, err := newTrainOptions().alongside(trainingOn, b.store, b.conn, *training, []feed.Source{{Dataset: run.Dataset.Dataset, Revision: run.Dataset.Revision}}, log)
			return err
		})
	}
	group.Go(func() error {
		err := w.Run(working)
		endFollowing(cmp.Or(err, context.Canceled))
		return err
	})
	group.Go(func() error {
		err := b.watch(working)
		if err != nil {
			endWork(err)
			endFollowing(err)
		}
		return err
	})
	err = group.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = &stoppedError{fmt.Sprintf("stopped at %d of %d rows; run the same command again to go on", progress.Rows, progress.Samples)}
	}
	return progress, err
}

// explain says of a full disk which folder lies on it: the store over it knows
// of no folders.
func (p place) explain(err error) error {
	if p.dir == "" || !errors.Is(err, s3store.ErrNoSpace) {
		return err
	}
	return fmt.Errorf("no space left in %s: make room there, and run the same command again to go on", p.state)
}

// tellStopping says why the run stops: a signal's cause is context.Canceled,
// any other is the engine's.
func tellStopping(log *slog.Logger, cause error, drain time.Duration) {
	if errors.Is(cause, context.Canceled) {
		log.Info("stopping: jobs in hand are finished first; once more to stop at once", "drain", drain)
		return
	}
	log.Error("stopping: the engine has ended, and jobs in hand are handed back", "err", cause)
}

// processName tells this process from all others that use the same servers.
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	return nameOf(host)
}

// nameOf names a process of a host anew with each call. What tells the pods of
// one set apart stands at the end of their names, so that is kept, and as
// process numbers are alike in containers, eight random characters follow.
func nameOf(host string) string {
	const most = 50
	host = unnameable.ReplaceAllString(strings.ToLower(host), "-")
	host = strings.Trim(host[max(0, len(host)-most):], "-_")
	return cmp.Or(host, "host") + "-" + strings.ToLower(rand.Text()[:8])
}

// finish writes and prints what came of the run.
func (o runOptions) finish(ctx context.Context, c *cobra.Command, b *backends, where place, run coordinator.Run, sum summary) error {
	if where.dir != "" {
		if err := sum.write(filepath.Join(where.dir, "summary.json")); err != nil {
			return err
		}
		if err := writeGallery(ctx, filepath.Join(where.dir, "gallery.html"), b.store, run, sum); err != nil {
			return err
		}
	}
	return sum.print(c.OutOrStdout(), where, o.json)
}

var unnameable = regexp.MustCompile(`[^a-z0-9_-]+`)

// datasetName checks a name, or makes one of the last element of the source
// that is no pattern.
func datasetName(name, where string) (schemas.DatasetID, error) {
	if name == "" {
		path, isBucket := strings.CutPrefix(where, "s3://")
		if abs, err := filepath.Abs(where); err == nil && !isBucket {
			path = abs
		}
		for e := range strings.SplitSeq(path, "/") {
			if strings.ContainsAny(e, "*?[{}") {
				continue
			}
			e, _, _ = strings.Cut(e, ".")
			e = strings.Trim(unnameable.ReplaceAllString(strings.ToLower(e), "-"), "-_")
			if e != "" {
				name = e[:min(len(e), 63)]
			}
		}
		if name == "" {
			return "", usagef("--source %s gives the dataset no name; name it by --dataset", where)
		}
	}
	id, err := schemas.ParseDatasetID(name)
	if err != nil {
		return "", usagef("--dataset: %w", err)
	}
	return id, nil
}

// sameFolder reports whether two paths name one folder that is there.
func sameFolder(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	left, err := os.Stat(a)
	right, other := os.Stat(b)
	return err == nil && other == nil && os.SameFile(left, right)
}

// asUsage marks an error as one about what the user typed when it is target.
func asUsage(err, target error) error {
	if errors.Is(err, target) {
		return &usageError{err}
	}
	return err
}

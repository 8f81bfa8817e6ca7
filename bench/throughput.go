package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"recaption/coordinator"
	"recaption/coordinator/source"
	"recaption/internal/embedded"
	"recaption/internal/jetstream"
	"recaption/internal/recipefile"
	"recaption/schemas"
	"recaption/shards/s3store"
	"recaption/worker"
	"recaption/worker/vlm"
)

const (
	throughputScenes = 2000
	throughputRounds = 3
)

// throughput compares a worker on real jobs (embedded NATS and S3 gateway,
// reading, decoding, gating, committing) with the same engine fed with tensors
// that were prepared before. The two take turns.
func throughput(ctx context.Context, l *lab) (result, error) {
	src, err := l.scenes(ctx, "throughput-scenes", "--count", fmt.Sprint(throughputScenes), "--seed", "3")
	if err != nil {
		return result{}, err
	}
	var jobs, ready []float64
	err = withEngine(ctx, l.model(), func(ctx context.Context, e *vlm.Engine) error {
		prepared, err := prepareAll(ctx, l, e, src)
		if err != nil {
			return err
		}
		for n := range throughputRounds {
			r, err := generateAll(ctx, e, prepared)
			if err != nil {
				return err
			}
			j, err := workAll(ctx, l, e, src, n)
			if err != nil {
				return err
			}
			ready, jobs = append(ready, r), append(jobs, j)
		}
		return nil
	})
	if err != nil {
		return result{}, err
	}
	t := [][]string{{"round", "engine on ready tensors, captions/s", "worker on real jobs, captions/s", "ratio"}}
	var sumReady, sumJobs float64
	for i := range jobs {
		sumReady += 1 / ready[i]
		sumJobs += 1 / jobs[i]
		t = append(t, []string{fmt.Sprint(i + 1), fmt.Sprintf("%.1f", ready[i]), fmt.Sprintf("%.1f", jobs[i]), fmt.Sprintf("%.1f %%", 100*jobs[i]/ready[i])})
	}
	n := float64(len(jobs))
	ratio := 100 * sumReady / sumJobs
	t = append(t, []string{"all", fmt.Sprintf("%.1f", n/sumReady), fmt.Sprintf("%.1f", n/sumJobs), fmt.Sprintf("**%.1f %%** (to reach: 90 %%; reached: %s)", ratio, verdict(ratio >= 90))})
	return result{
		about: fmt.Sprintf("%d scenes, the bundled captioner on the CPU. The worker's time runs from its first job to its last receipt and has everything in it: reading from the gateway, PNG decoding, tokenising, gate, Arrow, commits, events; all on the same cores that the engine uses.", throughputScenes),
		table: t,
	}, nil
}

// benchRecipe is the default recipe of the bundled captioner.
func benchRecipe(l *lab, e *vlm.Engine) (schemas.Recipe, error) {
	file, err := recipefile.Read(l.model(), "")
	if err != nil {
		return schemas.Recipe{}, err
	}
	return file.Resolve(e)
}

// prepareAll reads the source's samples and prepares them.
func prepareAll(ctx context.Context, l *lab, e *vlm.Engine, dir string) ([]*vlm.Prepared, error) {
	src, err := source.Open(ctx, dir, source.Config{})
	if err != nil {
		return nil, err
	}
	recipe, err := benchRecipe(l, e)
	if err != nil {
		return nil, err
	}
	var all []*vlm.Prepared
	for p, err := range src.Parts(ctx) {
		if err != nil {
			return nil, err
		}
		var report source.Report
		for s, err := range src.Read(ctx, p, &report) {
			if err != nil {
				return nil, err
			}
			in, ok := recipe.Render(s, e.Clean)
			if !ok {
				return nil, fmt.Errorf("no prompt for %s", s.Key)
			}
			one, err := e.Prepare(vlm.Request{Image: s.Image, Prompt: in.Text})
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// generateAll captions ready tensors and gives captions a second.
func generateAll(ctx context.Context, e *vlm.Engine, all []*vlm.Prepared) (float64, error) {
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2*e.Busy() + 2) // as many as a worker has in flight
	for _, p := range all {
		g.Go(func() error {
			_, err := e.Generate(ctx, p)
			return err
		})
	}
	err := g.Wait()
	return float64(len(all)) / time.Since(began).Seconds(), err
}

// announced tells when the first job is taken and the last receipt announced.
type announced struct {
	*jetstream.Conn
	rows  atomic.Int64
	total int64
	done  chan struct{}
}

func (a *announced) Announce(ctx context.Context, r schemas.ShardReady) error {
	err := a.Conn.Announce(ctx, r)
	if a.rows.Add(int64(r.Rows)) == a.total {
		close(a.done)
	}
	return err
}

// workAll has a worker do the jobs of a cut data set and gives captions a second.
func workAll(ctx context.Context, l *lab, e *vlm.Engine, dir string, round int) (perSecond float64, err error) {
	services, err := embedded.Start(ctx, l.folder(fmt.Sprintf("throughput-%d", round)))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, services.Close()) }()
	log := slog.New(slog.DiscardHandler)
	cfg := s3store.DefaultConfig()
	cfg.Bucket, cfg.Endpoint, cfg.Region, cfg.PathStyle = services.S3.Bucket, services.S3.Endpoint, services.S3.Region, true
	cfg.AccessKey, cfg.SecretKey = services.S3.AccessKey, services.S3.SecretKey
	st, err := s3store.Open(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer st.Close()
	conn, err := jetstream.Connect(ctx, jetstream.Config{URL: services.NATS.URL, User: services.NATS.User, Password: services.NATS.Password}, log)
	if err != nil {
		return 0, err
	}
	defer conn.Close()

	src, err := source.Open(ctx, dir, source.Config{})
	if err != nil {
		return 0, err
	}
	recipe, err := benchRecipe(l, e)
	if err != nil {
		return 0, err
	}
	run, err := coordinator.Launch(ctx, st, src, coordinator.Spec{
		Dataset: "scenes", Source: dir, Cut: schemas.DefaultCutLimits(), Recipe: recipe, Gate: schemas.DefaultGate(), Pool: "bench",
	})
	if err != nil {
		return 0, err
	}
	ccfg := coordinator.DefaultConfig()
	ccfg.Spool = l.dir
	queued := make(chan struct{})
	shards := 0
	ccfg.Shown = func(p coordinator.Progress) {
		if p.PartsCut == p.Parts && p.Samples > 0 && shards == 0 {
			shards = p.Shards
			close(queued)
		}
	}
	co, err := coordinator.New(st, conn, ccfg, log)
	if err != nil {
		return 0, err
	}
	queue, err := conn.Jobs(run.Pool)
	if err != nil {
		return 0, err
	}
	watch := &announced{Conn: conn, total: throughputScenes, done: make(chan struct{})}
	wcfg := worker.DefaultConfig()
	wcfg.Spool = l.dir
	w, err := worker.New(st, queue, watch, e, wcfg, log)
	if err != nil {
		return 0, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { _, err := co.Run(gctx, run, src); return err })
	select {
	case <-queued: // every part is cut
	case <-gctx.Done():
		return 0, g.Wait()
	}
	began := time.Now()
	work, stopWork := context.WithCancel(gctx)
	defer stopWork()
	g.Go(func() error { return w.Run(work) })
	select {
	case <-watch.done:
	case <-gctx.Done():
		return 0, g.Wait()
	}
	elapsed := time.Since(began)
	stopWork()
	return throughputScenes / elapsed.Seconds(), g.Wait()
}

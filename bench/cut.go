package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"recaption/coordinator/cut"
	"recaption/coordinator/source"
	"recaption/internal/embedded"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/s3store"
)

const (
	cutScenes = 20000
	cutters   = 2 // parts at once, as a coordinator cuts them
)

// cutting cuts scenes into the embedded gateway, and writes as many bytes to it
// in objects of the shards' sizes: the most that a cut could reach.
func cutting(ctx context.Context, l *lab) (_ result, err error) {
	src, err := l.scenes(ctx, "cut-scenes", "--count", fmt.Sprint(cutScenes), "--seed", "5")
	if err != nil {
		return result{}, err
	}
	services, err := embedded.StartS3(ctx, l.folder("cut"))
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, services.Close()) }()
	cfg := s3store.DefaultConfig()
	cfg.Bucket, cfg.Endpoint, cfg.Region, cfg.PathStyle = services.Bucket, services.Endpoint, services.Region, true
	cfg.AccessKey, cfg.SecretKey = services.AccessKey, services.SecretKey
	st, err := s3store.Open(ctx, cfg)
	if err != nil {
		return result{}, err
	}
	defer st.Close()
	in, err := folderSize(src)
	if err != nil {
		return result{}, err
	}
	t := [][]string{{"round", "samples/s", "tar MB/s", "shard MB/s", "the store's own MB/s", "ratio"}}
	for round := range 3 {
		files, took, err := cutAll(ctx, l, st, src, round)
		if err != nil {
			return result{}, err
		}
		var size int64
		for _, f := range files {
			size += f
		}
		raw, err := writeRaw(ctx, st, files, round)
		if err != nil {
			return result{}, err
		}
		mb := func(n int64, d time.Duration) float64 { return float64(n) / 1e6 / d.Seconds() }
		t = append(t, []string{
			fmt.Sprint(round + 1), fmt.Sprintf("%.0f", cutScenes/took.Seconds()), fmt.Sprintf("%.1f", mb(in, took)),
			fmt.Sprintf("%.1f", mb(size, took)), fmt.Sprintf("%.1f", mb(size, raw)), fmt.Sprintf("%.0f %%", 100*raw.Seconds()/took.Seconds()),
		})
	}
	return result{
		about: fmt.Sprintf("%d scenes (PNG of about 8 KB, alt-text, JSON) from local tars into the embedded S3 gateway, two parts at once; then as many bytes written to the same gateway in objects of the same sizes, two at once. To reach: 70 %%. Of the processor time that cutting adds, a third is SHA-256, of each image, each record batch and each file; the rest is spread over reading tars, checking JSON, building Arrow batches and collecting garbage.", cutScenes),
		table: t,
	}, nil
}

func cutAll(ctx context.Context, l *lab, st shards.Store, dir string, round int) ([]int64, time.Duration, error) {
	src, err := source.Open(ctx, dir, source.Config{})
	if err != nil {
		return nil, 0, err
	}
	d := schemas.Dataset{Dataset: schemas.DatasetID(fmt.Sprintf("cut-%d", round)), Revision: "0000000000000000", Cut: schemas.DefaultCutLimits()}
	c, err := cut.New(st, d, cut.Config{Spool: l.dir})
	if err != nil {
		return nil, 0, err
	}
	var mu sync.Mutex // guards sizes
	var sizes []int64
	began := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(cutters)
	for p, err := range src.Parts(ctx) {
		if err != nil {
			return nil, 0, errors.Join(err, g.Wait())
		}
		g.Go(func() error {
			record, err := c.Part(gctx, src, p, cut.All)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, s := range record.Shards {
				sizes = append(sizes, s.File.Bytes)
			}
			return nil
		})
	}
	err = g.Wait()
	return sizes, time.Since(began), err
}

// writeRaw puts objects of those sizes, as many at once as parts are cut.
func writeRaw(ctx context.Context, st shards.Store, sizes []int64, round int) (time.Duration, error) {
	random := rand.NewChaCha8([32]byte{byte(round)})
	body := make([]byte, 256<<20)
	_, _ = random.Read(body) // never fails
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(cutters)
	for i, n := range sizes {
		g.Go(func() error { return st.Put(ctx, fmt.Sprintf("raw/%d/%06d", round, i), bytes.NewReader(body[:n]), n) })
	}
	err := g.Wait()
	return time.Since(began), err
}

func folderSize(dir string) (int64, error) {
	var n int64
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		n += info.Size()
		return nil
	})
	return n, err
}

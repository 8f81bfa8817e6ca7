package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"recaption/internal/embedded"
	"recaption/internal/jetstream"
	"recaption/internal/ort/library"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/s3store"
)

// place is where a run's results rest, as --out names it.
type place struct {
	dir    string // a folder of this machine; empty when out is a bucket
	bucket string
	prefix string
	state  string // of the embedded services
}

// parseOut reads --out. The embedded services keep their state below a folder,
// or, where the results are in a bucket, below the cache folder.
func parseOut(out, state string) (place, error) {
	if out == "" {
		return place{}, usagef("--out: want a folder or s3://bucket/prefix")
	}
	rest, isBucket := strings.CutPrefix(out, "s3://")
	if !isBucket {
		if scheme, _, ok := strings.Cut(out, "://"); ok {
			return place{}, usagef("--out %s: %s:// is not written to; want a folder or s3://bucket/prefix", out, scheme)
		}
		dir, err := filepath.Abs(out)
		if err != nil {
			return place{}, fmt.Errorf("--out: %w", err)
		}
		if state == "" {
			state = filepath.Join(dir, "state")
		}
		return place{dir: dir, state: state}, nil
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	if bucket == "" {
		return place{}, usagef("--out %s: it names no bucket; want s3://bucket/prefix", out)
	}
	if state == "" {
		cache, err := library.CacheDir()
		if err != nil {
			return place{}, err
		}
		state = filepath.Join(cache, "runs", schemas.Sum([]byte(out)).String()[:16])
	}
	return place{bucket: bucket, prefix: strings.Trim(prefix, "/"), state: state}, nil
}

// spool is where files lie while they are written.
func (p place) spool() string { return filepath.Join(p.state, "spool") }

// backends are the store and the streams of a run, and the services behind
// them where they are embedded.
type backends struct {
	store shards.Store
	conn  *jetstream.Conn
	done  []<-chan struct{} // closed when an embedded service has ended
	errs  []func() error    // why
	stop  []func() error    // in the order in which they were started
}

// openBackends starts what is embedded and connects to it all. The caller
// closes it.
func openBackends(ctx context.Context, p place, s settings, log *slog.Logger) (_ *backends, err error) {
	b := &backends{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if err := os.MkdirAll(p.spool(), 0o755); err != nil {
		return nil, fmt.Errorf("make spool folder: %w", err)
	}
	natsCfg := s.NATS.config("recaption")
	storeCfg := storeConfig(s)
	storeCfg.Bucket, storeCfg.Prefix = p.bucket, p.prefix
	start := embedded.Log(log)
	var n *embedded.NATS
	var g *embedded.S3
	switch {
	case p.bucket == "" && s.NATS.URL == "":
		both, err := embedded.Start(ctx, p.state, start)
		if err != nil {
			return nil, err
		}
		n, g = both.NATS, both.S3
		b.add(both.Done(), both.Err, both.Close)
	case p.bucket == "":
		if g, err = embedded.StartS3(ctx, p.state, start); err != nil {
			return nil, err
		}
		b.add(g.Done(), g.Err, g.Close)
	case s.NATS.URL == "":
		if n, err = embedded.StartNATS(ctx, p.state, start); err != nil {
			return nil, err
		}
		b.add(n.Done(), n.Err, n.Close)
	}
	if n != nil {
		natsCfg.URL, natsCfg.User, natsCfg.Password = n.URL, n.User, n.Password
	}
	if g != nil {
		storeCfg.Bucket, storeCfg.Endpoint, storeCfg.Region, storeCfg.PathStyle = g.Bucket, g.Endpoint, g.Region, true
		storeCfg.AccessKey, storeCfg.SecretKey = g.AccessKey, g.SecretKey
	}
	st, err := s3store.Open(ctx, storeCfg)
	if err != nil {
		return nil, err
	}
	b.store = st
	b.stop = append(b.stop, func() error { st.Close(); return nil })
	if err := shards.VerifyCreateOnly(ctx, st); err != nil {
		return nil, withoutCredentials(err, p.bucket, s)
	}
	if b.conn, err = jetstream.Connect(ctx, natsCfg, log); err != nil {
		return nil, err
	}
	b.stop = append(b.stop, b.conn.Close)
	return b, nil
}

// storeConfig is how the settings say that a store is reached.
func storeConfig(s settings) s3store.Config {
	c := s3store.DefaultConfig()
	c.Endpoint, c.Region, c.PathStyle, c.CAFile = s.Store.Endpoint, s.Store.Region, s.Store.PathStyle, s.Store.CAFile
	c.AccessKey, c.SecretKey = s.Store.AccessKey, s.Store.SecretKey
	return c
}

func (b *backends) add(done <-chan struct{}, failure, stop func() error) {
	b.done = append(b.done, done)
	b.errs = append(b.errs, failure)
	b.stop = append(b.stop, stop)
}

// watch returns when an embedded service has ended by itself, or ctx has.
func (b *backends) watch(ctx context.Context) error {
	if len(b.done) == 0 {
		<-ctx.Done()
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-b.done[0]: // there is one: both services, or one of them
	}
	return fmt.Errorf("an embedded service has ended: %w", b.errs[0]())
}

// close stops what was started, the last first.
func (b *backends) close() error {
	var errs []error
	for i := len(b.stop) - 1; i >= 0; i-- {
		errs = append(errs, b.stop[i]())
	}
	b.stop = nil
	return errors.Join(errs...)
}

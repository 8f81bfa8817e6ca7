package s3store_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"recaption/internal/embedded"
	"recaption/shards"
	"recaption/shards/s3store"
	"recaption/shards/storetest"
)

func TestMain(m *testing.M) {
	embedded.Main()
	goleak.VerifyTestMain(m)
}

// gateway starts an S3 gateway for the test.
func gateway(t testing.TB) s3store.Config {
	t.Helper()
	g, err := embedded.StartS3(t.Context(), t.TempDir(), embedded.WithoutSync())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := s3store.DefaultConfig()
	cfg.Endpoint, cfg.Bucket, cfg.Region, cfg.PathStyle = g.Endpoint, g.Bucket, g.Region, true
	cfg.AccessKey, cfg.SecretKey = g.AccessKey, g.SecretKey
	return cfg
}

var stores atomic.Int64

// open opens a store of its own for a test: a prefix of the bucket.
func open(t testing.TB, cfg s3store.Config) *s3store.Store {
	t.Helper()
	cfg.Prefix = fmt.Sprintf("test/%d", stores.Add(1))
	st, err := s3store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	return st
}

func TestStore(t *testing.T) {
	cfg := gateway(t)
	cfg.MultipartFrom = 16 << 20
	storetest.Run(t, storetest.DefaultConfig(), func(t *testing.T) shards.Store { return open(t, cfg) })
}

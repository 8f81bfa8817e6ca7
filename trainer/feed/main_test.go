package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"recaption/internal/embedded"
	"recaption/internal/jetstream"
	"recaption/internal/tokenizer"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/memstore"
	"recaption/shards/s3store"
	"recaption/trainer/feed/feedtest"
)

// TestMain gives all tests one NATS server and one S3 gateway, real ones.
func TestMain(m *testing.M) {
	embedded.Main() // this program is the S3 gateway too
	code, err := withServices(m.Run)
	if err == nil && code == 0 {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var services *embedded.Services

func withServices(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "feed-test-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if services, err = embedded.Start(context.Background(), dir, embedded.WithoutSync()); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, services.Close()) }()
	return run(), nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stores numbers the tests' own prefixes.
var stores atomicCounter

// gateway opens a prefix of the S3 gateway that is the test's own.
func gateway(t testing.TB) shards.Store {
	t.Helper()
	cfg := s3store.DefaultConfig()
	s := services.S3
	cfg.Endpoint, cfg.Bucket, cfg.Region, cfg.PathStyle = s.Endpoint, s.Bucket, s.Region, true
	cfg.AccessKey, cfg.SecretKey, cfg.Prefix = s.AccessKey, s.SecretKey, fmt.Sprintf("feed/%d", stores.next())
	st, err := s3store.Open(t.Context(), cfg)
	must(t, err)
	t.Cleanup(st.Close)
	return st
}

func connect(t testing.TB) *jetstream.Conn {
	t.Helper()
	n := services.NATS
	c, err := jetstream.Connect(t.Context(), jetstream.Config{URL: n.URL, Name: "test", User: n.User, Password: n.Password}, quiet)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

var quiet = slog.New(slog.DiscardHandler)

// site fills a store in memory.
func site(t testing.TB) (*memstore.Store, *feedtest.Site) {
	t.Helper()
	st := memstore.New()
	s, err := feedtest.Write(t.Context(), st, feedtest.DefaultConfig())
	must(t, err)
	return st, s
}

// policy shows a third of alt-texts, and captions by two sentences.
func policy() schemas.Policy {
	p := schemas.DefaultPolicy()
	p.OriginalFraction, p.Sentences = .3, schemas.Sentences{Show: schemas.ShowSubset, Min: 1, Max: 2}
	return p
}

func catalogue(t testing.TB, st shards.Store, p schemas.Policy) *Catalogue {
	t.Helper()
	sources, err := Sources(t.Context(), st)
	must(t, err)
	c, err := NewCatalogue(st, sources, p, quiet)
	must(t, err)
	return c
}

// plan has lanes and windows that a small list fills many times.
func plan(epoch int) Plan {
	p := DefaultPlan("t", epoch)
	p.Lanes, p.Window, p.Seed = 4, 2, 11
	return p
}

// frozen freezes a list of all that rests.
func frozen(t testing.TB, st shards.Store, epoch int) schemas.EpochList {
	t.Helper()
	c := catalogue(t, st, policy())
	must(t, c.List(t.Context()))
	l, err := c.Freeze(t.Context(), plan(epoch))
	must(t, err)
	return l
}

func reader(t testing.TB, st shards.Store, l schemas.EpochList, r, of int) *Reader {
	t.Helper()
	cfg := DefaultReaderConfig()
	cfg.Reader, cfg.Of = r, of
	got, err := Open(t.Context(), st, l, cfg, quiet)
	must(t, err)
	return got
}

func clipTokens(t testing.TB, context int) Tokens {
	t.Helper()
	tok, err := tokenizer.Load("../probe/testdata/clip/tokenizer.json")
	must(t, err)
	pad, _ := tok.ID("<|endoftext|>")
	return Tokens{Tokenizer: tok, Context: context, Pad: int64(pad)}
}

// atomicCounter counts calls from any goroutine.
type atomicCounter struct{ n atomic.Int64 }

func (c *atomicCounter) next() int64 { return c.n.Add(1) }

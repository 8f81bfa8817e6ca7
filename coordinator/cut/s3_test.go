package cut

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/coordinator/source"
	"recaption/internal/embedded"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/memstore"
	"recaption/shards/s3store"
)

// From the tars of a bucket, over connections that break again and again in
// the middle of a body, into a bucket: the shards are those that the same tars
// give from a folder into memory.
func TestS3(t *testing.T) {
	gateway, err := embedded.StartS3(t.Context(), t.TempDir(), embedded.WithoutSync())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := gateway.Close(); err != nil {
			t.Error(err)
		}
	}()
	proxy := brittle(t, gateway.Endpoint)
	defer proxy.Close()
	store := func(endpoint string) *s3store.Store {
		t.Helper()
		cfg := s3store.DefaultConfig()
		cfg.Bucket, cfg.Endpoint, cfg.Region, cfg.PathStyle = gateway.Bucket, endpoint, gateway.Region, true
		cfg.AccessKey, cfg.SecretKey = gateway.AccessKey, gateway.SecretKey
		st, err := s3store.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	direct := store(gateway.Endpoint)
	dir := t.TempDir()
	for i := range 3 {
		name := fmt.Sprintf("%02d.tar", i)
		size := writeTar(t, filepath.Join(dir, name), 50+i)
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := direct.Put(t.Context(), "in/"+name, f, size); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want := cutAll(t, memstore.New(), dir, source.Config{})
	got := cutAll(t, direct, "s3://"+gateway.Bucket+"/in", source.Config{
		Objects: func(context.Context, string) (shards.Foreign, error) { return store(proxy.URL), nil },
	})
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("records (-local +s3):\n%.2000s", d)
	}
	if n := len(rest(t, direct, got[2])); n != 52 {
		t.Errorf("%d rows", n)
	}
	if proxy.broken.Load() < 3 {
		t.Errorf("%d connections broke: the test tests nothing", proxy.broken.Load())
	}
}

// cutAll cuts every part of a source.
func cutAll(t *testing.T, st shards.Store, where string, cfg source.Config) []schemas.PartRecord {
	t.Helper()
	src, err := source.Open(t.Context(), where, cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := cutter(t, st, revision(20, 1<<20))
	var records []schemas.PartRecord
	for p, err := range src.Parts(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		record, err := c.Part(t.Context(), src, p, All)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
	return records
}

// brittleProxy breaks every second body after a third of its bytes.
type brittleProxy struct {
	*httptest.Server
	broken atomic.Int64
}

func brittle(t *testing.T, endpoint string) *brittleProxy {
	t.Helper()
	to, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &brittleProxy{}
	var bodies atomic.Int64
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // it is signed
		},
		ModifyResponse: func(r *http.Response) error {
			if r.ContentLength > 100_000 && bodies.Add(1)%2 == 1 {
				p.broken.Add(1)
				r.Body = &breaking{ReadCloser: r.Body, left: r.ContentLength / 3}
			}
			return nil
		},
		ErrorLog: discardLog,
	}
	p.Server = httptest.NewUnstartedServer(forward)
	p.Config.ErrorLog = discardLog
	p.Start()
	return p
}

var discardLog = log.New(io.Discard, "", 0)

type breaking struct {
	io.ReadCloser
	left int64
}

func (b *breaking) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, net.ErrClosed
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

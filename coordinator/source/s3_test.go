package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/internal/embedded"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/s3store"
)

// The tars of a bucket give what local ones give, over connections that break
// again and again in the middle of a body.
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
	var local []string
	for i := range 3 {
		archive := pack(t, append(pairs(50), files("z.png", string(picture(i))+strings.Repeat("x", 1<<20))...))
		name := fmt.Sprintf("%02d.tar", i)
		local = append(local, name, string(archive))
		if err := direct.Put(t.Context(), "in/"+name, bytes.NewReader(archive), int64(len(archive))); err != nil {
			t.Fatal(err)
		}
	}
	want, _ := readSource(t, open(t, layOut(t, local...)))

	proxy := brittle(t, gateway.Endpoint)
	defer proxy.Close()
	s, err := Open(t.Context(), "s3://"+gateway.Bucket+"/in", Config{Objects: func(_ context.Context, bucket string) (shards.Foreign, error) {
		return store(proxy.URL), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, faults := readSource(t, s)
	for i := range min(len(want), len(got)) { // their digests are compared
		want[i].Image, got[i].Image = nil, nil
	}
	if d := cmp.Diff(want, got); d != "" || faults != nil {
		t.Errorf("faults %v; rows (-local +s3):\n%.2000s", faults, d)
	}
	if len(got) != 153 || got[150].Status != schemas.SampleOK {
		t.Errorf("%d rows", len(got))
	}
	if proxy.broken.Load() < 3 {
		t.Errorf("%d connections broke: the test tests nothing", proxy.broken.Load())
	}
	http.DefaultClient.CloseIdleConnections()
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

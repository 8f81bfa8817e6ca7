package s3store_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"recaption/shards"
	"recaption/shards/s3store"
	"recaption/shards/storetest"
)

// proxy stands between a store and the gateway. meddle sees each request and
// the function that serves it.
func proxy(t *testing.T, cfg s3store.Config, start func(http.Handler) *httptest.Server, meddle func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc)) (s3store.Config, *httptest.Server) {
	t.Helper()
	target, err := url.Parse(cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	p := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }, // the host is signed
		Transport: transport,
	}
	srv := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { meddle(w, r, p.ServeHTTP) }))
	t.Cleanup(func() {
		srv.Close()
		transport.CloseIdleConnections()
	})
	cfg.Endpoint = srv.URL
	return cfg, srv
}

// cutting passes on n bytes of a body and breaks the connection.
type cutting struct {
	http.ResponseWriter
	n int
}

func (c *cutting) Write(p []byte) (int, error) {
	if len(p) > c.n {
		_, _ = c.ResponseWriter.Write(p[:c.n])
		panic(http.ErrAbortHandler)
	}
	c.n -= len(p)
	return c.ResponseWriter.Write(p)
}

func TestBrokenConnections(t *testing.T) {
	var left, seen atomic.Int64
	cfg, _ := proxy(t, gateway(t), httptest.NewServer, func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		if r.Method == http.MethodGet {
			seen.Add(1)
			if left.Add(-1) >= 0 {
				w = &cutting{w, 100_000}
			}
		}
		serve(w, r)
	})
	st := open(t, cfg)
	want := storetest.Random(1 << 20)
	storetest.MustPut(t, st, "k", want)

	left.Store(7) // more than the tries of one request: each brings some bytes
	r, err := st.ReadRange(t.Context(), "k", 10, 1<<20-10, "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want[10:]) {
		t.Errorf("read %d bytes, %v; want all", len(got), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if n := seen.Load(); n != 8 {
		t.Errorf("%d requests; want 8", n)
	}

	left.Store(2)
	if got, err := st.Get(t.Context(), "k", 1<<20); err != nil || !bytes.Equal(got, want) {
		t.Errorf("get: %d bytes, %v; want all", len(got), err)
	}
	left.Store(2)
	if got, err := st.ReadTail(t.Context(), "k", 1<<19); err != nil || !bytes.Equal(got.Bytes, want[1<<19:]) {
		t.Errorf("tail: %d bytes, %v; want all", len(got.Bytes), err)
	}
	left.Store(1 << 30)
	if _, err := st.Get(t.Context(), "k", 1<<20); !errors.Is(err, shards.ErrTransient) {
		t.Errorf("always broken: %v; want ErrTransient", err)
	}
}

// TestChangedMeanwhile: a connection is not taken up again in another object.
func TestChangedMeanwhile(t *testing.T) {
	var once atomic.Bool
	base := gateway(t)
	direct := open(t, base)
	cfg, _ := proxy(t, base, httptest.NewServer, func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		if r.Method == http.MethodGet && once.CompareAndSwap(false, true) {
			defer storetest.MustPut(t, direct, "k", make([]byte, 1<<20))
			w = &cutting{w, 100_000}
		}
		serve(w, r)
	})
	cfg.Prefix = strings.TrimPrefix(direct.String(), "s3://"+cfg.Bucket+"/")
	st, err := s3store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	storetest.MustPut(t, st, "k", storetest.Random(1<<20))
	r, err := st.ReadRange(t.Context(), "k", 0, 1<<20, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := io.Copy(io.Discard, r); !errors.Is(err, shards.ErrChanged) {
		t.Errorf("%d bytes, %v; want ErrChanged", n, err)
	}
}

// TestLostReply: the gateway writes, the reply is lost, the SDK tries again and
// meets its own object.
func TestLostReply(t *testing.T) {
	var lose atomic.Bool
	cfg, _ := proxy(t, gateway(t), httptest.NewServer, func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		if r.Method == http.MethodPut && lose.CompareAndSwap(true, false) {
			serve(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		serve(w, r)
	})
	st := open(t, cfg)
	lose.Store(true)
	if err := st.Create(t.Context(), "a", []byte("ours")); !errors.Is(err, shards.ErrExists) {
		t.Errorf("created twice by the SDK: %v; want ErrExists", err)
	}
	lose.Store(true)
	if got, err := shards.Commit(t.Context(), st, "b", []byte("ours")); err != nil || string(got) != "ours" {
		t.Errorf("committed %q, %v; want ours", got, err)
	}
	lose.Store(true)
	if got, err := shards.Commit(t.Context(), st, "b", []byte("late")); !errors.Is(err, shards.ErrExists) || string(got) != "ours" {
		t.Errorf("committed %q, %v; want ours and ErrExists", got, err)
	}
}

func TestRetriedAnswers(t *testing.T) {
	var status, left, seen atomic.Int64
	cfg, _ := proxy(t, gateway(t), httptest.NewServer, func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		seen.Add(1)
		if left.Add(-1) < 0 {
			serve(w, r)
			return
		}
		w.WriteHeader(int(status.Load()))
	})
	cfg.Attempts = 2
	st := open(t, cfg)
	storetest.MustPut(t, st, "k", []byte("x"))
	for _, test := range []struct {
		status    int64
		transient bool
	}{{503, true}, {500, true}, {429, true}, {403, false}, {400, false}} {
		status.Store(test.status)
		left.Store(1 << 30)
		seen.Store(0)
		_, err := st.Get(t.Context(), "k", 1)
		if errors.Is(err, shards.ErrTransient) != test.transient || err == nil {
			t.Errorf("status %d: %v; want transient: %v", test.status, err, test.transient)
		}
		if n := seen.Load(); n > 2 {
			t.Errorf("status %d: %d requests; want at most 2", test.status, n)
		}
	}
	status.Store(503)
	left.Store(1)
	if _, err := st.Get(t.Context(), "k", 1); err != nil {
		t.Errorf("once unavailable: %v", err)
	}
}

// A disk that is full is told by its name, without the SDK's words.
func TestNoSpace(t *testing.T) {
	var full atomic.Bool
	cfg, _ := proxy(t, gateway(t), httptest.NewServer, func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		if !full.Load() {
			serve(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusInsufficientStorage)
		if _, err := io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>InsufficientStorage</Code><Message>No space left on device.</Message></Error>`); err != nil {
			t.Error(err)
		}
	})
	cfg.Attempts = 2
	st := open(t, cfg)
	full.Store(true)
	err := st.Create(t.Context(), "a", []byte("x"))
	if !errors.Is(err, s3store.ErrNoSpace) || !errors.Is(err, shards.ErrTransient) || strings.Contains(err.Error(), "StatusCode") {
		t.Errorf("create: %v; want %v", err, s3store.ErrNoSpace)
	}
}

// TestStall: a server that takes a request and never answers is given up.
func TestStall(t *testing.T) {
	var hang atomic.Bool
	cfg, _ := proxy(t, gateway(t), httptest.NewServer, func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		if hang.Load() {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return
		}
		serve(w, r)
	})
	cfg.StallLimit, cfg.Attempts = time.Second, 1
	st := open(t, cfg)
	storetest.MustPut(t, st, "k", []byte("x"))
	hang.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := st.Get(ctx, "k", 1); !errors.Is(err, shards.ErrTransient) {
		t.Errorf("get: %v; want ErrTransient", err)
	}
	if err := st.Create(ctx, "n", []byte("x")); !errors.Is(err, shards.ErrTransient) {
		t.Errorf("create: %v; want ErrTransient", err)
	}
}

// secure starts a server with a certificate that nobody knows, and silently.
func secure(h http.Handler) *httptest.Server {
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	return srv
}

func TestTLS(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "")
	cfg, srv := proxy(t, gateway(t), secure, func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) { serve(w, r) })
	cfg.Attempts = 1
	if _, err := open(t, cfg).Get(t.Context(), "k", 1); err == nil || errors.Is(err, shards.ErrNotFound) {
		t.Errorf("an unknown certificate: %v; want an error about it", err)
	}
	cfg.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(cfg.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	st := open(t, cfg)
	storetest.MustPut(t, st, "k", []byte("x"))
	if got, err := st.Get(t.Context(), "k", 1); err != nil || string(got) != "x" {
		t.Errorf("%q, %v; want x", got, err)
	}
	bad := filepath.Join(t.TempDir(), "bad.pem")
	if err := os.WriteFile(bad, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{bad, bad + ".none"} {
		cfg.CAFile = file
		if _, err := s3store.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v; want an error that names it", file, err)
		}
	}
}

func TestRefusedCalls(t *testing.T) {
	base := gateway(t)
	for _, test := range []struct {
		name, want string
		change     func(*s3store.Config)
		transient  bool
	}{
		{"no bucket", "no such bucket", func(c *s3store.Config) { c.Bucket = "another" }, false},
		{"wrong secret", "refuses these credentials", func(c *s3store.Config) { c.SecretKey = "wrong" }, false},
		{"wrong key", "refuses these credentials", func(c *s3store.Config) { c.AccessKey = "nobody" }, false},
		{"nobody there", "store unavailable", func(c *s3store.Config) { c.Endpoint = "http://127.0.0.1:1" }, true},
	} {
		cfg := base
		cfg.Attempts = 2
		test.change(&cfg)
		st := open(t, cfg)
		_, get := st.Get(t.Context(), "k", 1)
		_, tail := st.ReadTail(t.Context(), "k", 1)
		for call, err := range map[string]error{
			"get": get, "tail": tail,
			"create": st.Create(t.Context(), "k", []byte("x")),
			"put":    st.Put(t.Context(), "k", strings.NewReader("x"), 1),
		} {
			if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, shards.ErrTransient) != test.transient {
				t.Errorf("%s: %s: %v; want %q", test.name, call, err, test.want)
			}
			if errors.Is(err, shards.ErrNotFound) || errors.Is(err, shards.ErrExists) {
				t.Errorf("%s: %s: %v tells of an object", test.name, call, err)
			}
			if errors.Is(err, shards.ErrNoBucket) != (test.name == "no bucket") {
				t.Errorf("%s: %s: %v; ErrNoBucket is for a missing bucket", test.name, call, err)
			}
		}
	}
}

func TestConfig(t *testing.T) {
	good := s3store.DefaultConfig()
	good.Bucket = "b"
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*s3store.Config){
		"bucket":          func(c *s3store.Config) { c.Bucket = "" },
		"prefix":          func(c *s3store.Config) { c.Prefix = "a/" },
		"endpoint":        func(c *s3store.Config) { c.Endpoint = "host:9000" },
		"secret key":      func(c *s3store.Config) { c.AccessKey = "a" },
		"attempts 0":      func(c *s3store.Config) { c.Attempts = 0 },
		"stall limit 1ms": func(c *s3store.Config) { c.StallLimit = time.Millisecond },
		"part size 1":     func(c *s3store.Config) { c.PartSize = 1 },
		"multipart from":  func(c *s3store.Config) { c.MultipartFrom = 1 },
		"parts at once":   func(c *s3store.Config) { c.PartsAtOnce = 0 },
	} {
		c := good
		change(&c)
		if _, err := s3store.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want an error that names %s", err, want)
		}
	}
}

package jetstream

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	"recaption/internal/embedded"
	"recaption/schemas"
)

// stable is a server that can stop and start on one port and one folder, which
// the embedded one, with a fresh port and credentials, can't.
type stable struct {
	t    *testing.T
	opts *server.Options
	s    *server.Server
}

func newStable(t *testing.T) *stable {
	s := &stable{t: t, opts: &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, Username: "u", Password: "p",
	}}
	s.start()
	s.opts.Port = s.s.Addr().(*net.TCPAddr).Port
	t.Cleanup(s.stop)
	return s
}

func (s *stable) start() {
	s.t.Helper()
	srv, err := server.NewServer(s.opts.Clone())
	must(s.t, err)
	srv.Start()
	if !srv.ReadyForConnections(20 * time.Second) {
		s.t.Fatal("server does not start")
	}
	s.s = srv
}

func (s *stable) stop() {
	s.s.Shutdown()
	s.s.WaitForShutdown()
}

func (s *stable) config() Config { return Config{URL: s.s.ClientURL(), User: "u", Password: "p"} }

// Everything under way goes on when the server comes back: a waiting slot, a
// job in hand, publishing, a reader of events.
func TestServerRestarts(t *testing.T) {
	s := newStable(t)
	c := connect(t, s.config())
	must(t, c.EnsureStreams(t.Context(), DefaultLayout()))
	must(t, c.EnsureStreams(t.Context(), DefaultLayout())) // by another coordinator
	q := jobs(t, c, Lease{AckWait: time.Minute, MaxDeliver: 5, MaxPending: 10})
	events := subscribe(t, c, "trainer", Follow{})
	wantMissed(t, events)
	publish(t, q, 1)
	inHand := next(t, q, 1, 1)

	got := make(chan *Delivery[schemas.CaptionJob], 1)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		d, err := q.Next(t.Context())
		if err != nil {
			t.Error(err)
		}
		got <- d
	})
	s.stop()
	if err := inHand.Extend(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("extend without a server: %v, want %v", err, ErrUnavailable)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := q.Publish(short, job(2)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("publish without a server: %v, want %v", err, context.DeadlineExceeded)
	}
	published := make(chan error, 1)
	wg.Go(func() { published <- q.Publish(t.Context(), job(3)) })
	s.start()
	must(t, <-published)
	if err := q.Publish(t.Context(), job(1)); !errors.Is(err, ErrQueued) {
		t.Errorf("publish a job in hand after the restart: %v, want %v", err, ErrQueued)
	}
	must(t, inHand.Ack(t.Context()))
	d := <-got
	if d == nil {
		t.FailNow()
	}
	if d.Job.ID != job(3).ID {
		t.Errorf("got job %s, want job 3", d.Job.ID)
	}
	must(t, d.Ack(t.Context()))
	announce(t, c, 1)
	must(t, wantEvent(t, events, 1).Ack(t.Context()))
	wantDepth(t, q, Depth{})
}

// What was queued, and how often each job was delivered, outlives the server.
func TestStreamsPersist(t *testing.T) {
	dir := t.TempDir()
	n, err := embedded.StartNATS(t.Context(), dir)
	must(t, err)
	c, err := Connect(t.Context(), Config{URL: n.URL, User: n.User, Password: n.Password}, logTo(t))
	must(t, err)
	must(t, c.EnsureStreams(t.Context(), DefaultLayout()))
	q := jobs(t, c, short)
	publish(t, q, 1, 2, 3)
	must(t, next(t, q, 1, 1).Ack(t.Context()))
	next(t, q, 2, 1)
	must(t, c.Close())
	must(t, n.Close())

	c = connect(t, serve(t, dir))
	q, err = c.Jobs(pool)
	must(t, err)
	attempts := map[schemas.JobID]int{}
	for range 2 {
		d, err := q.Next(t.Context())
		must(t, err)
		attempts[d.Job.ID] = d.Attempt
		must(t, d.Ack(t.Context()))
	}
	if diff := cmp.Diff(map[schemas.JobID]int{job(2).ID: 2, job(3).ID: 1}, attempts); diff != "" {
		t.Errorf("attempts after the restart (-want +got):\n%s", diff)
	}
	wantNone(t, q, 2*short.AckWait)
}

// A job that was handed back, or whose holder died with the server, is nobody's
// when the server is back: what it waits for is no lease of old.
func TestJobsAreFreeAfterARestart(t *testing.T) {
	dir, patient := t.TempDir(), Lease{AckWait: time.Hour, MaxDeliver: 5, MaxPending: 10}
	n, err := embedded.StartNATS(t.Context(), dir)
	must(t, err)
	c, err := Connect(t.Context(), Config{URL: n.URL, User: n.User, Password: n.Password}, logTo(t))
	must(t, err)
	must(t, c.EnsureStreams(t.Context(), DefaultLayout()))
	q := jobs(t, c, patient)
	publish(t, q, 1)
	must(t, next(t, q, 1, 1).Release(t.Context(), 0))
	next(t, q, 1, 2)
	publish(t, q, 2, 3)
	must(t, next(t, q, 2, 1).Release(t.Context(), 0))
	must(t, c.Close())
	must(t, n.Close())

	c = connect(t, serve(t, dir))
	q = jobs(t, c, patient)
	must(t, next(t, q, 2, 2).Ack(t.Context()))
	wantDepth(t, q, Depth{Waiting: 1, InHand: 1})
	if freed, err := q.Free(t.Context(), patient); freed != 1 || err != nil {
		t.Errorf("%d jobs freed, %v; want 1", freed, err)
	}
	d := next(t, q, 1, 3)
	must(t, d.Extend(t.Context()))
	must(t, next(t, q, 3, 1).Ack(t.Context()))
	wantNone(t, q, 300*time.Millisecond) // the job in hand has its whole lease
	must(t, d.Ack(t.Context()))
	if freed, err := q.Free(t.Context(), patient); freed != 0 || err != nil {
		t.Errorf("%d jobs freed, %v; want none", freed, err)
	}
}

func TestConnectWaitsForTheServer(t *testing.T) {
	s := newStable(t)
	s.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := Connect(ctx, s.config(), logTo(t)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no server: %v, want %v", err, ErrUnavailable)
	}
	cfg := s.config() // start makes another server under the same address
	var wg sync.WaitGroup
	wg.Go(func() {
		c, err := Connect(t.Context(), cfg, logTo(t))
		if err != nil {
			t.Error(err)
			return
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
		if err := c.Announce(t.Context(), ready(1)); !errors.Is(err, ErrClosed) {
			t.Errorf("announce on a closed connection: %v, want %v", err, ErrClosed)
		}
	})
	s.start()
	wg.Wait()
}

// Nobody there, or somebody who speaks something else: told soon, and in the end.
func TestConnectGivesUp(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, free.Close())
	for name, address := range map[string]string{"nobody": free.Addr().String(), "a web server": other.Listener.Addr().String()} {
		var said bytes.Buffer
		cfg := Config{URL: "nats://" + address, User: "u", Password: "swordfish", Wait: 200 * time.Millisecond}
		_, err := Connect(t.Context(), cfg, slog.New(slog.NewTextHandler(&said, nil)))
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), cfg.URL) || !strings.Contains(err.Error(), "nats-server -js") {
			t.Errorf("%s: %v; want %v with the address and what to do", name, err, ErrUnavailable)
		}
		if got := said.String(); strings.Count(got, "nats does not answer, trying again") != 1 || !strings.Contains(got, cfg.URL) {
			t.Errorf("%s: the log says %s", name, got)
		}
	}
}

func TestConfigURL(t *testing.T) {
	for url, want := range map[string]string{
		"nats://127.0.0.1:4222":                "",
		"tls://nats.example.org":               "",
		"wss://nats.example.org:443":           "",
		"127.0.0.1:4222":                       "",
		"nats://a:4222, nats://b:4222":         "",
		"http://127.0.0.1:4222":                "http://127.0.0.1:4222: http:// is not spoken",
		"nats://a:4222,https://u:swordfish@b/": "https://u:xxxxx@b/: https:// is not spoken",
		"nats://u:swordfish@127.0.0.1:port":    "malformed",
		"nats://":                              "names no host",
		"nats://a:4222,":                       "names no host",
	} {
		err := Config{URL: url}.Validate()
		if got := fmt.Sprint(err); (err == nil) != (want == "") || !strings.Contains(got, want) && want != "" || strings.Contains(got, "swordfish") {
			t.Errorf("%s: %v; want %q", url, err, want)
		}
	}
}

func TestConnectRefused(t *testing.T) {
	cfg := serve(t, t.TempDir())
	cfg.Password = "guessed"
	if _, err := Connect(t.Context(), cfg, logTo(t)); !errors.Is(err, ErrDenied) || strings.Contains(err.Error(), "guessed") {
		t.Errorf("wrong password: %v, want %v", err, ErrDenied)
	}
	for name, bad := range map[string]Config{
		"no url":           {},
		"user alone":       {URL: "nats://127.0.0.1:1", User: "u"},
		"two credentials":  {URL: "nats://127.0.0.1:1", User: "u", Password: "p", CredsFile: "f"},
		"no such file":     {URL: "nats://127.0.0.1:1", CredsFile: filepath.Join(t.TempDir(), "none")},
		"no such ca":       {URL: "nats://127.0.0.1:1", CAFile: filepath.Join(t.TempDir(), "none")},
		"a malformed url":  {URL: "nats://127.0.0.1:port"},
		"an unknown place": {URL: "://"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		c, err := Connect(ctx, bad, logTo(t))
		if err == nil {
			_ = c.Close()
			t.Errorf("%s: no error", name)
		}
		if ctx.Err() != nil {
			t.Errorf("%s: noticed only by time: %v", name, err)
		}
		cancel()
	}
}

func TestConnectOverTLS(t *testing.T) {
	dir := t.TempDir()
	cert, ca := certify(t, dir)
	s := newStable(t)
	s.stop()
	s.opts.TLSConfig, s.opts.TLS, s.opts.TLSTimeout = &tls.Config{Certificates: []tls.Certificate{cert}}, true, 5
	s.start()
	cfg := s.config()
	cfg.CAFile = ca
	c := connect(t, cfg)
	must(t, c.EnsureStreams(t.Context(), DefaultLayout()))

	cfg.CAFile = ""
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if c, err := Connect(ctx, cfg, logTo(t)); err == nil {
		_ = c.Close()
		t.Error("a server that nobody vouches for was accepted")
	}
}

// certify makes a certificate for 127.0.0.1, and a PEM file that vouches for it.
func certify(t *testing.T, dir string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	path := filepath.Join(dir, "ca.pem")
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}

func TestValidate(t *testing.T) {
	must(t, DefaultLayout().Validate())
	must(t, DefaultLease().Validate())
	if err := (Layout{}).Validate(); err == nil || strings.Count(err.Error(), "want") != 4 {
		t.Errorf("an empty layout: %v, want four faults", err)
	}
	if err := (Lease{}).Validate(); err == nil || strings.Count(err.Error(), "want") != 3 {
		t.Errorf("an empty lease: %v, want three faults", err)
	}
}

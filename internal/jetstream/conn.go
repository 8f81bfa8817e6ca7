package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"recaption/internal/secret"
)

// Config says where the server is and who we are.
type Config struct {
	URL       string      // nats://host:port, tls://host:port; several with commas
	Name      string      // of the connection, for who looks at the server
	User      string      // with Password
	Password  secret.Text // with User
	CredsFile string      // a .creds file, in the place of User and Password
	CAFile    string      // PEM, to verify a server whose CA the system doesn't know

	// Wait bounds how long [Connect] waits for a server; 0: half a minute. It
	// is enough for servers that start beside us. Whoever has to wait longer
	// is better told by its end than by silence.
	Wait time.Duration
}

// Validate names every fault at once.
func (c Config) Validate() error {
	var errs []error
	if c.URL == "" {
		errs = append(errs, errors.New("nats url is empty: want nats://host:port"))
	}
	for _, one := range strings.Split(c.URL, ",") {
		if err := checkURL(strings.TrimSpace(one)); c.URL != "" && err != nil {
			errs = append(errs, err)
		}
	}
	if c.CredsFile != "" && (c.User != "" || c.Password != "") {
		errs = append(errs, errors.New("nats credentials: want a credentials file, or user and password, not both"))
	}
	if (c.User == "") != (c.Password == "") {
		errs = append(errs, errors.New("nats credentials: want user and password, or neither"))
	}
	return errors.Join(errs...)
}

// schemes are those of servers that speak NATS. An address without one has the
// first.
var schemes = []string{"nats", "tls", "ws", "wss"}

func checkURL(text string) error {
	const want = "want nats://host:port, tls://host:port, ws://host:port or wss://host:port"
	full := text
	if !strings.Contains(full, "://") {
		full = schemes[0] + "://" + full
	}
	u, err := url.Parse(full)
	switch {
	case err != nil: // what it says may hold a password
		return fmt.Errorf("nats url is malformed: %s", want)
	case !slices.Contains(schemes, u.Scheme):
		return fmt.Errorf("nats url %s: %s:// is not spoken by NATS servers: %s", u.Redacted(), u.Scheme, want)
	case u.Hostname() == "":
		return fmt.Errorf("nats url %s names no host: %s", u.Redacted(), want)
	}
	return nil
}

// Address is the URL without passwords, for messages.
func (c Config) Address() string {
	all := strings.Split(c.URL, ",")
	for i, one := range all {
		if u, err := url.Parse(strings.TrimSpace(one)); err == nil && u.User != nil {
			all[i] = u.Redacted()
		}
	}
	return strings.Join(all, ",")
}

// Conn is a connection to a NATS server, for any number of goroutines.
type Conn struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	log    *slog.Logger
	closed chan struct{} // by the client library, when the connection is gone

	ensured atomic.Bool // the streams were there once
	met     sync.Map    // by consumer: it was ensured once
	told    sync.Map    // by stream or consumer: the log has its differences

	mu sync.Mutex    // guards up
	up chan struct{} // closed, and replaced, at each (re)connect
}

const (
	waitLimit  = 30 * time.Second // for the first connection
	waitQuiet  = 2 * time.Second  // of that, before the log tells of it
	tryLimit   = 5 * time.Second  // for one answer of the server
	pauseFirst = 50 * time.Millisecond
	pauseMost  = 5 * time.Second
	drainLimit = 5 * time.Second
)

// Connect connects, and waits for the server until ctx ends, or as long as the
// Config says: then it returns [ErrUnavailable]. From then on a lost connection
// is made anew for ever. The caller closes it.
func Connect(ctx context.Context, cfg Config, log *slog.Logger) (*Conn, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Conn{log: log, closed: make(chan struct{}), up: make(chan struct{})}
	nc, err := nats.Connect(cfg.URL, c.options(cfg)...)
	if err != nil {
		return nil, edge("connect to nats", err)
	}
	c.nc = nc
	err = c.await(ctx, cfg)
	if err == nil {
		c.js, err = jetstream.New(nc, jetstream.WithDefaultTimeout(tryLimit))
	}
	if err != nil {
		if last := nc.LastError(); last != nil {
			err = fmt.Errorf("%w (%w)", last, err) // what the server, or the network, said
		}
		nc.Close()
		<-c.closed
		return nil, edge("connect to nats "+cfg.Address(), err)
	}
	return c, nil
}

// await waits for the first connection, and says so when it takes long.
func (c *Conn) await(ctx context.Context, cfg Config) error {
	limit := cmp.Or(cfg.Wait, waitLimit)
	quiet := min(waitQuiet, limit/2)
	soon, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	if err := c.connected(soon); err == nil || ctx.Err() != nil || soon.Err() == nil {
		return err
	}
	said := []any{"url", cfg.Address(), "for", limit}
	if err := c.nc.LastError(); err != nil { // none where nobody listens
		said = append(said, "err", err)
	}
	c.log.Warn("nats does not answer, trying again", said...)
	last, cancel := context.WithTimeoutCause(ctx, limit-quiet,
		fmt.Errorf("%w: not within %s; check the address, and that a server with JetStream (nats-server -js) runs there", ErrUnavailable, limit))
	defer cancel()
	return c.connected(last)
}

func (c *Conn) options(cfg Config) []nats.Option {
	opts := []nats.Option{
		nats.Name(cfg.Name),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.CustomReconnectDelay(func(attempts int) time.Duration { return pause(attempts) }),
		// What could not be sent fails at once, so that we and not a buffer
		// decide what is repeated.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(20 * time.Second),
		nats.MaxPingsOutstanding(2), // a silent server is noticed within a minute
		nats.DrainTimeout(drainLimit),
		nats.ConnectHandler(func(*nats.Conn) { c.isUp() }),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			c.log.Info("nats connection is back", "server", nc.ConnectedUrlRedacted())
			c.isUp()
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				c.log.Warn("nats connection lost", "err", err)
			}
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(c.closed) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			c.log.Warn("nats connection", "err", err)
		}),
	}
	if cfg.User != "" {
		opts = append(opts, nats.UserInfo(cfg.User, string(cfg.Password)))
	}
	if cfg.CredsFile != "" {
		opts = append(opts, nats.UserCredentials(cfg.CredsFile))
	}
	if cfg.CAFile != "" {
		opts = append(opts, nats.RootCAs(cfg.CAFile))
	}
	return opts
}

// Close lets what is under way finish, for five seconds at most, and closes the
// connection. Other goroutines should have ended their calls.
func (c *Conn) Close() error {
	err := c.nc.Drain()
	if errors.Is(err, nats.ErrConnectionReconnecting) || errors.Is(err, nats.ErrConnectionClosed) {
		err = nil // nothing is under way
	}
	<-c.closed
	return edge("close the nats connection", err)
}

// isUp tells all who wait that there is a connection.
func (c *Conn) isUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.up)
	c.up = make(chan struct{})
}

// next is closed at the next (re)connect.
func (c *Conn) next() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up
}

// connected waits for a connection. It returns ErrClosed when none will come.
func (c *Conn) connected(ctx context.Context) error {
	for {
		up := c.next()
		if c.nc.IsConnected() {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.closed:
			return ErrClosed
		case <-up:
		}
	}
}

// published settles what a publish that nobody answered means: there is no
// stream, or a server that isn't ready yet.
func (c *Conn) published(ctx context.Context, stream string, err error) error {
	if !errors.Is(err, jetstream.ErrNoStreamResponse) {
		return err
	}
	if _, look := c.js.Stream(ctx, stream); look != nil {
		return look
	}
	return fmt.Errorf("%w: %w", nats.ErrNoResponders, err)
}

// saidAfter is after how many tries of one request the log says that it isn't
// answered: about three seconds.
const saidAfter = 6

// do calls f, a request that may be repeated, until the server has answered it
// or ctx ends.
func (c *Conn) do(ctx context.Context, op string, f func(context.Context) error) error {
	for n := 0; ; n++ {
		err := c.try(ctx, f)
		if err == nil {
			return nil
		}
		err = edge(op, err)
		if ctx.Err() != nil {
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
		if !errors.Is(err, ErrUnavailable) {
			return err
		}
		if n == saidAfter {
			c.log.Warn("nats does not answer; to be asked on and on", "err", err)
		}
		if err := c.rest(ctx, n); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
	}
}

// try calls f once, with a connection.
func (c *Conn) try(ctx context.Context, f func(context.Context) error) error {
	if err := c.connected(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	return f(ctx)
}

// rest waits before the try after the n-th.
func (c *Conn) rest(ctx context.Context, n int) error {
	t := time.NewTimer(pause(n))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.closed:
		return ErrClosed
	case <-t.C:
		return nil
	}
}

// pause grows by doubling, and differs between processes, so that they don't
// all come back to a restarted server at once.
func pause(n int) time.Duration {
	d := min(pauseMost, pauseFirst<<min(n, 10))
	return d/2 + rand.N(d/2)
}

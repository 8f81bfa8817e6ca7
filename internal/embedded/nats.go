package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/crypto/bcrypt"

	"recaption/internal/secret"
)

// NATS is a NATS server in this process, with JetStream that syncs always.
type NATS struct {
	URL      string // nats://127.0.0.1:<port>
	User     string
	Password secret.Text

	server *server.Server
	lock   *stateLock
	log    *natsLog
	done   chan struct{}
	wg     sync.WaitGroup
}

// StartNATS starts a NATS server alone over the state folder dir. It holds the
// folder: to have both services over one folder use [Start].
func StartNATS(ctx context.Context, dir string, opts ...Option) (*NATS, error) {
	st, err := openState(dir)
	if err != nil {
		return nil, err
	}
	n, err := startNATS(ctx, st, resolve(opts))
	if err != nil {
		return nil, errors.Join(err, st.lock.release())
	}
	n.lock = st.lock
	return n, nil
}

func startNATS(ctx context.Context, st *state, o options) (*NATS, error) {
	if err := os.MkdirAll(st.nats(), 0o700); err != nil {
		return nil, fmt.Errorf("start nats: %w", err)
	}
	n := &NATS{User: "recaption", Password: secret.New(), log: newNATSLog(o.log), done: make(chan struct{})}
	// The server warns of a password in the clear. One that is random and ends
	// with the process needs no costly hash.
	hash, err := bcrypt.GenerateFromPassword([]byte(n.Password), bcrypt.MinCost)
	if err != nil {
		return nil, fmt.Errorf("start nats: %w", err)
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "recaption",
		Host:       "127.0.0.1",
		Port:       server.RANDOM_PORT,
		Username:   n.User,
		Password:   string(hash),
		JetStream:  true,
		StoreDir:   st.nats(),
		SyncAlways: o.sync,
		// What streams hold is bounded by their own limits; these only keep
		// the server from sizing itself by the machine. No stream is in memory.
		JetStreamMaxMemory:     64 << 20,
		JetStreamMaxStore:      64 << 30,
		DisableJetStreamBanner: true,
		NoSigs:                 true, // signals are the program's
	})
	if err != nil {
		return nil, fmt.Errorf("start nats: %w", err)
	}
	n.server = s
	s.SetLoggerV2(n.log, false, false, false)
	s.Start()
	if err := n.ready(ctx); err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("start nats over %s: %w", st.nats(), err)
	}
	n.URL = s.ClientURL()
	n.wg.Go(n.watch)
	return n, nil
}

// ready waits until the server takes connections.
func (n *NATS) ready(ctx context.Context) error {
	limit := startLimit
	if at, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(at))
	}
	up := n.server.ReadyForConnections(limit)
	switch {
	case n.log.fatal() != nil:
		return n.log.fatal()
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !up:
		return fmt.Errorf("no answer within %s", limit.Round(time.Millisecond))
	}
	return nil
}

// watch closes done when the server has ended.
func (n *NATS) watch() {
	n.server.WaitForShutdown()
	close(n.done)
}

// Done is closed when the server has ended.
func (n *NATS) Done() <-chan struct{} { return n.done }

// Err says why the server ended by itself, nil otherwise.
func (n *NATS) Err() error {
	if err := n.log.fatal(); err != nil {
		return fmt.Errorf("nats: %w", err)
	}
	return nil
}

// Close stops the server, waits for it, and gives the folder back if it is
// held for this server alone. It may be called again.
func (n *NATS) Close() error {
	n.server.Shutdown()
	n.wg.Wait()
	return n.lock.release()
}

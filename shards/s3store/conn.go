package s3store

import (
	"context"
	"net"
	"time"
)

// dialing gives connections on which no more than limit passes in silence:
// one that neither takes nor brings a byte for so long breaks with a timeout.
func dialing(dial func(context.Context, string, string) (net.Conn, error), limit time.Duration) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &lively{c, limit}, nil
	}
}

type lively struct {
	net.Conn
	limit time.Duration
}

// Read implements [net.Conn].
func (c *lively) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write implements [net.Conn]. While a body goes out, the answer has time.
func (c *lively) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		return n, err
	}
	return n, c.SetReadDeadline(time.Now().Add(c.limit))
}

package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
)

// pullWait is how long the server keeps one request for a message.
const pullWait = 10 * time.Second

// errIdle says that no message came within pullWait.
var errIdle = errors.New("no message")

// pull asks a consumer for one message and waits for it: it returns errIdle
// after pullWait, and ErrNoStream when there is no such consumer. It is done by
// hand, not by the client library's Fetch, because of what happens when ctx
// ends: a message that is on its way at that moment is handed back at once,
// not after its lease ran out.
func (c *Conn) pull(ctx context.Context, stream, consumer string) (*nats.Msg, error) {
	if err := c.connected(ctx); err != nil {
		return nil, err
	}
	up := c.next()
	arrived := make(chan *nats.Msg, 8) // one message, and notes of the server
	inbox := c.nc.NewInbox()
	sub, err := c.nc.ChanSubscribe(inbox, arrived)
	if err != nil {
		return nil, edge("wait for a message", err)
	}
	asked := false
	defer func() {
		if asked {
			c.recall(sub, arrived)
		} else {
			_ = sub.Unsubscribe() // fails only with the connection
		}
	}()

	request, err := json.Marshal(struct {
		Batch   int           `json:"batch"`
		Expires time.Duration `json:"expires"`
	}{1, pullWait})
	if err != nil {
		return nil, err
	}
	if err := c.nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+stream+"."+consumer, inbox, request); err != nil {
		return nil, edge("wait for a message", err)
	}
	asked = true
	late := time.NewTimer(pullWait + tryLimit)
	defer late.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, ended(ctx)
		case <-c.closed:
			return nil, ErrClosed
		case <-up: // the request was lost with the old connection, or may be
			return nil, errIdle
		case <-late.C:
			return nil, errIdle
		case m := <-arrived:
			switch status(m) {
			case "":
				asked = false
				return m, nil
			case "100": // a heartbeat
			case "404", "408":
				asked = false
				return nil, errIdle
			default: // no consumer; or a leader that changes, a server that stops, too many requests
				asked = false
				if err := c.find(ctx, stream, consumer); err != nil {
					return nil, err
				}
				if err := c.rest(ctx, 4); err != nil {
					return nil, err
				}
				return nil, errIdle
			}
		}
	}
}

// recall takes a request for a message back, and hands back the message that
// the server sent before it knew.
func (c *Conn) recall(sub *nats.Subscription, arrived <-chan *nats.Msg) {
	// Drain, not Unsubscribe, which would drop what is on its way. When the
	// flush returns the server has seen the end of our interest, and all that
	// it sent before has arrived.
	if err := sub.Drain(); err != nil {
		return // the connection is gone, and the message goes back by its lease
	}
	if err := c.nc.FlushTimeout(time.Second); err != nil {
		return
	}
	for {
		select {
		case m := <-arrived:
			if status(m) == "" {
				_ = m.Respond([]byte(handBack(0))) // if it is lost: by its lease
			}
		default:
			return
		}
	}
}

// find returns ErrNoStream when the consumer isn't there.
func (c *Conn) find(ctx context.Context, stream, consumer string) error {
	return c.do(ctx, "find consumer "+consumer, func(ctx context.Context) error {
		_, err := c.js.Consumer(ctx, stream, consumer)
		return err
	})
}

// status is the code of a note by the server, empty for a message.
func status(m *nats.Msg) string {
	if len(m.Data) > 0 {
		return ""
	}
	return m.Header.Get("Status")
}

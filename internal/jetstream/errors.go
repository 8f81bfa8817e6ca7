package jetstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var (
	// ErrQueued says that the job's subject holds a message: it is queued, in
	// somebody's hands, or waits for a coordinator with its deliveries used up.
	// The caller that wanted it queued has what it wanted.
	ErrQueued = errors.New("queued already")
	// ErrNoStream says that a stream, a consumer or a bucket isn't there: no
	// coordinator has made it yet, or somebody deleted it.
	ErrNoStream = errors.New("no such stream or consumer")
	// ErrUnavailable says that no server answers.
	ErrUnavailable = errors.New("nats does not answer")
	// ErrDenied says that the server does not accept the credentials, or that
	// they don't allow this.
	ErrDenied = errors.New("nats denies access")
	// ErrSettled says that the delivery had its verdict before.
	ErrSettled = errors.New("delivery has its verdict")
	// ErrMissed says that events may have passed unseen.
	ErrMissed = errors.New("events may have been missed")
	// ErrClosed says that the connection was closed.
	ErrClosed = errors.New("connection is closed")
)

// edge turns an error of NATS into ours, with what was being done.
func edge(op string, err error) error {
	if err == nil {
		return nil
	}
	for _, e := range []struct{ ours, theirs error }{
		{ErrDenied, nats.ErrAuthorization}, // before the end of the connection, which follows from it
		{ErrDenied, nats.ErrAuthExpired},
		{ErrDenied, nats.ErrAuthRevoked},
		{ErrDenied, nats.ErrPermissionViolation},
		{ErrClosed, nats.ErrConnectionClosed},
		{ErrClosed, nats.ErrConnectionDraining},
		{ErrNoStream, jetstream.ErrStreamNotFound},
		{ErrNoStream, jetstream.ErrConsumerNotFound},
		{ErrNoStream, jetstream.ErrConsumerDoesNotExist},
		{ErrNoStream, jetstream.ErrBucketNotFound},
		{ErrUnavailable, nats.ErrNoResponders},
		{ErrUnavailable, nats.ErrTimeout},
		{ErrUnavailable, nats.ErrNoServers},
		{ErrUnavailable, nats.ErrReconnectBufExceeded},
		{ErrUnavailable, nats.ErrConnectionReconnecting},
		{ErrUnavailable, nats.ErrDisconnected},
		{ErrUnavailable, nats.ErrStaleConnection},
		{ErrUnavailable, jetstream.ErrJetStreamNotEnabled},
		{ErrUnavailable, context.DeadlineExceeded},
	} {
		if errors.Is(err, e.theirs) {
			return fmt.Errorf("%s: %w: %w", op, e.ours, err)
		}
	}
	// 503: no leader yet, or a server that is starting or stopping.
	if api := (*jetstream.APIError)(nil); errors.As(err, &api) && api.Code == 503 && api.ErrorCode != codeStoreFailed {
		return fmt.Errorf("%s: %w: %w", op, ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

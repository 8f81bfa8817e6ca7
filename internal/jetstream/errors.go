package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	// ErrFull says that the server can't store what it was given. It may later,
	// when its disk has room again or its limits are raised.
	ErrFull = errors.New("nats can't store: free its disk or raise its limits")
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
	api := (*jetstream.APIError)(nil)
	switch {
	case errors.Is(err, ErrFull) || !errors.As(err, &api):
	case slices.Contains(codesFull, api.ErrorCode):
		return fmt.Errorf("%s: %w: %w", op, ErrFull, err)
	case api.Code == 503: // no leader yet, or a server that is starting or stopping
		return fmt.Errorf("%s: %w: %w", op, ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// The server's answers to a message that it can't store.
const (
	codeAccountFull jetstream.ErrorCode = 10002 // the account's limits
	codeNoRoom      jetstream.ErrorCode = 10023 // the server's
	codeStorageFull jetstream.ErrorCode = 10047
	codeStoreFailed jetstream.ErrorCode = 10077 // the stream's, or a fault of its disk
)

var codesFull = []jetstream.ErrorCode{codeAccountFull, codeNoRoom, codeStorageFull, codeStoreFailed}

// apiCode is the code of a server's answer, 0 for another error.
func apiCode(err error) jetstream.ErrorCode {
	if api := (*jetstream.APIError)(nil); errors.As(err, &api) {
		return api.ErrorCode
	}
	return 0
}

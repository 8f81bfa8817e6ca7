package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"recaption/internal/secret"
)

// bucket is the one that is made when it isn't there.
const bucket = "recaption"

// S3 is an S3 gateway in a child process.
type S3 struct {
	Endpoint  string // http://127.0.0.1:<port>, to be addressed in path style
	Region    string
	AccessKey string
	SecretKey secret.Text
	Bucket    string // "recaption", there already

	child *child
	lock  *stateLock
}

// StartS3 starts an S3 gateway alone over the state folder dir. It holds the
// folder: to have both services over one folder use [Start].
func StartS3(ctx context.Context, dir string, opts ...Option) (*S3, error) {
	st, err := openState(dir)
	if err != nil {
		return nil, err
	}
	g, err := startS3(ctx, st, resolve(opts))
	if err != nil {
		return nil, errors.Join(err, st.lock.release())
	}
	g.lock = st.lock
	return g, nil
}

func startS3(ctx context.Context, st *state, o options) (*S3, error) {
	g := &S3{
		Region:    "us-east-1",
		AccessKey: string(secret.New()),
		SecretKey: secret.New(),
		Bucket:    bucket,
	}
	// A folder below the gateway's root is a bucket, owned by the root account.
	if err := os.MkdirAll(filepath.Join(st.objects(), g.Bucket), 0o700); err != nil {
		return nil, fmt.Errorf("make bucket %s: %w", g.Bucket, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("no answer within %s", startLimit))
	defer cancel()
	c, addr, err := startChild(ctx, gatewayConfig{
		Root:       st.objects(),
		Attributes: st.attributes(),
		Region:     g.Region,
		AccessKey:  g.AccessKey,
		SecretKey:  string(g.SecretKey),
		Sync:       o.sync,
	}, o.log.With("service", "s3"))
	if err != nil {
		return nil, fmt.Errorf("start s3 gateway over %s: %w", st.objects(), err)
	}
	g.child, g.Endpoint = c, "http://"+addr
	return g, nil
}

// Done is closed when the gateway has ended.
func (g *S3) Done() <-chan struct{} { return g.child.done }

// Err says why the gateway ended by itself, nil while it runs and when it was
// closed.
func (g *S3) Err() error { return g.child.failure() }

// Close lets the gateway finish the requests it is in, stops it, waits for the
// process to be gone, and gives the folder back if it is held for this gateway
// alone. It may be called again.
func (g *S3) Close() error {
	return errors.Join(g.child.stop(), g.lock.release())
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"recaption/internal/embedded"
	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/s3store"
)

// serviceLimit bounds the checks of services: what does not answer in this
// time is not there.
const serviceLimit = 10 * time.Second

// serviceChecks look at the store and the NATS server of a run.
type serviceChecks struct {
	settings settings
	where    place
	throwOut string // folder to remove in the end
}

// newServiceChecks finds out what a run with --out would use. Without it, the
// embedded services are used over a folder that close removes.
func newServiceChecks(out, state string, s settings) (*serviceChecks, error) {
	if out != "" {
		where, err := parseOut(out, state)
		return &serviceChecks{settings: s, where: where}, err
	}
	dir, err := os.MkdirTemp("", "recaption-doctor-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the embedded services: %w", err)
	}
	where, err := parseOut(dir, state)
	return &serviceChecks{settings: s, where: where, throwOut: dir}, err
}

func (c *serviceChecks) close() {
	if c.throwOut != "" {
		_ = os.RemoveAll(c.throwOut) // in the system's folder for such things
	}
}

// store opens the store and checks that what exists is never replaced there.
func (c *serviceChecks) store(ctx context.Context) finding {
	ctx, cancel := context.WithTimeout(ctx, serviceLimit)
	defer cancel()
	cfg := storeConfig(c.settings)
	cfg.Bucket, cfg.Prefix = c.where.bucket, c.where.prefix
	cfg.Attempts = 2
	if c.where.bucket != "" {
		at := fmt.Sprintf("s3://%s/%s", cfg.Bucket, cfg.Prefix)
		if err := createOnly(ctx, cfg); err != nil {
			return wrong(storeRemedy(err), "%s: %v", at, err)
		}
		return ok("%s, create-only writes hold", at)
	}
	g, err := embedded.StartS3(ctx, c.where.state)
	if err != nil {
		return wrong(stateRemedy(err), "%v", err)
	}
	cfg.Bucket, cfg.Endpoint, cfg.Region, cfg.PathStyle = g.Bucket, g.Endpoint, g.Region, true
	cfg.AccessKey, cfg.SecretKey = g.AccessKey, g.SecretKey
	if err := errors.Join(createOnly(ctx, cfg), g.Close()); err != nil {
		return wrong("the folder must allow files, links and renames: choose one on a local disk", "embedded gateway over %s: %v", c.where.state, err)
	}
	return ok("embedded gateway%s, create-only writes hold", c.over())
}

func createOnly(ctx context.Context, cfg s3store.Config) error {
	st, err := s3store.Open(ctx, cfg)
	if err != nil {
		return err
	}
	return shards.VerifyCreateOnly(ctx, st)
}

func storeRemedy(err error) string {
	switch {
	case errors.Is(err, shards.ErrOverwrites):
		return "use a store that supports If-None-Match: * on writes; two workers could overwrite each other's results on this one"
	case errors.Is(err, shards.ErrNoBucket):
		return "make the bucket, or mend its name in --out"
	case errors.Is(err, shards.ErrTransient), errors.Is(err, context.DeadlineExceeded):
		return "check that the store runs, and --endpoint, --region, --path-style and --ca-file"
	}
	return "check the credentials (RECAPTION_STORE_ACCESS_KEY and RECAPTION_STORE_SECRET_KEY, or the AWS chain) and that they may read, write and delete there"
}

func stateRemedy(err error) string {
	var used *embedded.InUseError
	if errors.As(err, &used) {
		return "nothing, if that is a run; else end that process"
	}
	return "the folder must be writable, and this program's file must be there to be started again"
}

// nats connects to the server and asks JetStream something.
func (c *serviceChecks) nats(ctx context.Context) finding {
	ctx, cancel := context.WithTimeout(ctx, serviceLimit)
	defer cancel()
	cfg := c.settings.NATS.config("recaption doctor")
	if cfg.URL != "" {
		if err := askStreams(ctx, cfg); err != nil {
			return wrong(natsRemedy(err), "%s: %v", cfg.Address(), err)
		}
		return ok("%s, JetStream answers", cfg.Address())
	}
	n, err := embedded.StartNATS(ctx, c.where.state)
	if err != nil {
		return wrong(stateRemedy(err), "%v", err)
	}
	cfg.URL, cfg.User, cfg.Password, cfg.CredsFile = n.URL, n.User, n.Password, ""
	if err := errors.Join(askStreams(ctx, cfg), n.Close()); err != nil {
		return wrong("the folder must be writable and have room", "embedded server over %s: %v", c.where.state, err)
	}
	return ok("embedded server%s, JetStream answers", c.over())
}

// askStreams changes nothing on the server: it asks for the depth of a queue
// that may not be there.
func askStreams(ctx context.Context, cfg jetstream.Config) error {
	conn, err := jetstream.Connect(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	queue, err := conn.Jobs(schemas.Pool(defaultSettings().Worker.Pool))
	if err == nil {
		_, err = queue.Depth(ctx)
	}
	if errors.Is(err, jetstream.ErrNoStream) {
		err = nil // JetStream said so
	}
	return errors.Join(err, conn.Close())
}

func natsRemedy(err error) string {
	if errors.Is(err, jetstream.ErrDenied) {
		return "check nats.user and nats.password, or nats.credentials, and what they allow"
	}
	return "check that the server runs with JetStream enabled (nats-server -js), and nats.url and nats.ca_file"
}

// over says which folder the embedded services were started over.
func (c *serviceChecks) over() string {
	if c.throwOut != "" {
		return ""
	}
	return " over " + c.where.state
}

func cores() int { return runtime.GOMAXPROCS(0) }

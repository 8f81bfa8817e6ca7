package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
)

// gatewayConfig is what the child reads from its standard input, one line.
type gatewayConfig struct {
	Root       string `json:"root"`       // absolute; a folder for each bucket
	Attributes string `json:"attributes"` // absolute; used where files have no extended attributes
	Region     string `json:"region"`
	AccessKey  string `json:"access_key"`
	SecretKey  string `json:"secret_key"`
	Sync       bool   `json:"sync"`
}

// serveS3 is the child: it reads its configuration from in, says on ready where
// it listens, and serves until in ends.
func serveS3(in io.Reader, ready *os.File) error {
	d := json.NewDecoder(in)
	var cfg gatewayConfig
	if err := d.Decode(&cfg); err != nil {
		return fmt.Errorf("s3 gateway: read configuration: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var t traffic
	go func() { // ends the process
		_, _ = io.Copy(io.Discard, in)
		cancel()
		// The server would wait for connections that clients keep open and
		// don't use. What counts is the requests that it is in.
		t.end()
		os.Exit(0)
	}()
	// The gateway can't say which port it was given, so it gets one that was
	// free a moment ago, and another when somebody was faster.
	for range 10 {
		listening, err := serveOnce(ctx, cfg, &t, ready)
		switch {
		case errors.Is(err, syscall.EADDRINUSE) && !listening:
			continue
		case err != nil && !listening:
			return errors.Join(fmt.Errorf("s3 gateway: %w", err), say(ready, readiness{Error: err.Error()}))
		case err != nil:
			return fmt.Errorf("s3 gateway: %w", err)
		}
		return nil
	}
	return say(ready, readiness{Error: "no free port on the loopback interface"})
}

// serveOnce serves on a fresh port, and tells whether it came to listen.
func serveOnce(ctx context.Context, cfg gatewayConfig, t *traffic, ready *os.File) (listening bool, err error) {
	addr, err := freePort()
	if err != nil {
		return false, err
	}
	attrs, dir, err := attributes(cfg)
	if err != nil {
		return false, err
	}
	be, err := posix.New(cfg.Root, attrs, posix.PosixOpts{
		SideCarDir:          dir,
		CopyObjectThreshold: 5 << 30, // zero would refuse every copy
	})
	if err != nil {
		return false, err
	}
	opts := []s3api.Option{s3api.WithOnListen(func() {
		listening = true
		if err := say(ready, readiness{Addr: addr}); err != nil {
			fmt.Fprintln(os.Stderr, err) // the parent is gone, and stdin will end
		}
	})}
	opts = append(opts, s3api.WithMiddleware("/", t.pass))
	if cfg.Sync {
		d, err := newDisk(cfg.Root, dir)
		if err != nil {
			return false, err
		}
		defer d.close()
		opts = append(opts, s3api.WithMiddleware("/", d.syncWrites))
	}
	root := auth.Account{Access: cfg.AccessKey, Secret: cfg.SecretKey, Role: auth.RoleAdmin}
	err = embedgw.RunVersityGW(ctx, be, &embedgw.Config{
		IAMService:        auth.NewIAMServiceSingle(root), // nobody but the root account
		RootUserAccess:    cfg.AccessKey,
		RootUserSecret:    cfg.SecretKey,
		Region:            cfg.Region,
		Ports:             []string{addr},
		MaxConnections:    4096,
		MaxRequests:       1024,
		MultipartMaxParts: 10_000,
		KeepAlive:         true,
		Quiet:             true,
		S3Options:         opts,
	})
	return listening, err
}

// traffic knows of the requests under way.
type traffic struct{ mu sync.RWMutex }

// pass is the middleware that every request goes through.
func (t *traffic) pass(c fiber.Ctx) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return c.Next()
}

// end returns when no request is under way. Later ones wait for ever.
func (t *traffic) end() { t.mu.Lock() }

// attributes chooses where the gateway keeps what it notes about objects. A
// folder that was used before is used again.
func attributes(cfg gatewayConfig) (meta.MetadataStorer, string, error) {
	x := meta.XattrMeta{}
	if _, err := os.Stat(cfg.Attributes); err != nil && x.Test(cfg.Root) == nil {
		return x, "", nil
	}
	if err := os.MkdirAll(cfg.Attributes, 0o700); err != nil {
		return nil, "", err
	}
	s, err := meta.NewSideCar(cfg.Attributes)
	return s, cfg.Attributes, err
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

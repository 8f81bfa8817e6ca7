package s3store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"recaption/internal/secret"
	"recaption/shards"
)

// Config says where a bucket is and how it is talked to.
type Config struct {
	Bucket string
	Prefix string // of every key, without a '/' at its end; empty: the bucket's root

	Endpoint  string // URL of the store; empty: AWS's own for the region
	Region    string // empty: from the usual chain, else us-east-1
	PathStyle bool   // the bucket in the path, not in the host name: most stores but AWS
	CAFile    string // PEM certificates trusted beside the system's

	// Credentials. Empty: the usual chain of environment, shared files, web
	// identity and instance metadata.
	AccessKey    string
	SecretKey    secret.Text
	SessionToken secret.Text

	Attempts      int           // tries of one request, the first included
	StallLimit    time.Duration // without a byte, after which a connection is given up
	MultipartFrom int64         // size in bytes from which an object is sent in parts
	PartSize      int64         // of those, in bytes; held in memory while they are sent
	PartsAtOnce   int           // in flight for one object
}

// DefaultConfig gives the defaults: 5 tries, a minute's stall, and parts of 8
// MiB, four at once, for objects from 64 MiB.
func DefaultConfig() Config {
	return Config{
		Attempts:      5,
		StallLimit:    time.Minute,
		MultipartFrom: 64 << 20,
		PartSize:      8 << 20,
		PartsAtOnce:   4,
	}
}

// Validate names every fault.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("s3 store: "+format, args...)) }
	if c.Bucket == "" {
		bad("bucket: want a name")
	}
	if c.Prefix != "" {
		if err := shards.CheckKey(c.Prefix); err != nil {
			bad("prefix: %w", err)
		}
	}
	if c.Endpoint != "" {
		if u, err := url.Parse(c.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			bad("endpoint %q: want http://host:port or https://host:port", c.Endpoint)
		}
	}
	if (c.AccessKey == "") != (c.SecretKey == "") {
		bad("access key and secret key: want both or none")
	}
	if c.Attempts < 1 || c.Attempts > 100 {
		bad("attempts %d: want 1 to 100", c.Attempts)
	}
	if c.StallLimit < time.Second || c.StallLimit > time.Hour {
		bad("stall limit %s: want 1s to 1h", c.StallLimit)
	}
	if c.PartSize < 5<<20 || c.PartSize > 1<<30 {
		bad("part size %d: want 5 MiB to 1 GiB", c.PartSize)
	}
	if c.MultipartFrom < c.PartSize || c.MultipartFrom > 5<<30 {
		bad("multipart from %d: want the part size to 5 GiB", c.MultipartFrom)
	}
	if c.PartsAtOnce < 1 || c.PartsAtOnce > 64 {
		bad("parts at once %d: want 1 to 64", c.PartsAtOnce)
	}
	return errors.Join(errs...)
}

// load resolves what the SDK needs.
func (c Config) load(ctx context.Context) (aws.Config, error) {
	pool, err := c.trusted()
	if err != nil {
		return aws.Config{}, err
	}
	base := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.DialContext = dialing(t.DialContext, c.StallLimit)
		t.MaxIdleConnsPerHost = 64
	})
	opts := []func(*config.LoadOptions) error{
		config.WithHTTPClient(base),
		config.WithRetryer(c.retryer),
		// Checksums travel with each object and are verified on both sides.
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenSupported),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenSupported),
	}
	if c.Region != "" {
		opts = append(opts, config.WithRegion(c.Region))
	}
	if c.AccessKey != "" {
		opts = append(opts, config.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(c.AccessKey, string(c.SecretKey), string(c.SessionToken))))
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("s3 store: configuration: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	client, ok := cfg.HTTPClient.(*awshttp.BuildableClient) // with AWS_CA_BUNDLE, if that is set
	if !ok {
		return aws.Config{}, fmt.Errorf("s3 store: configuration: HTTP client is a %T", cfg.HTTPClient)
	}
	if pool != nil {
		client = client.WithTransportOptions(func(t *http.Transport) {
			if t.TLSClientConfig == nil {
				t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
			}
			t.TLSClientConfig.RootCAs = pool
		})
	}
	cfg.HTTPClient = client.Freeze()
	return cfg, nil
}

// retryer tries again what S3 asks to try again. The conditional writes of two
// clients that meet are answered with a conflict by some stores.
func (c Config) retryer() aws.Retryer {
	r := retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = c.Attempts })
	return retry.AddWithErrorCodes(r, "ConditionalRequestConflict", "OperationAborted")
}

func (c Config) trusted() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("s3 store: CA file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("s3 store: CA file %s: no certificate in it", c.CAFile)
	}
	return pool, nil
}

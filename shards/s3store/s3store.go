// Package s3store keeps objects in a bucket of an S3 store. It is the only
// package that imports the AWS SDK.
package s3store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"recaption/shards"
)

// Store is a bucket, or the part of one below a prefix.
type Store struct {
	s3     *s3.Client
	parts  *transfermanager.Client
	idle   interface{ CloseIdleConnections() }
	cfg    Config
	prefix string // of every key: empty, or with '/' at its end
}

var _ shards.Store = (*Store)(nil)

// Open resolves credentials and settings. It sends nothing to the store; who
// commits there calls [shards.VerifyCreateOnly] next.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	sdk, err := cfg.load(ctx)
	if err != nil {
		return nil, err
	}
	client := s3.NewFromConfig(sdk, func(o *s3.Options) {
		o.UsePathStyle = cfg.PathStyle
		o.DisableLogOutputChecksumValidationSkipped = true // ranges have none: our digests cover them
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
	})
	s := &Store{s3: client, cfg: cfg}
	if c, ok := sdk.HTTPClient.(interface{ CloseIdleConnections() }); ok {
		s.idle = c
	}
	if cfg.Prefix != "" {
		s.prefix = cfg.Prefix + "/"
	}
	s.parts = transfermanager.New(client, func(o *transfermanager.Options) {
		o.PartSizeBytes = cfg.PartSize
		o.MultipartUploadThreshold = cfg.MultipartFrom
		o.Concurrency = cfg.PartsAtOnce
		o.FailTimeout = 10 * time.Second // to give up an upload also when ctx has ended
	})
	return s, nil
}

// Close gives idle connections back. No call may be under way.
func (s *Store) Close() {
	if s.idle != nil {
		s.idle.CloseIdleConnections()
	}
}

// String is the store's address.
func (s *Store) String() string {
	return strings.TrimSuffix("s3://"+s.cfg.Bucket+"/"+s.prefix, "/")
}

// Put implements [shards.Store].
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	if err := shards.CheckKey(key); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	if err := checkSize(body, size); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	var err error
	if size < s.cfg.MultipartFrom {
		_, err = s.s3.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &s.cfg.Bucket, Key: s.name(key), Body: body, ContentLength: &size,
		})
	} else {
		_, err = s.parts.UploadObject(ctx, &transfermanager.UploadObjectInput{
			Bucket: &s.cfg.Bucket, Key: s.name(key), Body: body,
		})
	}
	return failed(ctx, err, "put "+key, nil)
}

// Create implements [shards.Store].
func (s *Store) Create(ctx context.Context, key string, b []byte) error {
	if err := shards.CheckKey(key); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	_, err := s.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.cfg.Bucket, Key: s.name(key), Body: bytes.NewReader(b), IfNoneMatch: aws.String("*"),
	})
	return failed(ctx, err, "create "+key, shards.ErrExists)
}

// Get implements [shards.Store].
func (s *Store) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	what := "get " + key
	if err := shards.CheckKey(key); err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	for try := 1; ; try++ {
		b, err := s.get(ctx, key, limit)
		if err == nil || !broken(err) || try >= s.cfg.Attempts || !pause(ctx, try) {
			return b, failed(ctx, err, what, nil)
		}
	}
}

// get reads an object in one request.
func (s *Store) get(ctx context.Context, key string, limit int64) ([]byte, error) {
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.cfg.Bucket, Key: s.name(key)})
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	if n := aws.ToInt64(out.ContentLength); n > limit {
		return nil, fmt.Errorf("%d bytes; want at most %d", n, limit)
	}
	return readBody(out.Body, aws.ToInt64(out.ContentLength))
}

// ReadTail implements [shards.Store].
func (s *Store) ReadTail(ctx context.Context, key string, n int64) (shards.Tail, error) {
	what := "read end of " + key
	if err := shards.CheckKey(key); err != nil {
		return shards.Tail{}, fmt.Errorf("read end: %w", err)
	}
	for try := 1; ; try++ {
		t, err := s.readTail(ctx, key, n)
		if err == nil || !broken(err) || try >= s.cfg.Attempts || !pause(ctx, try) {
			return t, failed(ctx, err, what, nil)
		}
	}
}

func (s *Store) readTail(ctx context.Context, key string, n int64) (shards.Tail, error) {
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.cfg.Bucket, Key: s.name(key), Range: aws.String(fmt.Sprintf("bytes=-%d", n)),
	})
	if code(err) == "InvalidRange" { // of an empty object nothing can be read
		return s.emptyTail(ctx, key)
	}
	if err != nil {
		return shards.Tail{}, err
	}
	defer out.Body.Close()
	got := aws.ToInt64(out.ContentLength)
	size := got
	if r := aws.ToString(out.ContentRange); r != "" {
		var from, to int64
		if _, err := fmt.Sscanf(r, "bytes %d-%d/%d", &from, &to, &size); err != nil {
			return shards.Tail{}, fmt.Errorf("content range %q", r)
		}
	}
	if got != min(n, size) {
		return shards.Tail{}, fmt.Errorf("got %d bytes of %d, asked for the last %d: the store ignores suffix ranges", got, size, n)
	}
	b, err := readBody(out.Body, got)
	if err != nil {
		return shards.Tail{}, err
	}
	return shards.Tail{Bytes: b, Size: size, ETag: aws.ToString(out.ETag)}, nil
}

func (s *Store) emptyTail(ctx context.Context, key string) (shards.Tail, error) {
	out, err := s.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.cfg.Bucket, Key: s.name(key)})
	if err != nil {
		return shards.Tail{}, err
	}
	if n := aws.ToInt64(out.ContentLength); n != 0 {
		return shards.Tail{}, fmt.Errorf("the store refuses suffix ranges of an object of %d bytes", n)
	}
	return shards.Tail{Bytes: []byte{}, ETag: aws.ToString(out.ETag)}, nil
}

// List implements [shards.Store].
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[shards.Object, error] {
	return func(yield func(shards.Object, error) bool) {
		if err := shards.CheckPrefix(prefix); err != nil {
			yield(shards.Object{}, fmt.Errorf("list: %w", err))
			return
		}
		in := &s3.ListObjectsV2Input{Bucket: &s.cfg.Bucket, Prefix: s.name(prefix)}
		if after != "" {
			in.StartAfter = s.name(after)
		}
		pages := s3.NewListObjectsV2Paginator(s.s3, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(shards.Object{}, failed(ctx, err, "list "+prefix, nil))
				return
			}
			for _, o := range page.Contents {
				key := strings.TrimPrefix(aws.ToString(o.Key), s.prefix)
				if shards.CheckKey(key) != nil {
					continue // not ours
				}
				if !yield(shards.Object{Key: key, Size: aws.ToInt64(o.Size)}, nil) {
					return
				}
			}
		}
	}
}

// Delete implements [shards.Store].
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := shards.CheckKey(key); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	_, err := s.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.cfg.Bucket, Key: s.name(key)})
	if err = failed(ctx, err, "delete "+key, nil); errors.Is(err, shards.ErrNotFound) {
		return nil
	}
	return err
}

func (s *Store) name(key string) *string { return aws.String(s.prefix + key) }

func checkSize(body io.Seeker, size int64) error {
	n, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("body is %d bytes long, not %d", n, size)
	}
	_, err = body.Seek(0, io.SeekStart)
	return err
}

package s3store

import (
	"context"
	"io"
	"iter"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"recaption/shards"
)

var _ shards.Foreign = (*Store)(nil)

// ListFound implements [shards.Foreign].
func (s *Store) ListFound(ctx context.Context, prefix string) iter.Seq2[shards.Found, error] {
	return func(yield func(shards.Found, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{Bucket: &s.cfg.Bucket, Prefix: s.name(prefix)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(shards.Found{}, failed(ctx, err, "list "+prefix, nil))
				return
			}
			for _, o := range page.Contents {
				found := shards.Found{
					Key:  strings.TrimPrefix(aws.ToString(o.Key), s.prefix),
					Size: aws.ToInt64(o.Size), ETag: aws.ToString(o.ETag),
				}
				if !yield(found, nil) {
					return
				}
			}
		}
	}
}

// ReadFound implements [shards.Foreign].
func (s *Store) ReadFound(ctx context.Context, o shards.Found) (io.ReadCloser, error) {
	if o.Size == 0 { // no range can be read of it
		return http.NoBody, nil
	}
	b := &body{store: s, ctx: ctx, key: o.Key, left: o.Size, etag: o.ETag}
	if err := b.open(); err != nil {
		return nil, b.failed(err)
	}
	return b, nil
}

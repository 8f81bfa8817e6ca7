package main

import (
	"context"

	"recaption/coordinator/source"
	"recaption/shards"
	"recaption/shards/s3store"
)

// sourceConfig lets s3:// sources be read with the store's settings.
func sourceConfig(s settings) source.Config {
	return source.Config{Objects: func(ctx context.Context, bucket string) (shards.Foreign, error) {
		cfg := storeConfig(s)
		cfg.Bucket = bucket
		return s3store.Open(ctx, cfg)
	}}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"recaption/shards"
	"recaption/shards/dirstore"
	"recaption/shards/s3store"
)

func newShardsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "shards",
		Short: "Look into what rests in a folder or bucket",
		Long: `Look into what rests: the datasets and captions that runs have committed.

WHERE is the folder that --out named, a folder of objects, or s3://bucket/prefix.
Folders are read as they are: no service is started, and a run may be under way.`,
	}
	asGroup(c)
	c.AddCommand(newShardsLsCommand(), newShardsCatCommand(), newShardsVerifyCommand())
	return c
}

// storeFlags adds the flags that say how an S3 store is reached.
func storeFlags(f *pflag.FlagSet) {
	f.String("endpoint", "", "URL of the S3 store of s3:// places (default: AWS)")
	f.String("region", "", "region of the S3 store")
	f.Bool("path-style", false, "name buckets of the S3 store in the path, not in the host name")
	f.String("ca-file", "", "PEM certificates to trust beside the system's")
}

// checkStoreFlags refuses flags about an S3 store where no place is in one:
// they would do nothing.
func checkStoreFlags(f *pflag.FlagSet, places ...string) error {
	if slices.ContainsFunc(places, func(p string) bool { return strings.HasPrefix(p, "s3://") }) {
		return nil
	}
	for _, name := range []string{"endpoint", "region", "path-style", "ca-file"} {
		if f.Changed(name) {
			return usagef("--%s is about the store of s3:// places, and there is none in %s", name, strings.Join(places, " and "))
		}
	}
	return nil
}

// withStore opens the store that where names, lets use read it, and closes it.
func withStore(c *cobra.Command, where string, use func(context.Context, shards.Store) error) (err error) {
	s, err := loadSettings(c.Flags())
	if err != nil {
		return err
	}
	if err := checkStoreFlags(c.Flags(), where); err != nil {
		return err
	}
	st, closer, err := openStore(c.Context(), where, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	return withoutCredentials(use(c.Context(), st), bucketOf(where), s)
}

// bucketOf is the bucket of a place, empty where that is a folder.
func bucketOf(where string) string {
	rest, isBucket := strings.CutPrefix(where, "s3://")
	if !isBucket {
		return ""
	}
	bucket, _, _ := strings.Cut(rest, "/")
	return bucket
}

// openStore opens what where names for reading: the folder of a run, a folder
// of objects, or a bucket. The caller closes it after the last read.
func openStore(ctx context.Context, where string, s settings) (shards.Store, io.Closer, error) {
	if strings.Contains(where, "://") {
		p, err := parseOut(where, "unused")
		if err != nil {
			return nil, nil, usagef("%s: want a folder or s3://bucket/prefix", where)
		}
		cfg := storeConfig(s)
		cfg.Bucket, cfg.Prefix = p.bucket, p.prefix
		st, err := s3store.Open(ctx, cfg)
		return st, io.NopCloser(nil), err
	}
	dir, err := findObjects(where)
	if err != nil {
		return nil, nil, err
	}
	st, err := dirstore.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	return st, st, nil
}

// findObjects gives the folder of objects for dir, which is that folder, or
// one that the embedded services keep it below.
func findObjects(dir string) (string, error) {
	if info, err := os.Stat(dir); err != nil {
		return "", usagef("store: %w", err)
	} else if !info.IsDir() {
		return "", usagef("store %s is a file; name the folder that a run's --out named, or a folder of objects", dir)
	}
	for _, root := range []string{"datasets", "captions", "recipes"} {
		if isDir(filepath.Join(dir, root)) {
			return dir, nil
		}
	}
	for _, gateway := range []string{filepath.Join(dir, "state", "s3"), filepath.Join(dir, "s3")} {
		if !isDir(gateway) {
			continue
		}
		buckets, err := visibleDirs(gateway)
		switch {
		case err != nil:
			return "", fmt.Errorf("store: %w", err)
		case len(buckets) == 1:
			return filepath.Join(gateway, buckets[0]), nil
		case len(buckets) > 1:
			return "", usagef("store %s holds %d buckets (%s); name one of these folders", gateway, len(buckets), strings.Join(buckets, ", "))
		}
	}
	return "", usagef("store %s: nothing of a run is in it (neither state/s3 nor datasets/); name the folder that --out named", dir)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// visibleDirs lists the folders in dir, without those that begin with a dot.
func visibleDirs(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

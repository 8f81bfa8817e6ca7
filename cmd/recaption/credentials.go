package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"recaption/shards"
)

// withoutCredentials adds to a store's error that nobody named credentials for
// it, where that is so: what the SDK says then is about the last place that it
// looked at, the machine's role.
func withoutCredentials(err error, bucket string, s settings) error {
	told := []error{shards.ErrNoBucket, shards.ErrNotFound, shards.ErrTransient, shards.ErrOverwrites, shards.ErrCorrupt, context.Canceled, errUsage, errFindings}
	if err == nil || bucket == "" || s.Store.AccessKey != "" || namesCredentials(os.Getenv) ||
		slices.ContainsFunc(told, func(e error) bool { return errors.Is(err, e) }) {
		return err
	}
	return fmt.Errorf("no credentials for s3://%s: set RECAPTION_STORE_ACCESS_KEY and RECAPTION_STORE_SECRET_KEY, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE: %w", bucket, err)
}

// namesCredentials reports whether the environment or the home folder names
// any place that the AWS SDK takes credentials from.
func namesCredentials(env func(string) string) bool {
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
	} {
		if env(name) != "" {
			return true
		}
	}
	for _, name := range []string{"credentials", "config"} {
		if _, err := os.Stat(filepath.Join(env("HOME"), ".aws", name)); err == nil {
			return true
		}
	}
	return false
}

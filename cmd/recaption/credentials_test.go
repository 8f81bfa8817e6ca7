package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recaption/shards"
)

func TestNamesCredentials(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".aws"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".aws", "credentials"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"PATH", "/bin", false},
		{"HOME", t.TempDir(), false},
		{"HOME", home, true},
		{"AWS_PROFILE", "me", true},
		{"AWS_ACCESS_KEY_ID", "me", true},
		{"AWS_WEB_IDENTITY_TOKEN_FILE", "/token", true},
	} {
		env := func(name string) string {
			if name == c.name {
				return c.value
			}
			return ""
		}
		if got := namesCredentials(env); got != c.want {
			t.Errorf("%s=%s: %t, want %t", c.name, c.value, got, c.want)
		}
	}
}

func TestWithoutCredentials(t *testing.T) {
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", t.TempDir())
	chain := errors.New("no EC2 IMDS role found")
	named := defaultSettings()
	named.Store.AccessKey = "me"
	for _, c := range []struct {
		err    error
		bucket string
		s      settings
		hint   bool
	}{
		{chain, "pairs", defaultSettings(), true},
		{chain, "", defaultSettings(), false},
		{chain, "pairs", named, false},
		{shards.ErrTransient, "pairs", defaultSettings(), false},
	} {
		got := withoutCredentials(c.err, c.bucket, c.s)
		if !errors.Is(got, c.err) || strings.HasPrefix(got.Error(), "no credentials for s3://pairs: set RECAPTION_STORE_ACCESS_KEY") != c.hint {
			t.Errorf("%v of %q: %v; want a hint: %t", c.err, c.bucket, got, c.hint)
		}
	}
}

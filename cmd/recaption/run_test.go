package main

import (
	"errors"
	"strings"
	"testing"

	"recaption/schemas"
)

func TestNameOf(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"box":             "box-",
		"Box.Example.ORG": "box-example-org-",
		"":                "host-",
		"---":             "host-",
		"recaption-worker-of-the-large-photographs-of-birds-7d9c5b6f4-x2k8p": "of-the-large-photographs-of-birds-7d9c5b6f4-x2k8p-",
	} {
		a, b := nameOf(host), nameOf(host)
		if !strings.HasPrefix(a, want) || len(a) != len(want)+8 {
			t.Errorf("%q: %s, want %s and eight characters", host, a, want)
		}
		if a == b {
			t.Errorf("%q: two processes are both %s", host, a)
		}
		if _, err := schemas.ParsePool(a); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestDatasetName(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"/data/pairs":                         "pairs",
		"/data/pairs/*.tar":                   "pairs",
		"/data/Birds of 2024.tar.gz":          "birds-of-2024",
		"/data/cc3m/train-{0000..0099}.tar":   "cc3m",
		"/data/cc3m/{train,test}/a.tar":       "a",
		"s3://pairs":                          "pairs",
		"s3://pairs/cc12m/":                   "cc12m",
		"s3://pairs/cc12m/{00000..01242}.tar": "cc12m",
	} {
		got, err := datasetName("", source)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %s", source, got, err, want)
		}
	}
	if got, err := datasetName("", "/*.tar"); !errors.Is(err, errUsage) {
		t.Errorf("/*.tar: %q, %v; want a usage error", got, err)
	}
	if got, err := datasetName("mine", "/*.tar"); err != nil || got != "mine" {
		t.Errorf("--dataset: %q, %v; want mine", got, err)
	}
}

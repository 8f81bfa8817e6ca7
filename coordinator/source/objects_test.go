package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recaption/schemas"
	"recaption/shards"
)

// bucket holds objects in memory, as a store would give them.
type bucket map[string][]byte

func (b bucket) etag(key string) string { return schemas.Sum(b[key]).String()[:8] }

func (b bucket) ListFound(_ context.Context, prefix string) iter.Seq2[shards.Found, error] {
	return func(yield func(shards.Found, error) bool) {
		for _, k := range slices.Sorted(maps.Keys(b)) {
			if strings.HasPrefix(k, prefix) && !yield(shards.Found{Key: k, Size: int64(len(b[k])), ETag: b.etag(k)}, nil) {
				return
			}
		}
	}
}

func (b bucket) ReadFound(_ context.Context, o shards.Found) (io.ReadCloser, error) {
	if _, ok := b[o.Key]; !ok {
		return nil, shards.ErrNotFound
	}
	if b.etag(o.Key) != o.ETag {
		return nil, shards.ErrChanged
	}
	return io.NopCloser(bytes.NewReader(b[o.Key])), nil
}

// config gives access to b under the name "b".
func (b bucket) config() Config {
	return Config{Objects: func(_ context.Context, name string) (shards.Foreign, error) {
		if name != "b" {
			return nil, fmt.Errorf("no bucket %s", name)
		}
		return b, nil
	}}
}

func TestOpenObjects(t *testing.T) {
	img := string(picture(1))
	one := pack(t, files("1.png", img, "1.txt", "x"))
	b := bucket{
		"data/00.tar": one, "data/sub=1/01.tar.gz": one, "data/readme": nil, "data2/02.tar": one,
		"mixed/a.tar": one, "mixed/b.png": nil, "pictures/a.png": nil, "other/a.csv": nil,
	}
	for where, want := range map[string][]string{
		"s3://b/data":                {"00.tar/1", "sub=1/01.tar.gz/1"},
		"s3://b/data/":               {"00.tar/1", "sub=1/01.tar.gz/1"},
		"s3://b/data/00.tar":         {"00.tar/1"},
		"s3://b/data*/*.tar":         {"data/00.tar/1", "data2/02.tar/1"},
		"s3://b/mixed/*.tar":         {"a.tar/1"},
		"s3://b/data{,2}/0[0-9].tar": {"data/00.tar/1", "data2/02.tar/1"},
		"s3://b/data{/00,2/02}.tar":  {"data/00.tar/1", "data2/02.tar/1"},
		"s3://b/data/sub=1/0*":       {"01.tar.gz/1"},
	} {
		t.Run(where, func(t *testing.T) {
			s, err := Open(t.Context(), where, b.config())
			if err != nil {
				t.Fatal(err)
			}
			rows, faults := readSource(t, s)
			var keys []string
			for _, r := range rows {
				keys = append(keys, r.Key)
			}
			if d := cmp.Diff(want, keys); d != "" || faults != nil {
				t.Errorf("%v\n%s", faults, d)
			}
		})
	}
	for where, want := range map[string]string{
		"s3://":                    "names no bucket",
		"s3://c/x":                 "no bucket c",
		"s3://b/pictures":          "holds images and no tars",
		"s3://b/other":             "holds no tar (.tar, .tar.gz, .tgz, .tar.zst) among 1 objects",
		"s3://b/gone":              "nothing is under",
		"s3://b/gone.tar":          "nothing is under",
		"s3://b/data/[":            "syntax error in pattern",
		"s3://b/mixed":             "holds tars and images (mixed/b.png)",
		"s3://b/data/*.jpeg":       "holds no tar",
		"s3://b/data/{00..02}.tar": "data/01.tar is not there",
		"s3://b/data/{00,zz}.tar":  "data/zz.tar is not there",
	} {
		t.Run(where, func(t *testing.T) {
			s, err := Open(t.Context(), where, b.config())
			if err == nil {
				for _, err = range s.Parts(t.Context()) {
				}
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestObjectsThatChange(t *testing.T) {
	b := bucket{"a.tar": pack(t, pairs(1))}
	s, err := Open(t.Context(), "s3://b", b.config())
	if err != nil {
		t.Fatal(err)
	}
	p := partsOf(t, s)[0]
	b["a.tar"] = pack(t, pairs(2))
	if err := readError(s, p); !errors.Is(err, ErrChanged) {
		t.Errorf("changed: %v", err)
	}
	delete(b, "a.tar")
	if err := readError(s, p); !errors.Is(err, ErrChanged) {
		t.Errorf("gone: %v", err)
	}
}

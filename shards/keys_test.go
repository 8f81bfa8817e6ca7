package shards_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"recaption/schemas"
	"recaption/shards"
)

const (
	hex64 = schemas.ShardID("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
	hex32 = schemas.JobID("0123456789abcdef0123456789abcdef")
	hex16 = "0123456789abcdef"
)

// keys lists one object of each kind, and some beside it, with what a parser
// reads back.
var keys = []struct {
	key, want string
	parse     func(string) (string, error) // nil: nobody reads it back
}{
	{shards.SampleShardKey("laion-2b", hex64), "datasets/laion-2b/shards/012/" + string(hex64) + ".arrow", func(k string) (string, error) {
		d, s, err := shards.ParseSampleShardKey(k)
		return fmt.Sprint(d, " ", s), err
	}},
	{shards.DatasetKey("d", hex16), "datasets/d/" + hex16 + "/dataset.json", func(k string) (string, error) {
		d, r, err := shards.ParseDatasetKey(k)
		return fmt.Sprint(d, " ", r), err
	}},
	{shards.PartKey("d", hex16, "p_0-1"), "datasets/d/" + hex16 + "/parts/p_0-1.json", func(k string) (string, error) {
		d, r, p, err := shards.ParsePartKey(k)
		return fmt.Sprint(d, " ", r, " ", p), err
	}},
	{shards.RecipeKey(schemas.RecipeID(hex64)), "recipes/" + string(hex64) + ".json", nil},
	{shards.GateKey(schemas.GateID(hex64)), "gates/" + string(hex64) + ".json", nil},
	{shards.CaptionsKey(schemas.RecipeID(hex64), hex64, 0, hex16), "captions/" + string(hex64) + "/012/" + string(hex64) + "/0-" + hex16 + ".arrow", func(k string) (string, error) {
		r, s, n, a, err := shards.ParseCaptionsKey(k)
		return fmt.Sprint(r, " ", s, " ", n, " ", a), err
	}},
	{shards.ReceiptKey(schemas.RecipeID(hex64), hex64, 0), "captions/" + string(hex64) + "/012/" + string(hex64) + "/0.json", func(k string) (string, error) {
		r, s, n, err := shards.ParseReceiptKey(k)
		return fmt.Sprint(r, " ", s, " ", n), err
	}},
	{shards.ReceiptKey(schemas.RecipeID(hex64), hex64, 12), "captions/" + string(hex64) + "/012/" + string(hex64) + "/12.json", func(k string) (string, error) {
		r, s, n, err := shards.ParseReceiptKey(k)
		return fmt.Sprint(r, " ", s, " ", n), err
	}},
	{shards.RunKey("r", 0), "runs/r/00000000.json", func(k string) (string, error) {
		r, n, err := shards.ParseRunKey(k)
		return fmt.Sprint(r, " ", n), err
	}},
	{shards.WithdrawnKey("d", 1), "datasets/d/withdrawn/00000001.json", func(k string) (string, error) {
		d, n, err := shards.ParseWithdrawnKey(k)
		return fmt.Sprint(d, " ", n), err
	}},
	{shards.EpochKey("t", 0), "training/t/epochs/00000000.json", func(k string) (string, error) {
		t, n, err := shards.ParseEpochKey(k)
		return fmt.Sprint(t, " ", n), err
	}},
}

func TestKeys(t *testing.T) {
	read := map[string]string{
		"datasets/laion-2b/shards":   "laion-2b " + string(hex64),
		"datasets/d/" + hex16 + "/d": "d " + hex16,
		"datasets/d/" + hex16 + "/p": "d " + hex16 + " p_0-1",
		"runs":                       "r 0",
		"training":                   "t 0",
		"datasets/d/w":               "d 1",
	}
	for _, k := range keys {
		if k.key != k.want {
			t.Errorf("got %s; want %s", k.key, k.want)
		}
		if err := shards.CheckKey(k.key); err != nil {
			t.Error(err)
		}
		if k.parse == nil {
			continue
		}
		got, err := k.parse(k.key)
		if err != nil {
			t.Errorf("%s: %v", k.key, err)
		}
		for prefix, want := range read {
			if strings.HasPrefix(k.key, prefix) && got != want {
				t.Errorf("%s: read %s; want %s", k.key, got, want)
			}
		}
	}
}

// TestKeysDontNest: on a gateway over a file system an object can't be a
// folder of another.
func TestKeysDontNest(t *testing.T) {
	for _, a := range keys {
		for _, b := range keys {
			if strings.HasPrefix(b.key, a.key+"/") {
				t.Errorf("%s is a folder of %s", a.key, b.key)
			}
		}
	}
}

// TestParseKeys: no parser reads another's keys, nor a second spelling of its
// own.
func TestParseKeys(t *testing.T) {
	for i, of := range keys {
		if of.parse == nil {
			continue
		}
		bad := []string{"", "/", of.key + "/", "/" + of.key, of.key + "x", strings.ToUpper(of.key), strings.Replace(of.key, "012", "013", 1), strings.Replace(of.key, "/0", "/+0", 1), strings.Replace(of.key, "/0", "/00", 1)}
		for j, other := range keys {
			if i != j && other.want[:4] != of.want[:4] {
				bad = append(bad, other.key)
			}
		}
		for _, key := range bad {
			if key == of.key {
				continue
			}
			if got, err := of.parse(key); err == nil && !strings.Contains(key, "shards/013") {
				// Other digits are another shard's key only where both agree.
				if again, _ := of.parse(of.key); again == got {
					t.Errorf("%q read as %s", key, of.key)
				}
			} else if err != nil && !errors.Is(err, shards.ErrKey) {
				t.Errorf("%q: %v; want ErrKey", key, err)
			}
		}
	}
	if _, _, _, err := shards.ParseReceiptKey(keys[5].key); !errors.Is(err, shards.ErrKey) {
		t.Errorf("captions read as a receipt: %v", err)
	}
	if _, _, _, _, err := shards.ParseCaptionsKey(keys[6].key); !errors.Is(err, shards.ErrKey) {
		t.Errorf("a receipt read as captions: %v", err)
	}
	if _, _, err := shards.ParseSampleShardKey(keys[2].key); !errors.Is(err, shards.ErrKey) {
		t.Errorf("a part read as a shard: %v", err)
	}
}

func FuzzParseKeys(f *testing.F) {
	for _, k := range keys {
		f.Add(k.key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		for _, k := range keys {
			if k.parse == nil {
				continue
			}
			if _, err := k.parse(key); err != nil && !errors.Is(err, shards.ErrKey) {
				t.Errorf("%q: %v; want ErrKey", key, err)
			} else if err == nil && shards.CheckKey(key) != nil {
				t.Errorf("%q was read, and is no key", key)
			}
		}
	})
}

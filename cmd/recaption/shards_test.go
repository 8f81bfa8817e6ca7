package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"recaption/schemas"
)

func TestFindObjects(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{
		"run/state/s3/recaption/datasets", "run/state/s3/.vgwlocks", "run/state/nats",
		"early/state/s3/recaption", "two/state/s3/a", "two/state/s3/b", "none/x",
	} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ where, want, fault string }{
		{"run", "run/state/s3/recaption", ""},
		{"run/state", "run/state/s3/recaption", ""},
		{"run/state/s3/recaption", "run/state/s3/recaption", ""},
		{"early", "early/state/s3/recaption", ""},
		{"two", "", "2 buckets (a, b)"},
		{"none", "", "nothing of a run is in it"},
		{"nowhere", "", "no such file"},
	} {
		got, err := findObjects(filepath.Join(dir, c.where))
		if c.fault != "" {
			if err == nil || !strings.Contains(err.Error(), c.fault) || exitCode(err) != exitUsage {
				t.Errorf("%s: got %v, want %q", c.where, err, c.fault)
			}
			continue
		}
		if want := filepath.Join(dir, c.want); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", c.where, got, err, want)
		}
	}
}

func TestChooseOne(t *testing.T) {
	all := []schemas.RecipeID{"aab", "aac", "b", "bb"}
	for _, c := range []struct{ asked, want, fault string }{
		{"aab", "aab", ""},
		{"b", "b", ""}, // whole, though another begins with it
		{"bb", "bb", ""},
		{"aa", "", "there are 2 to choose from, name one of\n  aab\n  aac"},
		{"", "", "there are 4 to choose from"},
		{"c", "", "there is no such recipe; there are\n  aab"},
	} {
		got, err := chooseOne("recipe", "recipe", c.asked, all)
		if string(got) != c.want || (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%q: got %q, %v; want %q, %q", c.asked, got, err, c.want, c.fault)
		}
	}
	if got, err := chooseOne("recipe", "recipe", "", all[:1]); got != "aab" || err != nil {
		t.Errorf("the only one: got %q, %v", got, err)
	}
	if _, err := chooseOne[schemas.RecipeID]("recipe", "recipe", "", nil); err == nil {
		t.Error("none: no error")
	}
}

func TestPictureName(t *testing.T) {
	digest := regexp.MustCompile(`-[0-9a-f]{12}(\.[a-z]+)$`)
	for _, c := range []struct{ key, media, want string }{
		{"cat.jpg", "image/jpeg", "cat.jpg"},
		{"cat", "image/jpeg", "cat-DIGEST.jpg"},
		{"cat.jpeg", "image/jpeg", "cat-DIGEST.jpg"},
		{"Cat.png", "image/png", "cat-DIGEST.png"},
		{"../../etc/passwd", "image/png", "______etc_passwd-DIGEST.png"},
		{".hidden", "", "_hidden-DIGEST.bin"},
		{"0000.tar/a b/ü", "image/tiff", "0000_tar_a_b__-DIGEST.tif"},
		{strings.Repeat("x", 300), "image/gif", strings.Repeat("x", 100) + "-DIGEST.gif"},
	} {
		got := digest.ReplaceAllString(pictureName(c.key, c.media), "-DIGEST$1")
		if got != c.want {
			t.Errorf("%q: got %s, want %s", c.key, got, c.want)
		}
	}
}

// TestPictureNamesAreSafe draws keys of all bytes: every name is safe, and two
// keys have two names. It is no fuzz target, since those compile all that the
// program is made of anew.
func TestPictureNamesAreSafe(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	safe := regexp.MustCompile(`^[a-z0-9_-]{1,120}\.jpg$`)
	keys := map[string]string{}
	for range 20_000 {
		b := make([]byte, 1+r.IntN(4))
		for i := range b {
			b[i] = "aA./\\:_-\x00\xff "[r.IntN(11)]
		}
		key := string(b)
		name := pictureName(key, "image/jpeg")
		if !safe.MatchString(name) {
			t.Fatalf("%q: %q", key, name)
		}
		if other, ok := keys[name]; ok && other != key {
			t.Fatalf("%q and %q have one name: %s", key, other, name)
		}
		keys[name] = key
	}
}

// TestPictures writes over what was there, and follows no link out.
func TestPictures(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "a.png")); err != nil {
		t.Fatal(err)
	}
	p, err := newPictures(dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		path, err := p.write(schemas.Sample{Key: "a.png", MediaType: "image/png", Image: []byte("picture")})
		if err != nil || path != filepath.Join(dir, "a.png") {
			t.Fatal(path, err)
		}
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]string{outside: "mine", filepath.Join(dir, "a.png"): "picture"} {
		if b, err := os.ReadFile(path); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v; want %q", path, b, err, want)
		}
	}
}

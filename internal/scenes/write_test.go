package scenes

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteWebDataset(t *testing.T) {
	const n = ShardSize + 60
	s := set(Test)
	dir := filepath.Join(t.TempDir(), "new", "set")
	if err := WriteWebDataset(t.Context(), dir, s, n); err != nil {
		t.Fatal(err)
	}
	want := []string{"scenes-00000.tar", "scenes-00001.tar"}
	if got := list(t, dir); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("files %v, want %v", got, want)
	}
	i := 0
	for _, name := range want {
		members := readTar(t, filepath.Join(dir, name))
		for k := 0; k < len(members); i++ {
			m := s.At(i)
			if members[k].name != m.Key()+".png" {
				t.Fatalf("sample %d: member %s", i, members[k].name)
			}
			if i%50 == 0 && !bytes.Equal(members[k].body, m.PNG()) {
				t.Fatalf("sample %d: another picture", i)
			}
			k++
			if m.Alt.Text != "" {
				if members[k].name != m.Key()+".txt" || string(members[k].body) != m.Alt.Text {
					t.Fatalf("sample %d: member %s %q", i, members[k].name, members[k].body)
				}
				k++
			}
			var p page
			if err := json.Unmarshal(members[k].body, &p); err != nil || members[k].name != m.Key()+".json" {
				t.Fatalf("sample %d: member %s: %v", i, members[k].name, err)
			}
			if p.Title != m.Title || p.Truth.Caption != m.Caption(0) {
				t.Fatalf("sample %d: %+v", i, p)
			}
			k++
		}
	}
	if i != n {
		t.Errorf("%d samples, want %d", i, n)
	}
}

func TestWriteIsTheSameEachTime(t *testing.T) {
	for _, write := range []func(context.Context, string, Set, int) error{WriteWebDataset, WriteFolder} {
		a, b := t.TempDir(), t.TempDir()
		for _, dir := range []string{a, b} {
			if err := write(t.Context(), dir, set(Train), 40); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range list(t, a) {
			x, y := read(t, filepath.Join(a, name)), read(t, filepath.Join(b, name))
			if !bytes.Equal(x, y) {
				t.Errorf("%s differs", name)
			}
		}
	}
}

func TestWriteFolder(t *testing.T) {
	dir, s := t.TempDir(), set(Test)
	if err := WriteFolder(t.Context(), dir, s, 30); err != nil {
		t.Fatal(err)
	}
	i := 0
	for sc := bufio.NewScanner(bytes.NewReader(read(t, filepath.Join(dir, "metadata.jsonl")))); sc.Scan(); i++ {
		var line struct {
			FileName string  `json:"file_name"`
			Text     *string `json:"text"`
			Title    string
			Truth    Truth
		}
		if err := json.Unmarshal(sc.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		m := s.At(i)
		if (line.Text == nil) != (m.Alt.Text == "") || line.Text != nil && *line.Text != m.Alt.Text || line.Title != m.Title || line.Truth.Index != i {
			t.Errorf("line %d: %s", i, sc.Bytes())
		}
		img, err := png.Decode(bytes.NewReader(read(t, filepath.Join(dir, line.FileName))))
		if err != nil || img.Bounds().Dx() != Side || img.Bounds().Dy() != Side {
			t.Errorf("%s: %v, %v", line.FileName, img.Bounds(), err)
		}
	}
	if files := list(t, dir); i != 30 || len(files) != 31 {
		t.Errorf("%d lines, files %v", i, files)
	}
}

func TestWriteRefuses(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, c := range []struct {
		name  string
		ctx   context.Context
		dir   string
		set   Set
		count int
		is    error
	}{
		{"a full folder", t.Context(), full, set(Train), 1, ErrNotEmpty},
		{"a split that isn't", t.Context(), t.TempDir(), set("dev"), 1, nil},
		{"less than none", t.Context(), t.TempDir(), set(Train), -1, nil},
		{"a file for a folder", t.Context(), filepath.Join(full, "mine"), set(Train), 1, nil},
		{"a stopped context", stopped, t.TempDir(), set(Train), 50, context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, write := range []func(context.Context, string, Set, int) error{WriteWebDataset, WriteFolder} {
				err := write(c.ctx, c.dir, c.set, c.count)
				if err == nil || c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("%v, want %v", err, c.is)
				}
			}
		})
	}
}

// A write that is stopped leaves nothing that looks whole.
func TestStoppedWriteLeavesNoTar(t *testing.T) {
	dir := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	seen := 0
	var w *shardWriter
	err := each(ctx, set(Train), 5000, func(s Sample, image []byte) error {
		if w == nil {
			var err error
			if w, err = newShard(filepath.Join(dir, "scenes-00000.tar")); err != nil {
				return err
			}
		}
		if seen++; seen == 10 {
			stop()
		}
		return w.add(s, image)
	})
	w.abort()
	if !errors.Is(err, context.Canceled) || seen >= 5000 {
		t.Errorf("after %d samples: %v", seen, err)
	}
	if files := list(t, dir); len(files) != 0 {
		t.Errorf("left %v", files)
	}
}

func TestEachKeepsOrderAndStopsOnError(t *testing.T) {
	next, full := 0, errors.New("disk full")
	err := each(t.Context(), set(Train), 400, func(s Sample, image []byte) error {
		if s.Index != next {
			t.Errorf("sample %d, want %d", s.Index, next)
		}
		if next++; next == 150 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || next != 150 {
		t.Errorf("after %d samples: %v", next, err)
	}
}

type member struct {
	name string
	body []byte
}

func readTar(t *testing.T, path string) []member {
	t.Helper()
	var out []member
	r := tar.NewReader(bytes.NewReader(read(t, path)))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Unix() != 0 || h.Typeflag != tar.TypeReg {
			t.Errorf("%s: %+v", h.Name, h)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, member{h.Name, b})
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range es {
		names = append(names, e.Name())
	}
	return names
}

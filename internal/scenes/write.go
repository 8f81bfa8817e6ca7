package scenes

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
)

// ShardSize is the number of samples in a tar of a WebDataset.
const ShardSize = 1000

// ErrNotEmpty means that a set would be mixed with what the folder has already.
var ErrNotEmpty = errors.New("folder is not empty")

// page is what a sample's JSON has: what the web knows, and the truth.
type page struct {
	Title string `json:"title"`
	Truth Truth  `json:"truth"`
}

// WriteWebDataset writes the first count samples of the set to dir as
// scenes-00000.tar and so on: for each sample a .png, a .txt with the alt-text
// (none when there is none) and a .json with title and truth. Equal arguments
// give equal bytes. dir is made when missing and must be empty, else it
// returns ErrNotEmpty. A tar appears under its name when it is whole.
func WriteWebDataset(ctx context.Context, dir string, set Set, count int) error {
	if err := prepare(dir, set, count); err != nil {
		return err
	}
	var w *shardWriter
	err := each(ctx, set, count, func(s Sample, image []byte) error {
		if s.Index%ShardSize == 0 {
			if err := w.close(); err != nil {
				return err
			}
			var err error
			if w, err = newShard(filepath.Join(dir, fmt.Sprintf("scenes-%05d.tar", s.Index/ShardSize))); err != nil {
				return err
			}
		}
		return w.add(s, image)
	})
	if err != nil {
		w.abort()
		return err
	}
	return w.close()
}

// WriteFolder writes the first count samples of the set to dir as pictures and
// a metadata.jsonl: a line for each with file_name, text (the alt-text, null
// when there is none), title and truth, which appears when all pictures are
// there. The rest is as in WriteWebDataset.
func WriteFolder(ctx context.Context, dir string, set Set, count int) (err error) {
	if err := prepare(dir, set, count); err != nil {
		return err
	}
	path := filepath.Join(dir, "metadata.jsonl")
	f, err := os.Create(path + ".part")
	if err != nil {
		return fmt.Errorf("write scenes: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err == nil {
			err = os.Rename(f.Name(), path)
		}
	}()
	lines := bufio.NewWriter(f)
	err = each(ctx, set, count, func(s Sample, image []byte) error {
		line := struct {
			FileName string  `json:"file_name"`
			Text     *string `json:"text"`
			page
		}{FileName: s.Key() + ".png", page: page{Title: s.Title, Truth: s.Truth()}}
		if s.Alt.Text != "" {
			line.Text = &s.Alt.Text
		}
		if err := os.WriteFile(filepath.Join(dir, line.FileName), image, 0o644); err != nil {
			return fmt.Errorf("write scene %d: %w", s.Index, err)
		}
		return json.NewEncoder(lines).Encode(line)
	})
	return errors.Join(err, lines.Flush())
}

func prepare(dir string, set Set, count int) error {
	if err := set.Validate(); err != nil {
		return err
	}
	if count < 0 {
		return fmt.Errorf("write scenes: count %d is negative", count)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write scenes: %w", err)
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("write scenes: %w", err)
	}
	if len(there) > 0 {
		return fmt.Errorf("write scenes to %s: %w: name another or empty it", dir, ErrNotEmpty)
	}
	return nil
}

// each makes the samples on all cores and passes them on in their order. At
// most a few for each core are in memory.
func each(ctx context.Context, set Set, count int, use func(Sample, []byte) error) error {
	type made struct {
		sample Sample
		image  []byte
	}
	cores := runtime.GOMAXPROCS(0)
	queue := make(chan chan made, 4*cores)
	g, ctx := errgroup.WithContext(ctx)
	slots := make(chan struct{}, cores)
	g.Go(func() error {
		defer close(queue)
		for i := range count {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			out := make(chan made, 1)
			g.Go(func() error {
				s := set.At(i)
				out <- made{s, s.PNG()}
				<-slots
				return nil
			})
			select {
			case queue <- out:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	g.Go(func() error {
		for out := range queue {
			m := <-out
			if err := use(m.sample, m.image); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// shardWriter writes one tar under another name until it is whole. A nil
// shardWriter has nothing to close.
type shardWriter struct {
	path string
	file *os.File
	buf  *bufio.Writer
	tar  *tar.Writer
}

func newShard(path string) (*shardWriter, error) {
	f, err := os.Create(path + ".part")
	if err != nil {
		return nil, fmt.Errorf("write scenes: %w", err)
	}
	b := bufio.NewWriterSize(f, 1<<18)
	return &shardWriter{path, f, b, tar.NewWriter(b)}, nil
}

func (w *shardWriter) add(s Sample, image []byte) error {
	truth, err := json.Marshal(page{Title: s.Title, Truth: s.Truth()})
	if err != nil {
		return fmt.Errorf("write scene %d: %w", s.Index, err)
	}
	for _, m := range []struct {
		ext  string
		body []byte
	}{{"png", image}, {"txt", []byte(s.Alt.Text)}, {"json", truth}} {
		if len(m.body) == 0 {
			continue
		}
		h := &tar.Header{
			Name: s.Key() + "." + m.ext, Mode: 0o644, Size: int64(len(m.body)),
			ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
		}
		if err := w.tar.WriteHeader(h); err != nil {
			return fmt.Errorf("write %s: %w", w.path, err)
		}
		if _, err := w.tar.Write(m.body); err != nil {
			return fmt.Errorf("write %s: %w", w.path, err)
		}
	}
	return nil
}

// close makes the tar whole and gives it its name.
func (w *shardWriter) close() error {
	if w == nil {
		return nil
	}
	err := errors.Join(w.tar.Close(), w.buf.Flush(), w.file.Close())
	if err == nil {
		err = os.Rename(w.file.Name(), w.path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

// abort removes what isn't whole.
func (w *shardWriter) abort() {
	if w == nil {
		return
	}
	w.buf.Reset(io.Discard)
	// The error that led here is the one to report.
	_ = w.file.Close()
	_ = os.Remove(w.file.Name())
}

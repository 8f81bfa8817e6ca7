// Command bench measures what docs/benchmarks.md says, and writes it there.
//
//	go run ./bench                 all sections
//	go run ./bench -only cut,kill  some of them
//
// It drives the built program, bin/recaption, as a user would, and the
// packages where a figure needs both sides in one process. Every ratio has
// both of its sides in one run. The sections are replaced one by one, so a
// part of the page can be measured anew.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"recaption/internal/embedded"
)

// A section measures one thing.
type section struct {
	name, title string
	measure     func(context.Context, *lab) (result, error)
}

var sections = []section{
	{"demo", "The main job: 2,000 scenes", demo},
	{"accuracy", "The bundled captioner on held-out scenes", accuracy},
	{"parity", "ONNX Runtime against PyTorch", parity},
	{"worker", "A worker on real jobs against the engine on ready tensors", throughput},
	{"cut", "Cutting", cutting},
	{"memory", "Memory of a run", memory},
	{"kill", "Killed ten times", kills},
	{"step", "A training step against PyTorch's", step},
	{"loop", "What captions are worth", loop},
}

// lab is where the sections work.
type lab struct {
	bin  string // the built program
	root string // the module's folder
	dir  string // a temporary one
}

// result is a table, and what must be said about it.
type result struct {
	about string
	table [][]string // the first row is the head
	after string
}

func main() {
	embedded.Main()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	only := flag.String("only", "", "sections to measure, with commas; empty: all")
	out := flag.String("out", "docs/benchmarks.md", "page to write")
	flag.Parse()
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	bin := filepath.Join(root, "bin", "recaption")
	if _, err := os.Stat(bin); err != nil {
		return fmt.Errorf("%w; run `make runtime` first, in the module's folder", err)
	}
	dir, err := os.MkdirTemp("", "recaption-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l := &lab{bin: bin, root: root, dir: dir}
	p, err := readPage(*out)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range chosen {
		began := time.Now()
		fmt.Fprintf(os.Stderr, "== %s\n", s.title)
		r, err := s.measure(ctx, l)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
			continue
		}
		text := r.markdown(s, time.Since(began))
		fmt.Println(text)
		p.set(s.name, text)
		if err := p.write(*out); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

func choose(only string) ([]section, error) {
	if only == "" {
		return sections, nil
	}
	var chosen []section
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(sections, func(s section) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only: no section %q", name)
		}
		chosen = append(chosen, sections[i])
	}
	return chosen, nil
}

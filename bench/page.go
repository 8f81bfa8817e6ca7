package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"recaption/internal/machine"
)

const preface = `# Benchmarks

Measured by ` + "`make bench` and `make bench-train`" + `, which build the program, fetch the runtime and run ` + "`go run ./bench`" + `. Each section says the
command that prints it alone. Ratios have both sides in one run; absolute figures are of the machine named in the section.
`

// page is docs/benchmarks.md: a section between each pair of marks.
type page struct{ text map[string]string }

func begin(name string) string { return "<!-- " + name + " -->\n" }
func end(name string) string   { return "<!-- /" + name + " -->\n" }

func readPage(path string) (*page, error) {
	p := &page{text: map[string]string{}}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	for _, s := range sections {
		_, rest, found := strings.Cut(string(b), begin(s.name))
		if text, _, closed := strings.Cut(rest, end(s.name)); found && closed {
			p.text[s.name] = text
		}
	}
	return p, nil
}

func (p *page) set(name, text string) { p.text[name] = text }

func (p *page) write(path string) error {
	var b strings.Builder
	b.WriteString(preface)
	for _, s := range sections {
		if t, ok := p.text[s.name]; ok {
			b.WriteString("\n" + begin(s.name) + t + end(s.name))
		}
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

func (r result) markdown(s section, took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", s.title)
	fmt.Fprintf(&b, "`go run ./bench -only %s`, %s, %s, %s.\n\n", s.name, time.Now().UTC().Format("2006-01-02"), here(), took.Round(time.Second))
	if r.about != "" {
		b.WriteString(r.about + "\n\n")
	}
	for i, row := range r.table {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
		}
	}
	if r.after != "" {
		b.WriteString("\n" + r.after + "\n")
	}
	return b.String()
}

// here names the processor and how much of it there is.
func here() string {
	load := ""
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = ", load " + strings.Fields(string(b))[0] + " at the end"
	}
	return fmt.Sprintf("%d cores of %s%s", runtime.NumCPU(), machine.CPU(), load)
}

// verdict says whether a figure reaches what it should.
func verdict(ok bool) string {
	if ok {
		return "yes"
	}
	return "**no**"
}

func (l *lab) folder(name string) string { return filepath.Join(l.dir, name) }

func (l *lab) model() string { return filepath.Join(l.root, "models", "bundled") }

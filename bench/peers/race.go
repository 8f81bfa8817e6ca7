// Package peers measures parts of this project beside established programs that do the
// same: the sides run by turns, each in a process of its own, so that whatever else
// the machine does hits both.
//
// A side prints "ready" when it has warmed up. Then it reads a line before each round and
// answers with a line of JSON, a [Round].
package peers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// Round is what a side says of one.
type Round struct {
	Seconds float64 `json:"seconds"`
	Memory  int64   `json:"memory"` // the peak of the process's, in KiB
	Loss    float64 `json:"loss"`
}

// Race starts the sides and gives each of them a turn in every round, beginning with
// another one each time. It returns the rounds by side. All processes have ended when it
// returns.
func Race(ctx context.Context, rounds int, sides ...*exec.Cmd) (_ [][]Round, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var open []*side
	defer func() {
		for _, s := range open {
			err = errors.Join(err, s.end())
		}
	}()
	for _, cmd := range sides {
		s, err := start(ctx, cmd)
		if err != nil {
			return nil, err
		}
		open = append(open, s)
		if line, err := s.read(); err != nil || line != "ready" {
			return nil, fmt.Errorf("%s: %q instead of ready: %w", cmd.Path, line, errors.Join(err, errSide))
		}
	}
	all := make([][]Round, len(open))
	for r := range rounds {
		for k := range open {
			i := (k + r) % len(open)
			got, err := open[i].turn()
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], got)
		}
	}
	return all, nil
}

// errSide says that a side did not keep to the protocol.
var errSide = errors.New("the program must print ready, and an answer for each line it reads")

// Median is the round in the middle by its seconds.
func Median(rounds []Round) Round {
	sorted := slices.Clone(rounds)
	slices.SortFunc(sorted, func(a, b Round) int {
		switch {
		case a.Seconds < b.Seconds:
			return -1
		case a.Seconds > b.Seconds:
			return 1
		}
		return 0
	})
	return sorted[len(sorted)/2]
}

type side struct {
	cmd    *exec.Cmd
	cancel func() bool
	stderr strings.Builder
	in     io.WriteCloser
	out    *bufio.Scanner
}

func start(ctx context.Context, cmd *exec.Cmd) (*side, error) {
	s := &side{cmd: cmd}
	cmd.Stderr = &s.stderr
	var err error
	if s.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewScanner(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.cancel = context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	return s, nil
}

func (s *side) read() (string, error) {
	if s.out.Scan() {
		return s.out.Text(), nil
	}
	return "", errors.Join(s.out.Err(), io.ErrUnexpectedEOF)
}

func (s *side) turn() (r Round, err error) {
	if _, err := io.WriteString(s.in, "\n"); err != nil {
		return r, fmt.Errorf("%s: %w", s.cmd.Path, err)
	}
	line, err := s.read()
	if err == nil {
		err = json.Unmarshal([]byte(line), &r)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", s.cmd.Path, err)
	}
	return r, nil
}

// end lets a side end by itself, since its input has.
func (s *side) end() error {
	_ = s.in.Close()
	for s.out.Scan() { // what is left must be read before Wait
	}
	err := s.cmd.Wait()
	s.cancel()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", s.cmd.Path, err, strings.TrimSpace(s.stderr.String()))
	}
	return nil
}

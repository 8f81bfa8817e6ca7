package ort

// #include "shim.h"
import "C"

import (
	"fmt"
	"sync"
)

// A Feed gives a value to an input. The value stays the caller's.
type Feed struct {
	Name  string
	Value *Value
}

// A Fetch asks for an output: written into Into where that is set (its shape
// must be the output's), else put into new memory on On.
type Fetch struct {
	Name string
	Into *Value
	On   Device
}

// A Runner runs one session, for one goroutine at a time.
type Runner struct {
	s       *Session
	binding *C.OrtIoBinding

	mu   sync.Mutex // guards opts against Terminate
	opts *C.OrtRunOptions

	// Reused between runs.
	in, out          []*C.char
	values, given, o []*C.OrtValue
	where            []*C.OrtMemoryInfo
}

// NewRunner makes a runner; its owner closes it before the session.
func (s *Session) NewRunner() (*Runner, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.ptr == nil {
		return nil, closedError("graph", s.name)
	}
	r := &Runner{s: s}
	if err := check(C.rc_create_binding(s.ptr, &r.binding), "bind", s.name); err != nil {
		return nil, err
	}
	if err := check(C.rc_create_run_options(&r.opts), "make run options for", s.name); err != nil {
		C.rc_release_binding(r.binding)
		return nil, err
	}
	return r, nil
}

// Run runs the graph once and returns the outputs asked for, in their order;
// those written into a given value are that value. New values are the caller's
// to close. After an error there are none.
func (r *Runner) Run(feeds []Feed, fetches []Fetch) ([]*Value, error) {
	r.s.mu.RLock()
	defer r.s.mu.RUnlock()
	if r.s.ptr == nil || r.binding == nil {
		return nil, closedError("graph", r.s.name)
	}
	if err := r.bind(feeds, fetches); err != nil {
		return nil, err
	}
	st := C.rc_run(r.s.ptr, r.binding, r.opts,
		first(r.in), first(r.values), C.size_t(len(feeds)),
		first(r.out), first(r.given), first(r.where), first(r.o), C.size_t(len(fetches)))
	if err := check(st, "run", r.s.name); err != nil {
		return nil, err
	}
	return r.collect(fetches)
}

func (r *Runner) bind(feeds []Feed, fetches []Fetch) error {
	r.in, r.values = r.in[:0], r.values[:0]
	for _, f := range feeds {
		name := r.s.names[f.Name]
		if name == nil {
			return fmt.Errorf("run %s: it has no input %s", r.s.name, f.Name)
		}
		if f.Value == nil || f.Value.closed.Load() {
			return fmt.Errorf("run %s: input %s: %w", r.s.name, f.Name, ErrClosed)
		}
		r.in, r.values = append(r.in, name), append(r.values, f.Value.ptr)
	}
	r.out, r.given, r.where, r.o = r.out[:0], r.given[:0], r.where[:0], r.o[:0]
	for _, f := range fetches {
		name := r.s.names[f.Name]
		if name == nil {
			return fmt.Errorf("run %s: it has no output %s", r.s.name, f.Name)
		}
		var given *C.OrtValue
		if f.Into != nil {
			if f.Into.closed.Load() {
				return fmt.Errorf("run %s: output %s: %w", r.s.name, f.Name, ErrClosed)
			}
			given = f.Into.ptr
		}
		mem, err := f.On.memory()
		if err != nil {
			return err
		}
		r.out, r.given, r.where, r.o = append(r.out, name), append(r.given, given), append(r.where, mem), append(r.o, nil)
	}
	return nil
}

func (r *Runner) collect(fetches []Fetch) ([]*Value, error) {
	got := make([]*Value, len(fetches))
	var failed error
	for i, f := range fetches {
		if f.Into != nil {
			got[i] = f.Into
			continue
		}
		v, err := adopt(r.o[i])
		if err != nil {
			failed = fmt.Errorf("run %s: output %s: %w", r.s.name, f.Name, err)
			continue
		}
		got[i] = v
	}
	clear(r.o)
	if failed != nil {
		for i, v := range got {
			if fetches[i].Into == nil {
				v.Close()
			}
		}
		return nil, failed
	}
	return got, nil
}

// Terminate makes a run under way, and every later one, fail soon with
// ErrTerminated. It may be called from any goroutine.
func (r *Runner) Terminate() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opts == nil {
		return closedError("graph", r.s.name)
	}
	return check(C.rc_terminate(r.opts, 1), "terminate", r.s.name)
}

// Close releases the runner. Closing again does nothing.
func (r *Runner) Close() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.binding == nil {
		return
	}
	C.rc_release_binding(r.binding)
	C.rc_release_run_options(r.opts)
	r.binding, r.opts = nil, nil
	r.in, r.out = nil, nil
}

func first[T any](s []T) *T {
	if len(s) == 0 {
		return nil
	}
	return &s[0]
}

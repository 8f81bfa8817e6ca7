package ort

// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrClosed is wrapped by every use of a session, runner or value after its Close.
	ErrClosed = errors.New("already closed")
	// ErrOutOfMemory is wrapped when the runtime could not get memory, on the host or a device.
	ErrOutOfMemory = errors.New("out of memory")
	// ErrTerminated is wrapped by a run that Terminate stopped.
	ErrTerminated = errors.New("run terminated")
	// ErrNotOpen is returned where the library was not opened first.
	ErrNotOpen = errors.New("onnx runtime is not open: call ort.Open first")
)

// An Error is what the runtime said about an operation on an object, usually a
// graph's file.
type Error struct {
	Op, Object string
	Message    string
	kind       error
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %s", e.Op, e.Object, e.Message) }

func (e *Error) Unwrap() error { return e.kind }

// check turns a status into an error and releases it; nil is success.
func check(s *C.OrtStatus, op, object string) error {
	if s == nil {
		return nil
	}
	defer C.rc_release_status(s)
	e := &Error{Op: op, Object: object, Message: strings.TrimSpace(C.GoString(C.rc_status_message(s)))}
	e.kind = kindOf(e.Message)
	return e
}

// kindOf reads the kind of a failure from its message: the runtime has no code
// for either kind.
func kindOf(message string) error {
	m := strings.ToLower(message)
	for _, sign := range []string{"failed to allocate", "bad_alloc", "out of memory", "bad allocation", "available memory of"} {
		if strings.Contains(m, sign) {
			return ErrOutOfMemory
		}
	}
	if strings.Contains(m, "terminate flag") {
		return ErrTerminated
	}
	return nil
}

func closedError(what, name string) error { return fmt.Errorf("use %s %s: %w", what, name, ErrClosed) }

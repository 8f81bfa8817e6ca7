package main

import (
	"context"
	"errors"
	"fmt"
)

// The exit codes. README.md documents them.
const (
	exitOK       = 0
	exitFailed   = 1   // something went wrong; standard error says what
	exitUsage    = 2   // the command line or the configuration is wrong
	exitFindings = 3   // the command worked, and what it looked at is not sound
	exitStopped  = 130 // ended by a signal before it was done; run it again to go on
)

var (
	// errUsage is wrapped by every error about flags, arguments and settings.
	errUsage = errors.New("usage")
	// errFindings is wrapped when what was looked at is not sound.
	errFindings = errors.New("not sound")
)

// usagef makes an error about what the user typed.
func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

type usageError struct{ err error }

func (e *usageError) Error() string        { return e.err.Error() }
func (e *usageError) Unwrap() error        { return e.err }
func (e *usageError) Is(target error) bool { return target == errUsage }

// stoppedError says what a signal stopped, and how to go on. It is
// context.Canceled without its words.
type stoppedError struct{ text string }

func (e *stoppedError) Error() string        { return e.text }
func (e *stoppedError) Is(target error) bool { return target == context.Canceled }

// message is what standard error says of an error.
func message(err error) string {
	var stopped *stoppedError
	if exitCode(err) == exitStopped && !errors.As(err, &stopped) {
		return "stopped before it was done"
	}
	return err.Error()
}

// exitCode maps errors to exit codes: the only place that does.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, errFindings):
		return exitFindings
	case errors.Is(err, context.Canceled):
		return exitStopped
	}
	return exitFailed
}

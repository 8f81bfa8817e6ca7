package vlm

import (
	"errors"
	"fmt"

	"recaption/internal/imaging"
	"recaption/internal/ort"
	"recaption/schemas"
)

var (
	// ErrModel is wrapped when a folder holds no model that the engine can run.
	// What was found and what was expected stands beside it.
	ErrModel = errors.New("model not usable")
	// ErrStopped is returned by Generate when the engine no longer runs. It
	// says nothing about the sample.
	ErrStopped = errors.New("engine stopped")
	// ErrSettings is wrapped when generation settings can't be used.
	ErrSettings = errors.New("generation settings not usable")

	errNotFinite = errors.New("the model gave logits that are not finite")
)

// A SampleError says that one sample can't be captioned: trying it again in
// other company can't help.
type SampleError struct {
	Reason schemas.Reason
	Err    error
}

func (e *SampleError) Error() string { return fmt.Sprintf("%s: %v", e.Reason, e.Err) }

func (e *SampleError) Unwrap() error { return e.Err }

func imageError(err error) error {
	reason := schemas.ReasonCorruptImage
	var d *imaging.DecodeError
	if errors.As(err, &d) {
		reason = schemas.Reason(d.Reason)
	}
	return &SampleError{Reason: reason, Err: err}
}

func promptError(reason schemas.Reason, format string, args ...any) error {
	return &SampleError{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// Reasons of this package beside those of schemas.
const (
	ReasonBadPrompt   schemas.Reason = "bad_prompt"    // the prompt has no place for the image, or several
	ReasonOutOfMemory schemas.Reason = "out_of_memory" // the sample alone needs more memory than there is
)

func runtimeError(err error) error {
	if errors.Is(err, ort.ErrOutOfMemory) {
		return &SampleError{Reason: ReasonOutOfMemory, Err: err}
	}
	return &SampleError{Reason: schemas.ReasonEngine, Err: err}
}

// refuse names what was looked at, what was found and what was expected.
func refuse(what string, found, expected any) error {
	return fmt.Errorf("%w: %s: found %v, expected %v", ErrModel, what, found, expected)
}

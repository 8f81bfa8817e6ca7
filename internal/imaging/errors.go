package imaging

import (
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// Reasons of a DecodeError.
const (
	UnsupportedFormat = "unsupported_format" // the signature, or a feature of the format, is not one that is read
	Truncated         = "truncated"          // the file ends too early
	DecompressionBomb = "decompression_bomb" // more pixels than Options allow
	CorruptImage      = "corrupt_image"      // the file is damaged
	EmptyImage        = "empty_image"        // the file has no bytes
)

// DecodeError says why bytes are no picture.
type DecodeError struct {
	Reason string // one of the five reasons
	Err    error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode image: %v (%s)", e.Err, e.Reason)
}

func (e *DecodeError) Unwrap() error { return e.Err }

func unsupported(format string, args ...any) error {
	return &DecodeError{Reason: UnsupportedFormat, Err: fmt.Errorf(format, args...)}
}

func truncated(format string, args ...any) error {
	return &DecodeError{Reason: Truncated, Err: fmt.Errorf(format, args...)}
}

func corrupt(format string, args ...any) error {
	return &DecodeError{Reason: CorruptImage, Err: fmt.Errorf(format, args...)}
}

// reasoned makes a DecodeError of what a decoder returned: the end of the input
// is a truncation, anything else a damage.
func reasoned(what string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*DecodeError](err); ok {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return truncated("%s: ends too early", what)
	}
	if _, ok := errors.AsType[flate.CorruptInputError](err); ok {
		return corrupt("%s: damaged compressed data", what)
	}
	return corrupt("%s: %w", what, err)
}

// guard runs f and turns a panic into a DecodeError. The decoders check what
// they index; this is for what they and the libraries have missed, since a
// picture must never end the process.
func guard(what string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = corrupt("%s: decoder stopped: %v", what, r)
		}
	}()
	return reasoned(what, f())
}

// tooManyPixels is the error of a decompression bomb.
type tooManyPixels struct{ w, h, limit int }

func (e tooManyPixels) Error() string {
	return fmt.Sprintf("%d x %d pixels: at most %d, and %d a side, are decoded", e.w, e.h, e.limit, maxSide)
}

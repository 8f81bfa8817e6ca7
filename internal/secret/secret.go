// Package secret holds text that must not be shown: passwords and secret keys.
package secret

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
)

// Text is a secret. However it is printed, logged or encoded, stars come out;
// string(t) gives the text itself.
type Text string

const stars = "***"

// New draws a secret of 128 random bits. It never fails.
func New() Text { return Text(rand.Text()) }

// String gives stars, or nothing where there is no secret to hide.
func (t Text) String() string {
	if t == "" {
		return ""
	}
	return stars
}

// Format gives stars for every verb.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue gives stars to slog.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText gives stars to encoders. What it wrote can't be read back.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText takes the text as it is.
func (t *Text) UnmarshalText(b []byte) error {
	*t = Text(b)
	return nil
}

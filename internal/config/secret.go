package config

import (
	"fmt"
	"io"
	"log/slog"
)

// masked stands for every secret that is printed.
const masked = "********"

// Secret is a value that never shows itself: printing, logging and marshalling
// it in any way gives a mask. Only Reveal gives the value.
type Secret struct {
	// A pointer: fmt prints no more than an address of what it cannot ask, such
	// as a Secret in an unexported field.
	value *string
}

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value: &value} }

// Reveal gives the value itself, for the one call that needs it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String gives the mask, or nothing where there is no secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return masked
}

// GoString gives the mask for %#v.
func (s Secret) GoString() string { return "config.Secret(" + s.String() + ")" }

// Format gives the mask for every verb, %d and %x included.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') {
		_, _ = io.WriteString(f, s.GoString())
		return
	}
	_, _ = io.WriteString(f, s.String())
}

// LogValue gives the mask to slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText gives the mask to encoders of text, XML included.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON gives the mask to encoding/json.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// MarshalYAML gives the mask to YAML.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

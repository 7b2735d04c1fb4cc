package audit

import (
	"errors"
	"fmt"
	"slices"
)

// ErrType: the schema has no such type.
var ErrType = errors.New("no such type of event")

// Check holds an event against the schema and returns everything that is wrong with it. It
// is for the tests of whoever writes events; the store refuses unknown types alone.
func Check(e Event) error {
	d, ok := Lookup(e.Type)
	if !ok {
		return fmt.Errorf("%w: %q", ErrType, e.Type)
	}
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf(string(e.Type)+": "+format, args...))
	}
	if e.ID == "" || e.At.IsZero() {
		fault("it has no id or no time")
	}
	if !slices.Contains(d.Actors, e.Actor) {
		fault("actor %q is not one of %q", e.Actor, d.Actors)
	}
	for _, field := range fieldsOf(e) {
		if field.value != "" && !slices.Contains(d.Fields, field.name) {
			fault("it has the field %s", field.name)
		}
	}
	if e.Cause != "" && !known(d.Causes, e.Cause) {
		fault("cause %q is not in the table", e.Cause)
	}
	for key := range e.Detail {
		if !known(d.Detail, key) {
			fault("detail %q is not in the table", key)
		}
	}
	for _, field := range personalOf(e.Personal) {
		if field.value != "" && !slices.Contains(d.Personal, field.name) {
			fault("it has the personal field %s", field.name)
		}
	}
	return errors.Join(faults...)
}

type field struct{ name, value string }

func fieldsOf(e Event) []field {
	return []field{
		{"account", e.Account}, {"handle", e.Handle}, {"session", e.Session}, {"provider", e.Provider},
		{"app", e.App}, {"cause", e.Cause}, {"incident", e.Incident},
	}
}

func personalOf(p *Personal) []field {
	if p == nil {
		return nil
	}
	return []field{
		{"issuer", p.Issuer}, {"subject", p.Subject}, {"email", p.Email}, {"name", p.Name},
		{"address", p.Address}, {"user_agent", p.UserAgent},
	}
}

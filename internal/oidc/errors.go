package oidc

import (
	"errors"
	"fmt"
)

// Error codes that decisions hang on (RFC 6749 sections 4.1.2.1 and 5.2, OpenID
// Connect Core section 3.1.2.6).
const (
	InvalidGrant             = "invalid_grant"
	InvalidClient            = "invalid_client"
	AccessDenied             = "access_denied"
	LoginRequired            = "login_required"
	InteractionRequired      = "interaction_required"
	ConsentRequired          = "consent_required"
	AccountSelectionRequired = "account_selection_required"
	TemporarilyUnavailable   = "temporarily_unavailable"
	ServerError              = "server_error"
	// UnmetAuthenticationRequirements: no class of authentication that was asked for can be
	// had (OpenID Connect Core Unmet Authentication Requirements 1.0 section 2).
	UnmetAuthenticationRequirements = "unmet_authentication_requirements"
)

// Error is an error answer of a provider. Its text is for logs only: a page never
// echoes it. Code is bounded and printable; Description is not kept.
type Error struct {
	Code   string
	Status int // HTTP status; 0 when the error came in a redirect
}

func (e *Error) Error() string {
	if e.Status == 0 {
		return "provider answered " + e.Code
	}
	return fmt.Sprintf("provider answered %s (HTTP %d)", e.Code, e.Status)
}

// UnreachableError says that no usable answer came. Sent tells whether the request
// may have been processed: then its outcome is unknown, and a single-use value that
// it carried may be spent.
type UnreachableError struct {
	Sent bool
	Err  error
}

func (e *UnreachableError) Error() string { return "provider unreachable: " + e.Err.Error() }
func (e *UnreachableError) Unwrap() error { return e.Err }

// ErrRefused marks an answer that arrived and must not be believed: a wrong iss,
// aud, nonce, signature, subject, auth_time or a body that is not what it should be.
var ErrRefused = errors.New("provider's answer refused")

// ErrStale marks an authentication that is valid but older than was asked for.
var ErrStale = errors.New("authentication is older than demanded")

// ErrWeak marks an authentication that is valid but of none of the classes (acr) that
// were asked for.
var ErrWeak = errors.New("authentication is of no class that is demanded")

// CodeOf returns the provider's error code in err, or "".
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

package audit

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

// Redacted stands where a value was masked.
const Redacted = "********"

// secretNames are attribute names whose values are never written.
var secretNames = map[string]bool{
	"access_token": true, "refresh_token": true, "id_token": true, "id_token_hint": true, "token": true,
	"code": true, "code_verifier": true, "state": true, "nonce": true, "cookie": true, "set-cookie": true,
	"authorization": true, "client_secret": true, "secret": true, "password": true, "seat": true, "binding": true,
}

// shapes are values that are secrets under any name: JSON Web Tokens, bearer
// credentials, and parameters of a URL that carry single-use values.
var shapes = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}` +
	`|(?i:bearer|basic) [A-Za-z0-9._~+/=-]{8,}` +
	`|\b(?:code|state|nonce|id_token_hint|access_token|refresh_token|id_token|client_secret|receipt|seat)=[^&\s"']+`)

// Redact returns a handler that masks secrets before h sees them. It is safe for
// concurrent use as far as h is.
func Redact(h slog.Handler) slog.Handler { return redacting{h} }

type redacting struct{ next slog.Handler }

func (r redacting) Enabled(ctx context.Context, l slog.Level) bool { return r.next.Enabled(ctx, l) }

func (r redacting) Handle(ctx context.Context, rec slog.Record) error {
	clean := slog.NewRecord(rec.Time, rec.Level, mask(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(redact(a))
		return true
	})
	return r.next.Handle(ctx, clean)
}

func (r redacting) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = redact(a)
	}
	return redacting{r.next.WithAttrs(clean)}
}

func (r redacting) WithGroup(name string) slog.Handler { return redacting{r.next.WithGroup(name)} }

func redact(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		group := v.Group()
		clean := make([]slog.Attr, len(group))
		for i, g := range group {
			clean[i] = redact(g)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(clean...)}
	}
	if SecretName(a.Key) {
		return slog.String(a.Key, Redacted)
	}
	switch v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, mask(v.String()))
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return slog.String(a.Key, mask(err.Error()))
		}
		return slog.String(a.Key, mask(fmt.Sprint(v.Any())))
	}
	return slog.Attr{Key: a.Key, Value: v}
}

// Mask masks what has the shape of a secret, for texts that are kept elsewhere than in
// the log.
func Mask(s string) string { return mask(s) }

// SecretName tells whether a value of this name is never written.
func SecretName(name string) bool { return secretNames[strings.ToLower(name)] }

// mayBeSecret is a cheap look before the search for shapes: each has one of these signs.
func mayBeSecret(s string) bool {
	if strings.IndexByte(s, '=') >= 0 || strings.Contains(s, "eyJ") {
		return true
	}
	for at := 5; at < len(s); at++ {
		if word := s[at-5 : at]; s[at] == ' ' && (strings.EqualFold(word, "basic") || at > 5 && strings.EqualFold(s[at-6:at], "bearer")) {
			return true
		}
	}
	return false
}

func mask(s string) string {
	if len(s) < 6 || !mayBeSecret(s) {
		return s
	}
	return shapes.ReplaceAllStringFunc(s, func(found string) string {
		if name, _, ok := strings.Cut(found, "="); ok && !strings.HasPrefix(found, "eyJ") {
			return name + "=" + Redacted
		}
		return Redacted
	})
}

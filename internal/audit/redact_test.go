package audit

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func logged(log func(*slog.Logger)) string {
	var b bytes.Buffer
	log(slog.New(Redact(slog.NewJSONHandler(&b, nil))))
	return b.String()
}

func TestSecretsNeverReachTheLog(t *testing.T) {
	const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
	for name, log := range map[string]func(*slog.Logger){
		"by name":         func(l *slog.Logger) { l.Info("x", "refresh_token", "s3cr3t-value") },
		"in a group":      func(l *slog.Logger) { l.Info("x", slog.Group("g", "Cookie", "s3cr3t-value")) },
		"in With":         func(l *slog.Logger) { l.With("code", "s3cr3t-value").Info("x") },
		"token in error":  func(l *slog.Logger) { l.Info("x", "err", errors.New("bad token "+jwt)) },
		"token in text":   func(l *slog.Logger) { l.Info("refused " + jwt) },
		"bearer":          func(l *slog.Logger) { l.Info("x", "h", "Bearer s3cr3t-value") },
		"URL parameter":   func(l *slog.Logger) { l.Info("x", "url", "http://h/cb?a=1&code=s3cr3t-value&state=s3cr3t-value") },
		"any other value": func(l *slog.Logger) { l.Info("x", "v", []string{"state=s3cr3t-value"}) },
	} {
		out := logged(log)
		if strings.Contains(out, "s3cr3t-value") || strings.Contains(out, "c2lnbmF0dXJl") {
			t.Errorf("%s: %s", name, out)
		}
	}
}

func TestPlainFactsStayReadable(t *testing.T) {
	out := logged(func(l *slog.Logger) {
		l.Info("session ended", "session", "abc", "closed", 3, "err", errors.New("connection refused"))
	})
	for _, want := range []string{`"session":"abc"`, `"closed":3`, `"err":"connection refused"`} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is missing in %s", want, out)
		}
	}
}

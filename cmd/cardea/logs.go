package main

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/config"
)

// logs is where a log goes. What is logged, and how, can change while it is in use.
type logs struct {
	level slog.LevelVar
	json  atomic.Bool
}

// logger returns a logger that follows l.
func (l *logs) logger(out io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: &l.level}
	return slog.New(audit.Redact(formats{l, slog.NewTextHandler(out, o), slog.NewJSONHandler(out, o)}))
}

func (l *logs) set(c config.Log) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // the configuration takes only words that slog knows
	l.level.Set(level)
	l.json.Store(c.Format == config.FormatJSON)
}

// logger returns one that stays as it is.
func logger(out io.Writer, c config.Log) *slog.Logger {
	l := &logs{}
	l.set(c)
	return l.logger(out)
}

// formats writes a line in the format that holds at the moment.
type formats struct {
	logs       *logs
	text, json slog.Handler
}

func (f formats) now() slog.Handler {
	if f.logs.json.Load() {
		return f.json
	}
	return f.text
}

func (f formats) Enabled(_ context.Context, level slog.Level) bool {
	return level >= f.logs.level.Level()
}

func (f formats) Handle(ctx context.Context, r slog.Record) error { return f.now().Handle(ctx, r) }

func (f formats) WithAttrs(attrs []slog.Attr) slog.Handler {
	return formats{f.logs, f.text.WithAttrs(attrs), f.json.WithAttrs(attrs)}
}

func (f formats) WithGroup(name string) slog.Handler {
	return formats{f.logs, f.text.WithGroup(name), f.json.WithGroup(name)}
}

package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/config"
)

// Configuration implements admin.Configs.
func (a *App) Configuration() admin.Configuration {
	g := a.gen()
	return admin.Configuration{File: g.cfg.File, SHA256: g.cfg.Digest, LoadedAt: g.loadedAt}
}

// PlanConfig implements admin.Configs: it reads a configuration as a reload would, with
// the files and the environment of this process, and makes everything of it but its place.
func (a *App) PlanConfig(ctx context.Context, folder string, text []byte) (admin.ConfigPlan, error) {
	out := admin.ConfigPlan{
		Faults: []admin.ConfigFault{}, Warnings: []admin.ConfigWarning{}, Changes: []admin.ConfigChange{}, NeedsRestart: []string{}, Ends: []admin.ConfigEnd{}, Stranded: []admin.ConfigStranded{},
	}
	source := a.reloads.source
	if source == nil {
		return out, admin.ErrNoFile
	}
	cfg, warnings, err := config.Parse(filepath.Join(folder, filepath.Base(source.File)), text, source.Env, source.readNamed)
	if faults, ok := errors.AsType[*config.Faults](err); ok {
		for _, f := range faults.List {
			out.Faults = append(out.Faults, admin.ConfigFault{Line: f.Line, Column: f.Column, Key: f.Path, Message: f.Message, Fix: f.Fix})
		}
		return out, nil
	}
	if err != nil {
		return out, err
	}
	for _, w := range warnings {
		out.Warnings = append(out.Warnings, admin.ConfigWarning{Line: w.Line, Key: w.Path, Message: w.Message})
	}
	p, err := a.plan(ctx, a.gen(), cfg)
	if err != nil {
		return out, err
	}
	for _, c := range p.changes {
		out.Changes = append(out.Changes, admin.ConfigChange{Key: c.Key, From: c.Old, To: c.New, NeedsRestart: c.Restart})
	}
	out.NeedsRestart = append(out.NeedsRestart, p.restart...)
	for _, r := range p.reasons {
		if r.sessions > 0 {
			out.Ends = append(out.Ends, admin.ConfigEnd{Why: r.why, Name: r.name, Because: r.because, Sessions: r.sessions})
		}
	}
	for _, x := range p.stranded {
		out.Stranded = append(out.Stranded, admin.ConfigStranded{Provider: x.provider, Accounts: x.accounts})
	}
	out.Sessions = len(p.ending)
	if err := a.complete(p.next); err != nil {
		// What no check of a configuration finds: a reload would be refused for it.
		out.Faults = append(out.Faults, admin.ConfigFault{Message: err.Error()})
		return out, nil
	}
	defer p.next.close()
	out.Connections = a.loose(p.next, p.ending)
	return out, nil
}

// maxNamed bounds a file that a configuration in a request names; certificates of all the
// world's authorities are smaller.
const maxNamed = 4 << 20

// readNamed reads a file that a configuration in a request names. Whoever asks chooses
// it: a pipe would hold the request for ever, and a device fill the memory.
func (s *Source) readNamed(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no regular file")
	case info.Size() > maxNamed:
		return nil, fmt.Errorf("it has more than %d bytes", maxNamed)
	}
	return s.ReadFile(name)
}

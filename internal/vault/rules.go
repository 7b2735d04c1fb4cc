package vault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Mode says what the vault does with an app's cookies.
type Mode string

// Modes.
const (
	On      Mode = "on"      // keep them
	Observe Mode = "observe" // touch nothing, say what On would do
	Off     Mode = "off"     // do nothing
)

// Rules say what happens to the cookies of one app. Patterns are names, or beginnings of
// names with a trailing "*"; names of cookies are compared by case.
type Rules struct {
	App  string // id
	Path string // of the app's url; "" stands for "/"
	Mode Mode

	Pass    []string // stay in the browser though HttpOnly
	Hold    []string // are kept though not HttpOnly; wins over Pass
	Browser []string // may come from the browser though the app set none such; nil or "*": all
	Keep    []string // the browser's, which sign-in and sign-out leave alone
}

// patterns match cookie names.
type patterns struct {
	all      bool
	exact    []string
	prefixes []string
}

func compile(field string, list []string) (patterns, error) {
	var p patterns
	for _, s := range list {
		head, star := strings.CutSuffix(s, "*")
		switch {
		case s == "" || strings.Contains(head, "*"):
			return p, fmt.Errorf("%s: %q is neither a name nor a beginning of names with a trailing *", field, s)
		case head == "":
			p.all = true
		case star:
			p.prefixes = append(p.prefixes, head)
		default:
			p.exact = append(p.exact, s)
		}
	}
	return p, nil
}

func (p *patterns) match(name string) bool {
	if p.all || slices.Contains(p.exact, name) {
		return true
	}
	for _, head := range p.prefixes {
		if strings.HasPrefix(name, head) {
			return true
		}
	}
	return false
}

// App is the vault of one app, for all sessions. It is safe for concurrent use.
type App struct {
	vault *Vault
	name  string
	dir   string // the app's url path, with a slash at its end
	mode  Mode

	pass, hold, browser, keep patterns

	observed observed
}

// App returns the vault of one app.
func (v *Vault) App(r Rules) (*App, error) {
	a, err := v.Draft(r)
	if err == nil {
		a.Serve()
	}
	return a, err
}

// Draft is App for an app that is not served yet, and perhaps never will be: Serve must be
// called before it is used.
func (v *Vault) Draft(r Rules) (*App, error) {
	a := &App{vault: v, name: r.App, dir: strings.TrimSuffix(r.Path, "/") + "/", mode: r.Mode}
	if r.App == "" {
		return nil, errors.New("vault: an app needs an id")
	}
	if a.dir[0] != '/' {
		return nil, fmt.Errorf("vault of app %s: path %q does not start with a slash", r.App, r.Path)
	}
	if r.Mode != On && r.Mode != Observe && r.Mode != Off {
		return nil, fmt.Errorf("vault of app %s: unknown mode %q", r.App, r.Mode)
	}
	if r.Browser == nil {
		r.Browser = []string{"*"}
	}
	var errs [4]error
	a.pass, errs[0] = compile("pass", r.Pass)
	a.hold, errs[1] = compile("hold", r.Hold)
	a.browser, errs[2] = compile("browser", r.Browser)
	a.keep, errs[3] = compile("keep", r.Keep)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("vault of app %s: %w", r.App, err)
	}
	return a, nil
}

// Serve makes the app one of those that a session's cookies may be kept for.
func (a *App) Serve() {
	if a.mode == On {
		a.vault.register(a.name)
	}
}

// keeps tells whether an app's cookie is kept here rather than passed through.
func (a *App) keeps(m *made) bool {
	return !m.beyond && (a.hold.match(m.name) || m.httpOnly && !a.pass.match(m.name))
}

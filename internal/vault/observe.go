package vault

import "sync"

const (
	maxObserved = 200 // cookies told of one app
	maxNameSaid = 64  // bytes of a name told
)

// observed is what has been told of an app in mode Observe: names and what would become
// of them, never values.
type observed struct {
	mu   sync.Mutex
	told map[string]struct{}
}

// tell logs once per cookie and outcome.
func (a *App) tell(name, what string) {
	name = name[:min(len(name), maxNameSaid)]
	a.observed.mu.Lock()
	defer a.observed.mu.Unlock()
	key := what + "\x00" + name
	if _, ok := a.observed.told[key]; ok || len(a.observed.told) >= maxObserved {
		return
	}
	if a.observed.told == nil {
		a.observed.told = map[string]struct{}{}
	}
	a.observed.told[key] = struct{}{}
	a.vault.log.Info("vault observes a cookie", "app", a.name, "cookie", name, "would", what)
}

func (a *App) observeRequest(sent []string) {
	if a.mode != Observe || a.browser.all {
		return
	}
	for p := (pairs{lines: sent}); p.next(); {
		if !p.own() && !a.browser.match(p.name) && !a.keep.match(p.name) {
			a.tell(p.name, "drop it from requests unless the app has passed it to the browser")
		}
	}
}

func (a *App) observeResponse(lines []string, src source) {
	for _, line := range lines {
		c, refused := parseSetCookie(line)
		if refused != "" {
			a.tell("", "refuse one for "+string(refused))
			continue
		}
		if ownName(c.name, c.value) {
			continue
		}
		m, refused := c.at(src)
		switch {
		case refused != "":
			a.tell(c.name, "refuse it for "+string(refused))
		case m.expired:
			a.tell(c.name, "forget it")
		case a.keeps(&m):
			a.tell(c.name, "keep it")
		default:
			a.tell(c.name, "pass it to the browser")
		}
	}
}

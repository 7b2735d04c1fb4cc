package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/strict"
)

// mostClasses is how many characters of acr_values a sign-in carries to the provider and
// back, with a blank between each.
const mostClasses = 256

// stepUp checks what an app or a path demands of a sign-in beyond that there is one, and
// that the app's providers can meet it.
func (c *checker) stepUp(path string, maxAge time.Duration, acr []string, providers []Provider) {
	at := strict.Key(path, "max_age")
	c.age(at, maxAge)
	if maxAge >= time.Second {
		c.tellsAge(at, providers)
	}
	c.classes(strict.Key(path, "acr"), acr, providers)
}

// classes checks a list of authentication classes. Only an ID token says which class a
// sign-in is of, so that without one nobody would ever be let in.
func (c *checker) classes(path string, list []string, providers []Provider) {
	c.inert(path, len(list))
	if len(list) == 0 {
		return
	}
	for i, class := range list {
		at := strict.Index(path, i)
		c.when(!validScope(class), at, strict.Quote(class)+" is not a class of authentication", "write one class per entry, exactly as the provider names it, without blanks or quotes")
		c.twice(at, list, i)
	}
	c.when(len(strings.Join(list, " ")) > mostClasses, path, fmt.Sprintf("is longer than a sign-in can carry: %d characters", mostClasses), "list fewer classes")
	var without []string
	for _, p := range providers {
		if p.Record.Kind != "" && !sendsIDToken(p) {
			without = append(without, p.ID)
		}
	}
	c.when(len(without) > 0, path, "no class ever comes from "+strings.Join(without, ", ")+", which sends no ID token (record.claims.id_token)",
		"leave the provider out under the app's providers, or remove acr")
}

// tellsAge demands that at least one of the providers can satisfy a max_age, and warns of
// those that cannot: they neither say when a person signed in nor can be made to ask for
// credentials again, so that every sign-in there is refused as too old.
func (c *checker) tellsAge(path string, providers []Provider) {
	var without []string
	asked := 0
	for _, p := range providers {
		if p.Record.Kind == "" {
			continue
		}
		asked++
		if why := ageless(p); why != "" {
			without = append(without, p.ID+" "+why)
		}
	}
	message := strings.Join(without, "; ") + ": nobody is let in from there"
	switch {
	case len(without) == 0:
	case len(without) == asked:
		c.fault(path, message, "remove max_age, or state record.fresh_login of the provider if it can do more")
	default:
		c.warn(path, message)
	}
}

// ageless says why a provider can satisfy no max_age; "" where it can.
func ageless(p Provider) string {
	fresh := p.Record.FreshLogin
	byPrompt := fresh.By == record.FreshByPrompt || fresh.By == record.FreshByPromptAndMaxAge
	if byPrompt && slices.Contains(p.Record.Prompt.OK, fresh.Prompt) {
		return ""
	}
	cannot := fmt.Sprintf("and no prompt makes it ask for credentials again (record.fresh_login.by: %s)", fresh.By)
	switch {
	case !sendsIDToken(p):
		return "sends no ID token that says when a person signed in, " + cannot
	case fresh.AuthTime != record.AuthTimeChecked:
		return fmt.Sprintf("does not say when a person signed in (record.fresh_login.auth_time: %s), %s", fresh.AuthTime, cannot)
	}
	return ""
}

func sendsIDToken(p Provider) bool {
	return p.Record.Claims.IDToken == record.Yes || p.Record.Claims.IDToken != record.No && slices.Contains(p.Record.Scopes, "openid")
}

package preset

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cardea-auth/cardea/internal/strict"
)

// Validate says what is wrong with a preset whose paths are still relative: words that
// are missing, paths and patterns that no request could match, and statements that
// contradict each other. Faults carry paths and no positions.
func (p Preset) Validate() []strict.Fault {
	c := &checker{}
	c.headers(p)
	c.logout(p.Logout)
	for i, call := range p.Replay {
		c.call(strict.Index("replay", i), call)
	}
	c.paths(p.Paths)
	for i, pattern := range p.Polling {
		c.problem(strict.Index("polling", i), checkPattern(pattern))
	}
	c.cookies(p.Cookies)
	c.word("vault", string(p.Vault), p.Vault.Values())
	c.word("page_script", string(p.PageScript), p.PageScript.Values())
	c.word("needs.prefix", string(p.Needs.Prefix), p.Needs.Prefix.Values())
	c.webSocket(p.WebSocket)
	c.when(p.Refusal.Status != http.StatusUnauthorized && p.Refusal.Status != http.StatusForbidden,
		"refusal.status", "is neither 401 nor 403", "write status: 401")
	c.marks("recognise", p.Recognise)
	c.takes(p.Takes)
	c.provenance(p)
	return c.faults
}

type checker struct {
	faults []strict.Fault
}

func (c *checker) fault(path, message, fix string) {
	c.faults = append(c.faults, strict.Fault{Path: path, Message: message, Fix: fix})
}

// when adds the fault if the condition holds.
func (c *checker) when(wrong bool, path, message, fix string) {
	if wrong {
		c.fault(path, message, fix)
	}
}

// problem adds what a parser says; nil is nothing.
func (c *checker) problem(path string, err error) {
	var p *strict.Problem
	if errors.As(err, &p) {
		c.fault(path, p.Message, p.Fix)
	}
}

func (c *checker) word(path, word string, values []string) {
	if word == "" {
		c.fault(path, "is not stated", "write one of: "+strings.Join(values, ", "))
		return
	}
	if message, fix, bad := strict.CheckWord(word, values); bad {
		c.fault(path, message, fix)
	}
}

func (c *checker) headers(p Preset) {
	names := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		at, source := strict.Key("headers", name), p.Headers[name]
		if message, fix := HeaderFault(name); message != "" {
			c.fault(at, strict.Quote(name)+" "+message, fix)
		}
		lower := strings.ToLower(name)
		c.when(names[lower], at, "is written twice in another case", "keep one of the two")
		names[lower] = true
		path, claim := strings.CutPrefix(source, claimPrefix)
		switch {
		case claim:
			c.when(path == "" || strings.ContainsAny(path, " \t\r\n"), at, strict.Quote(source)+" names no claim", "write it as claim:realm_access.roles")
		default:
			c.word(at, source, append(sources(), claimPrefix+"PATH"))
		}
	}
	for i, name := range p.Reads {
		if message, fix := HeaderFault(name); message != "" && !strings.HasPrefix(strings.ToLower(name), "x-cardea-") {
			c.fault(strict.Index("reads", i), strict.Quote(name)+" "+message, fix)
		}
		c.twice("reads", p.Reads, i)
	}
}

func (c *checker) twice(path string, list []string, i int) {
	c.when(slices.Index(list, list[i]) < i, strict.Index(path, i), strict.Quote(list[i])+" is listed twice", "keep one of the two")
}

// path checks a path that requests are compared with.
func (c *checker) path(at, p string) {
	if p == "" {
		c.fault(at, "is missing", "write the path, such as /logout")
		return
	}
	c.problem(at, CheckPath(p))
	c.when(Own(p), at, "/.cardea/ is the gateway's own", "write a path of the app's own")
}

func (c *checker) logout(list []Logout) {
	for i, l := range list {
		at := strict.Index("logout", i)
		c.when(l.Method != http.MethodGet && l.Method != http.MethodPost, strict.Key(at, "method"),
			strict.Quote(l.Method)+" is no method that an app's logout has", "write GET or POST")
		c.path(strict.Key(at, "path"), l.Path)
		c.when(slices.Index(list, l) < i, at, "is listed twice", "keep one of the two")
	}
}

func (c *checker) call(at string, call Call) {
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	c.when(!slices.Contains(methods, call.Method), strict.Key(at, "method"),
		strict.Quote(call.Method)+" is no method of a call", "write one of: "+strings.Join(methods, ", "))
	path, query, asks := strings.Cut(call.Path, "?")
	c.path(strict.Key(at, "path"), path)
	c.when(asks && !plainQuery(query), strict.Key(at, "path"), "has a query that is not a plain one", "write it as /logout?all=1")
	hasBody := len(call.Form) > 0 || call.XSRF != nil && call.XSRF.Field != ""
	c.when(hasBody && call.Method == http.MethodGet, strict.Key(at, "method"), "a GET carries no form", "write method: POST")
	for _, name := range slices.Sorted(maps.Keys(call.Header)) {
		if message, fix := callHeaderFault(name); message != "" {
			c.fault(strict.Key(strict.Key(at, "header"), name), strict.Quote(name)+" "+message, fix)
		}
		c.when(!printable(call.Header[name]), strict.Key(strict.Key(at, "header"), name), "has control characters", "write plain text")
	}
	_, nameless := call.Form[""]
	c.when(nameless, strict.Key(at, "form"), "has an entry without a name", "write the member's name")
	if call.XSRF != nil {
		c.xsrf(strict.Key(at, "xsrf"), *call.XSRF)
	}
}

func plainQuery(q string) bool {
	for _, r := range q {
		if r <= ' ' || r > '~' || strings.ContainsRune("#\"<>\\^`{|}", r) {
			return false
		}
	}
	return q != ""
}

// printable reports whether a text can stand in a header's value.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func (c *checker) xsrf(at string, x XSRF) {
	c.when(!cookieName(x.Cookie), strict.Key(at, "cookie"), "names no cookie", "write the cookie whose value is the token, such as _xsrf")
	places := 0
	for _, place := range []string{x.Header, x.Query, x.Field} {
		if place != "" {
			places++
		}
	}
	c.when(places != 1, at, "the token goes to exactly one place", "write one of header, query and field")
	if x.Header != "" {
		if message, fix := callHeaderFault(x.Header); message != "" {
			c.fault(strict.Key(at, "header"), strict.Quote(x.Header)+" "+message, fix)
		}
	}
	c.when(!printable(x.Query+x.Field), at, "has control characters in a name", "write the name as the app spells it")
	if x.From != "" {
		c.path(strict.Key(at, "from"), x.From)
	}
}

func (c *checker) paths(list []Path) {
	seen := map[string]bool{}
	for i, p := range list {
		at := strict.Index("paths", i)
		key, value := "prefix", p.Prefix
		switch {
		case p.Prefix != "" && p.Exact != "":
			c.fault(strict.Key(at, "exact"), "stands beside prefix", "keep one of the two")
			continue
		case p.Exact != "":
			key, value = "exact", p.Exact
		case p.Prefix == "":
			c.fault(at, "names no path", "write prefix: /path or exact: /path")
			continue
		}
		c.path(strict.Key(at, key), value)
		c.when(key == "prefix" && value != "/" && strings.HasSuffix(value, "/"), strict.Key(at, key), "ends in a slash", "write "+strings.TrimRight(clip(value), "/"))
		c.when(p.Public == p.Bearer, at, "is either public or open to bearer tokens", "write public: true or bearer: true")
		c.when(p.BareToken && !p.Bearer, strict.Key(at, "bare_token"), "says how a bearer token is written, and none is taken", "write bearer: true as well, or remove it")
		name := key + " " + strings.ToLower(value)
		c.when(seen[name], at, "names the same path as another entry", "keep one of the two")
		seen[name] = true
	}
}

func (c *checker) cookies(k Cookies) {
	lists := []struct {
		path string
		list []string
	}{{"cookies.pass", k.Pass}, {"cookies.hold", k.Hold}, {"cookies.browser", k.Browser}, {"cookies.keep", k.Keep}}
	for _, l := range lists {
		for i, pattern := range l.list {
			c.when(!cookiePattern(pattern), strict.Index(l.path, i), strict.Quote(pattern)+" is no cookie's name", "write a name, or its beginning with * after it")
			c.twice(l.path, l.list, i)
		}
	}
	for i, pattern := range k.Hold {
		at := strict.Index("cookies.hold", i)
		c.when(slices.Contains(k.Pass, pattern), at, strict.Quote(pattern)+" is listed under pass too", "keep one of the two")
		c.when(slices.Contains(k.Keep, pattern), at, strict.Quote(pattern)+" is listed under keep too", "keep one of the two")
		c.when(slices.Contains(k.Browser, pattern), at, strict.Quote(pattern)+" is listed under browser too", "keep one of the two")
	}
	c.when(slices.Contains(k.Keep, "*"), "cookies.keep", "keeps every cookie for the next person", "list the names that say nothing about a person")
}

func cookiePattern(p string) bool {
	if p == "*" {
		return true
	}
	return cookieName(strings.TrimSuffix(p, "*"))
}

// cookieName takes what browsers take, which is more than the token of RFC 6265
// section 4.1.1: real names have colons.
func cookieName(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || strings.IndexByte("=;,\"\\*", s[i]) >= 0 {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

// maxFarewell keeps the message within one frame's short form.
const maxFarewell = 125

func (c *checker) webSocket(w WebSocket) {
	c.when(!closeCode(w.Code), "websocket.code", "is no code that may be sent", "write code: 1008, or one of 1000 to 1003, 1007 to 1014 and 3000 to 4999")
	c.when(len(w.Farewell) > maxFarewell || !utf8.ValidString(w.Farewell), "websocket.farewell", "is no short text", "write at most 125 bytes of text")
}

// closeCode is RFC 6455 section 7.4 and the registry it made: 1004 to 1006 and 1015 are
// never sent, and 1016 to 2999 mean nothing yet.
func closeCode(code int) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}

func (c *checker) provenance(p Preset) {
	c.when(len(p.Sources) == 0, "sources", "no source is named", "say where the facts were read")
	_, err := time.Parse(time.DateOnly, p.CheckedOn)
	c.when(err != nil, "checked_on", strict.Quote(p.CheckedOn)+" is not a day", "write it as 2026-11-30")
}

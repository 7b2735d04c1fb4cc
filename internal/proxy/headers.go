package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Source says what of a session a header carries.
type Source string

// Sources. ClaimPrefix precedes the path of a claim.
const (
	SourceAccount     Source = "account"
	SourceHandle      Source = "handle"
	SourceSubject     Source = "subject"
	SourceEmail       Source = "email" // believed ones only
	SourceName        Source = "name"
	SourceGroups      Source = "groups"
	SourceIDToken     Source = "id_token"
	SourceAccessToken Source = "access_token"

	ClaimPrefix = "claim:"
)

// Header maps a source to a header. Separator stands between the members of a list,
// "," where it is empty; a member that contains it is left out.
type Header struct {
	Name      string
	Source    Source
	Separator string
}

// DefaultHeaders are the identity headers of an app that names none.
func DefaultHeaders() []Header {
	return []Header{
		{Name: "X-Forwarded-User", Source: SourceHandle},
		{Name: "X-Forwarded-Preferred-Username", Source: SourceHandle},
		{Name: "X-Cardea-Account", Source: SourceAccount},
		{Name: "X-Forwarded-Email", Source: SourceEmail},
		{Name: "X-Forwarded-Name", Source: SourceName},
		{Name: "X-Forwarded-Groups", Source: SourceGroups},
	}
}

// HeaderSet returns a ready set by name: oauth2-proxy, authelia or authentik, so that
// an app set up for one of these needs no change.
func HeaderSet(name string) ([]Header, bool) {
	switch name {
	case "oauth2-proxy":
		return []Header{
			{Name: "X-Forwarded-User", Source: SourceHandle},
			{Name: "X-Forwarded-Preferred-Username", Source: SourceHandle},
			{Name: "X-Forwarded-Email", Source: SourceEmail},
			{Name: "X-Forwarded-Groups", Source: SourceGroups},
			{Name: "X-Auth-Request-User", Source: SourceHandle},
			{Name: "X-Auth-Request-Preferred-Username", Source: SourceHandle},
			{Name: "X-Auth-Request-Email", Source: SourceEmail},
			{Name: "X-Auth-Request-Groups", Source: SourceGroups},
		}, true
	case "authelia":
		return []Header{
			{Name: "Remote-User", Source: SourceHandle},
			{Name: "Remote-Name", Source: SourceName},
			{Name: "Remote-Email", Source: SourceEmail},
			{Name: "Remote-Groups", Source: SourceGroups},
		}, true
	case "authentik":
		return []Header{
			{Name: "X-Authentik-Username", Source: SourceHandle},
			{Name: "X-Authentik-Uid", Source: SourceAccount},
			{Name: "X-Authentik-Name", Source: SourceName},
			{Name: "X-Authentik-Email", Source: SourceEmail},
			{Name: "X-Authentik-Groups", Source: SourceGroups, Separator: "|"},
		}, true
	}
	return nil, false
}

// gatewayPrefixes begin names by which gateways speak to apps; browsers have no use for
// any of them.
var gatewayPrefixes = [...]string{"X-Cardea-", "X-Forwarded-", "X-Auth-Request-", "X-Authentik-"}

// identityHeader carries the signed identity.
const identityHeader = "X-Cardea-Identity"

// forwardingNames are headers by which proxies tell apps where a request came from or
// where it really goes. Those that Cardea does not set are removed all the same: some
// framework believes each of them.
var forwardingNames = [...]string{
	"Forwarded", "X-Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
	"X-Scheme", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Envoy-External-Address", "True-Client-Ip",
	"X-Original-Url", "X-Original-Uri", "X-Original-Host", "X-Original-Method", "X-Rewrite-Url", "X-Host",
	"X-Script-Name", "Front-End-Https", "X-Url-Scheme", "X-Http-Host-Override",
}

// identityNames are further names by which gateways tell apps who a person is.
var identityNames = [...]string{
	"Remote-User", "X-Remote-User", "X-Remote-Groups", "X-Remote-Email", "X-Remote-Name", "X-Webauth-User", "X-User",
	"X-Authenticated-User", "X-Proxy-User", "X-Client-Cert", "X-Ssl-Client-Cert", "X-Ssl-Client-Dn",
}

// unmappable are names whose meaning is HTTP's own.
var unmappable = [...]string{
	"Host", "Cookie", "Set-Cookie", "Connection", "Proxy-Connection", "Keep-Alive", "Transfer-Encoding", "Te",
	"Trailer", "Upgrade", "Expect", "Content-Length", "Content-Type", "Content-Encoding", "Origin", "Referer",
	"Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions",
}

// ownedNames returns the canonical names that no client may set, and tells what is
// wrong with a map of headers.
func ownedNames(headers []Header) (map[string]struct{}, error) {
	owned := map[string]struct{}{}
	own := func(names ...string) {
		for _, n := range names {
			owned[http.CanonicalHeaderKey(n)] = struct{}{}
		}
	}
	own(forwardingNames[:]...)
	own(identityNames[:]...)
	for _, h := range DefaultHeaders() {
		own(h.Name)
	}
	for _, set := range [...]string{"oauth2-proxy", "authelia", "authentik"} {
		list, _ := HeaderSet(set)
		for _, h := range list {
			own(h.Name)
		}
	}
	var errs []error
	mapped := map[string]bool{}
	for _, h := range headers {
		name := http.CanonicalHeaderKey(h.Name)
		if err := checkHeader(h, name, mapped[name]); err != nil {
			errs = append(errs, err)
		}
		mapped[name] = true
		own(name)
	}
	return owned, errors.Join(errs...)
}

func checkHeader(h Header, name string, twice bool) error {
	switch {
	case !httpguts.ValidHeaderFieldName(h.Name) || odd(name):
		return fmt.Errorf("header %q: a name has letters, digits and - only", h.Name)
	case twice:
		return fmt.Errorf("header %q is mapped twice", h.Name)
	case name == identityHeader:
		return fmt.Errorf("header %q carries the signed identity", h.Name)
	case !knownSource(h.Source):
		return fmt.Errorf("header %q: unknown source %q", h.Name, h.Source)
	}
	for _, n := range unmappable {
		if n == name {
			return fmt.Errorf("header %q has a meaning of its own in HTTP", h.Name)
		}
	}
	for _, n := range forwardingNames {
		if n == name {
			return fmt.Errorf("header %q says where a request came from", h.Name)
		}
	}
	return nil
}

func knownSource(s Source) bool {
	switch s {
	case SourceAccount, SourceHandle, SourceSubject, SourceEmail, SourceName, SourceGroups, SourceIDToken, SourceAccessToken:
		return true
	}
	path, ok := strings.CutPrefix(string(s), ClaimPrefix)
	return ok && path != ""
}

// canonical returns the headers with canonical names and their separators filled in.
func canonical(headers []Header) []Header {
	out := make([]Header, len(headers))
	for i, h := range headers {
		h.Name = http.CanonicalHeaderKey(h.Name)
		if h.Separator == "" {
			h.Separator = ","
		}
		out[i] = h
	}
	return out
}

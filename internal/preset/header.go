package preset

import (
	"slices"
	"strings"
)

// HeaderFault says why an identity header cannot have this name; "" where it can.
func HeaderFault(name string) (message, fix string) {
	lower := strings.ToLower(name)
	switch {
	case !ValidToken(name):
		return "is not a header's name", "write letters, digits and dashes"
	case strings.Contains(name, "_"):
		return "has an underscore, which many servers read as a dash", "write " + strings.ReplaceAll(name, "_", "-")
	case lower == "set":
		return "names a ready set only in lower case", "write set"
	case strings.HasPrefix(lower, "x-cardea-"):
		return "is one of Cardea's own headers", "take another name"
	case reservedHeader(lower):
		return "belongs to HTTP or to the proxy itself", "take another name, such as X-Forwarded-User"
	}
	return "", ""
}

func reservedHeader(lower string) bool {
	for _, prefix := range []string{"sec-", "proxy-", "content-", "access-control-", "if-"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	return slices.Contains(strings.Fields(`accept accept-encoding authorization cache-control connection cookie cookie2 date
		expect forwarded host http2-settings keep-alive origin pragma priority range referer set-cookie te trailer
		transfer-encoding upgrade user-agent via x-accel-redirect x-forwarded-for x-forwarded-host x-forwarded-method
		x-forwarded-port x-forwarded-proto x-forwarded-server x-forwarded-uri x-http-method-override
		x-original-method x-original-uri x-original-url x-real-ip x-rewrite-url`), lower)
}

// callHeaderFault says why a call to an application cannot carry this header: the
// gateway sets it itself, or it belongs to one connection only (RFC 9110 section 7.6.1).
func callHeaderFault(name string) (message, fix string) {
	lower := strings.ToLower(name)
	switch {
	case !ValidToken(name):
		return "is not a header's name", "write letters, digits and dashes"
	case strings.HasPrefix(lower, "x-cardea-") || strings.HasPrefix(lower, "proxy-"),
		slices.Contains(strings.Fields(`connection content-length cookie cookie2 expect forwarded host http2-settings keep-alive
			te trailer transfer-encoding upgrade x-forwarded-for x-forwarded-host x-forwarded-proto`), lower):
		return "is set by the gateway, or belongs to the connection", "remove it"
	}
	return "", ""
}

// ValidToken is RFC 9110 section 5.6.2, bounded in length.
func ValidToken(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for _, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r) {
			return false
		}
	}
	return true
}

// sources are what an identity header may carry, besides claim:PATH.
func sources() []string {
	return []string{"account", "handle", "subject", "email", "name", "groups", "id_token", "access_token"}
}

const claimPrefix = "claim:"

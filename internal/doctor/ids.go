package doctor

import "slices"

// check is one check and the findings that it may come to, the most usual first.
type check struct {
	name string
	ids  []string
}

// checks lists every finding by its name. A record's `fixes` say what to change for one.
func checks() []check {
	return []check{
		{"public-url", []string{"public-url"}},
		{"proxies", []string{"proxies"}},
		{"proxy-headers", []string{"proxy-headers"}},
		{"listening", []string{"listening-unreached", "listening-taken", "listening-ops", "listening-stranger", "listening-stopped"}},
		{"header-size", []string{"header-size"}},
		{"loopback-names", []string{"loopback-names"}},

		{"reachable", []string{"reachable", "reachable-https", "reachable-path", "reachable-page", "reachable-redirected", "reachable-failing", "reachable-endpoint"}},
		{"tls", []string{"tls-untrusted", "tls-names", "tls-expired", "tls-invalid", "tls-plain"}},
		{"loopback", []string{"loopback-issuer", "loopback-shared"}},
		{"clock", []string{"clock", "clock-unsaid"}},
		{"issuer", []string{"issuer", "issuer-slash", "issuer-scheme", "issuer-host", "issuer-port", "issuer-path", "issuer-backchannel"}},
		{"kind", []string{"kind"}},
		{"endpoints", []string{"endpoints", "endpoints-plain"}},
		{"scopes", []string{"scopes", "scopes-openid"}},
		{"groups", []string{"groups", "groups-scope", "groups-unsaid"}},
		{"refresh", []string{"refresh", "refresh-offline", "refresh-unseen"}},
		{"pkce", []string{"pkce", "pkce-unsaid", "pkce-off"}},
		{"pkce-demanded", []string{"pkce-optional", "pkce-plain"}},
		{"client-auth", []string{"client-auth", "client-auth-unsaid"}},
		{"algorithms", []string{"algorithms"}},
		{"keys", []string{"keys", "keys-unreachable", "keys-weak"}},
		{"redirect-uri", []string{"redirect-uri", "redirect-uri-request", "redirect-uri-untold", "redirect-uri-unclear"}},
		{"redirect-uri-exact", []string{"redirect-uri-wildcard"}},
		{"credentials", []string{"credentials", "credentials-method", "credentials-untold", "credentials-unclear"}},
		{"fresh-login", []string{"fresh-login", "fresh-login-advice"}},
		{"sign-out", []string{"sign-out", "sign-out-none", "sign-out-unused", "sign-out-stays"}},
		{"post-logout-uri", []string{"post-logout-uri", "post-logout-uri-hint", "post-logout-uri-params", "post-logout-uri-untold", "post-logout-uri-unclear"}},
		{"revocation", []string{"revocation", "revocation-none"}},
		{"notices", []string{"notices", "notices-unsaid", "notices-session", "notices-both", "notices-loopback"}},

		{"app-reachable", []string{"app-reachable", "app-failing", "app-address"}},
		{"app-loop", []string{"app-loop"}},
		{"app-alone", []string{"app-alone"}},
		{"app-exposed", []string{"app-exposed"}},
		{"app-preset", []string{"app-preset"}},
		{"app-takes", []string{"app-takes"}},
		{"app-cookies", []string{"app-cookies"}},
		{"app-setup", []string{"app-setup"}},
	}
}

// IDs lists the names of all findings, in alphabetical order: what a record's `fixes` may
// name.
func IDs() []string {
	var all []string
	for _, c := range checks() {
		all = append(all, c.ids...)
	}
	slices.Sort(all)
	return all
}

// checkOf is the check that a finding belongs to.
func checkOf(id string) string {
	for _, c := range checks() {
		if slices.Contains(c.ids, id) {
			return c.name
		}
	}
	return ""
}

// hinders tells whether an error keeps everybody from signing in. The others hurt later.
func hinders(f Finding) bool {
	return f.Level == Error && !slices.Contains([]string{"post-logout-uri", "app-reachable", "app-takes", "groups"}, f.Check)
}

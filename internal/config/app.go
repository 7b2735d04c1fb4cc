package config

import (
	"net/http"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/cardea-auth/cardea/internal/preset"
)

// App is one web application that is protected.
type App struct {
	// Names the app: a-z, 0-9 and dashes. Keep it: what is stored refers to it.
	ID string `yaml:"id" jsonschema:"required,pattern=^[a-z0-9]([a-z0-9-]*[a-z0-9])?$,maxLength=63"`
	// What people read. Default: the id.
	Name string `yaml:"name,omitempty"`
	// Where people find the app: an origin, or a path under one; the longest match wins. https://*.apps.example.com takes one label in place of the star.
	URL AppURL `yaml:"url" jsonschema:"required" hint:"a URL such as https://chat.example.com"`
	// Where the app listens: http://, https:// or h2c:// with host and port, or unix:/path.
	Upstream Upstream `yaml:"upstream" jsonschema:"required" hint:"an address such as http://127.0.0.1:8000"`
	// Certificates to trust for an https upstream, PEM, in addition to the system's.
	CAFile string `yaml:"ca_file,omitempty"`
	// What is known of the app: a preset. `generic` suits any app. Default generic.
	Preset string `yaml:"preset"`
	// Overrides of single fields of the preset. With `generic`, the app's own record.
	Override *yaml.Node `yaml:"record,omitempty"`
	// Keeps the app's cookies here instead of in the browser: `on`, `off`, or `observe`, which changes nothing and logs what it would do. Default: the preset's.
	Vault VaultMode `yaml:"vault,omitempty"`
	// Puts a script into the app's pages that takes them away when the sign-in ends, and that offers to stay before it does. Default: the preset's.
	PageScript *bool `yaml:"page_script,omitempty"`
	// Takes the url's path off before a request reaches the app.
	StripPrefix bool `yaml:"strip_prefix"`
	// Ids of the providers that this app takes. Absent: all.
	Providers []string `yaml:"providers,omitempty"`
	// Who may use the app. Absent: everyone who is signed in.
	Access *Access `yaml:"access,omitempty"`
	// What holds on single paths; the longest match wins, exact before prefix. The preset's are added; one of the same path stands in place of the preset's.
	Paths []Path `yaml:"paths,omitempty"`
	// How long people stay signed in.
	Session Session `yaml:"session"`
	// What signing out ends: `provider` (the provider's session too), `gateway` (only the sign-in here), or `ask`. Default provider.
	SignOut SignOut `yaml:"sign_out"`
	// The requests by which people sign out in the app itself; they end the sign-in here too. Default: the preset's.
	Logout []Logout `yaml:"logout,omitempty"`
	// Headers in addition to, or in place of, those that every app gets: a ready set, and names with what they carry.
	Headers Headers `yaml:"headers,omitempty"`
	// Origins whose scripts may call the app.
	CORS *CORS `yaml:"cors,omitempty"`
	// How old a sign-in at the provider may be for this app. Absent: any age.
	MaxAge time.Duration `yaml:"max_age,omitempty"`
	// Classes of authentication (acr), exactly as the provider names them, of which a sign-in must have one for this app. Absent: any.
	ACR []string `yaml:"acr,omitempty"`
	// Sends X-Cardea-Identity: the identity as a signed JWT, its audience the app, 60 seconds valid.
	Identity bool `yaml:"identity"`

	// CA holds CAFile's certificates, PEM, checked to be readable; nil without one.
	CA []byte `yaml:"-"`
	// Record is the preset with Override applied, its paths relative to the app's url.
	Record preset.Preset `yaml:"-"`
	// Resolved is Record as it takes effect: paths as browsers see them, and Logout as
	// stated above. Logout, Paths, Headers, Vault and PageScript hold what the preset adds.
	Resolved preset.Preset `yaml:"-"`
}

// Script reports whether the app's pages get the page script.
func (a *App) Script() bool { return a.PageScript != nil && *a.PageScript }

// SetDefaults implements strict.Defaulter.
func (a *App) SetDefaults() {
	a.SignOut = SignOutProvider
	a.Preset = preset.Generic
	a.Session = Session{Idle: 72 * time.Hour, Absolute: 336 * time.Hour, Cookie: CookiePersistent}
}

// Session says how long people stay signed in.
type Session struct {
	// Ends the session after this long without a request. At least 1m. Default 72h.
	Idle time.Duration `yaml:"idle"`
	// Ends the session this long after signing in, whatever happened since. Default 336h (14 days).
	Absolute time.Duration `yaml:"absolute"`
	// Whether the cookie outlives the browser's end (`persistent`) or not (`browser`). Default persistent.
	Cookie CookieLife `yaml:"cookie"`
}

// Access says who is let in: whoever satisfies at least one entry of every list
// that is stated. E-mails and domains are one list: an address is let in by itself
// or by its domain. Both need an e-mail address that is believed.
type Access struct {
	// E-mail addresses, compared without regard to case.
	Emails []string `yaml:"emails,omitempty"`
	// E-mail domains: example.com, or *.example.com for its subdomains.
	Domains []string `yaml:"domains,omitempty"`
	// Group names, exactly as the provider spells them.
	Groups []string `yaml:"groups,omitempty"`
	// Claims and the values they may have; realm_access.roles names a claim within a claim. Every claim stated must match.
	Claims map[string][]string `yaml:"claims,omitempty"`
}

// Path says what holds on a part of an app.
type Path struct {
	// The path and everything below it, as browsers see it.
	Prefix string `yaml:"prefix,omitempty"`
	// This path alone.
	Exact string `yaml:"exact,omitempty"`
	// Lets everyone in; the identity is passed on where there is a live session.
	Public bool `yaml:"public"`
	// Lets requests with a bearer token of the app's own pass; the app judges it.
	Bearer bool `yaml:"bearer"`
	// With bearer: takes an Authorization header without a scheme as such a token too.
	BareToken bool `yaml:"bare_token"`
	// Who may use this part, in place of the app's access. The global access holds all the same.
	Access *Access `yaml:"access,omitempty"`
	// How old a sign-in at the provider may be for this part.
	MaxAge time.Duration `yaml:"max_age,omitempty"`
	// Classes of authentication (acr) of which a sign-in must have one for this part, in place of the app's.
	ACR []string `yaml:"acr,omitempty"`
}

// demands tells whether the entry asks more of people than that they are signed in.
func (p *Path) demands() bool { return p.Access != nil || p.MaxAge != 0 || len(p.ACR) > 0 }

// Logout is a request by which people sign out in the app itself.
type Logout struct {
	// GET for a link, POST for a form or a script's call. Default POST.
	Method string `yaml:"method" jsonschema:"enum=GET,enum=POST"`
	// The path, exactly, as browsers see it.
	Path string `yaml:"path" jsonschema:"required"`
}

// SetDefaults implements strict.Defaulter.
func (l *Logout) SetDefaults() { l.Method = http.MethodPost }

// Headers map header names to what they carry.
type Headers struct {
	// A ready set of names: oauth2-proxy, authelia or authentik.
	Set HeaderSet `yaml:"set,omitempty"`
	// Names and what they carry.
	Names map[string]HeaderSource `yaml:",inline" hint:"account, handle, subject, email, name, groups, claim:PATH, id_token or access_token"`
}

// IsZero reports whether nothing is stated.
func (h Headers) IsZero() bool {
	return h.Set == "" && len(h.Names) == 0
}

// CORS says which origins' scripts may call the app (Fetch, section 3.2).
type CORS struct {
	// Origins, or "*" for all (without credentials).
	Origins []CORSOrigin `yaml:"origins" jsonschema:"required,minItems=1"`
	// Methods beyond GET, HEAD and POST.
	Methods []string `yaml:"methods,omitempty"`
	// Request headers beyond the safelisted ones.
	Headers []string `yaml:"headers,omitempty"`
	// Allows requests that carry the session.
	Credentials bool `yaml:"credentials"`
	// How long browsers may keep a preflight's answer. Default: as browsers do.
	MaxAge time.Duration `yaml:"max_age,omitempty"`
}

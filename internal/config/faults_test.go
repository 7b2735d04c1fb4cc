package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/strict"
)

// faultCase changes the least configuration in one place. The mark § stands
// where the fault must point; it is taken out before loading.
type faultCase struct {
	name     string
	old, new string // replaced in the least configuration; an empty old appends
	path     string
	message  string // a part of it
	fix      string // a part of it
}

const mark = "§"

const hiddenToken = "correct-horse-battery-staple-0123456789"

func (tt faultCase) run(t *testing.T) {
	t.Helper()
	doc := least + tt.new
	if tt.old != "" {
		doc = strings.Replace(least, tt.old, tt.new, 1)
		if doc == least {
			t.Fatalf("%q is not in the least configuration", tt.old)
		}
	}
	before, after, found := strings.Cut(doc, mark)
	if !found {
		t.Fatal("the case has no mark")
	}
	line := strings.Count(before, "\n") + 1
	column := len([]rune(before[strings.LastIndex(before, "\n")+1:])) + 1

	w := world{
		files: map[string]string{"/etc/cardea/empty": " \n", "/etc/cardea/junk.pem": "junk", "/etc/cardea/token": hiddenToken + "\n", "/etc/cardea/short": "hunter2"},
		env:   map[string]string{"EMPTY": "", "TOKEN": hiddenToken, "BLANKS": strings.Repeat("a b ", 20)},
	}
	_, _, err := w.load(before + after)
	var faults *Faults
	if !errors.As(err, &faults) {
		t.Fatalf("it loaded; error %v", err)
	}
	if len(faults.List) != 1 {
		t.Fatalf("%d faults:\n%v", len(faults.List), err)
	}
	f := faults.List[0]
	if f.Line != line || f.Column != column {
		t.Errorf("at %d:%d, want %d:%d (%s)", f.Line, f.Column, line, column, f)
	}
	if f.Path != tt.path {
		t.Errorf("path %q, want %q", f.Path, tt.path)
	}
	if !strings.Contains(f.Message, tt.message) || tt.message == "" {
		t.Errorf("message %q, want …%s…", f.Message, tt.message)
	}
	if !strings.Contains(f.Fix, tt.fix) || tt.fix == "" {
		t.Errorf("fix %q, want …%s…", f.Fix, tt.fix)
	}
}

const (
	idLine       = "id: main\n    kind: keycloak                # a provider record; \"oidc\" for any other OpenID provider\n    "
	issuerLine   = "issuer: http://localhost:8080/realms/acme"
	secretLine   = "client_secret_env: CARDEA_CLIENT_SECRET"
	appURLLine   = "url: http://localhost:4180\n    upstream"
	upstreamLine = "upstream: http://127.0.0.1:8000"
	publicLine   = "public_url: http://localhost:4180"
	listenLine   = "listen: 127.0.0.1:4180"
)

func TestFaultsOfTheDocument(t *testing.T) {
	tests := []faultCase{
		{"unknown key", listenLine, mark + "lissten: x", "lissten", "unknown key", `write "listen"`},
		{"key of another world", "", mark + "zzz: 1\n", "zzz", "unknown key", "known here: public_url, listen"},
		{"not built yet", upstreamLine, upstreamLine + "\n    " + mark + "issuer: on", "apps[0].issuer", "unknown key", "known here"},
		{"duplicate key", listenLine, listenLine + "\n" + mark + listenLine, "listen", "twice (first on line 2)", "keep one"},
		{"wrong type", listenLine, "listen: " + mark + "[a]", "listen", "is a list", "127.0.0.1:4180"},
		{"list as mapping", "", "trusted_proxies: " + mark + "{a: b}\n", "trusted_proxies", "is a mapping where a list", "10.0.0.0/8"},
		{"nothing", listenLine, "listen:" + mark, "listen", "has no value", "remove the key"},
		{"truth", "", "insecure_http: " + mark + "yes\n", "insecure_http", `"yes" is not a truth value`, "true or false"},
		{"number", "", "limits: {header_bytes: " + mark + "64k}\n", "limits.header_bytes", "whole number", "digits"},
		{"word", "", "log: {level: " + mark + "warning}\n", "log.level", `"warning" is not known`, `"warn"`},
		{"second document", "", mark + "---\na: b\n", "", "second document", "file of its own"},
		{"tabs", upstreamLine, upstreamLine + "\n" + mark + "\tx: y", "", "not YAML", "no tabs"},
		{"tag", listenLine, "listen: " + mark + "!!str x", "listen", "tag", "without a tag"},
		{"merge key", upstreamLine, upstreamLine + "\n    " + mark + "<<: {name: x}", "apps[0]", "merge keys", "alias"},
		{"unknown anchor", listenLine, "listen: " + mark + "*x", "", "unknown anchor", "check"},
		{"range with host bits", "", "trusted_proxies: [" + mark + "10.1.2.3/8]\n", "trusted_proxies[0]", "beyond its length", "10.0.0.0/8"},
		{"no range", "", "trusted_proxies: [" + mark + "lan]\n", "trusted_proxies[0]", "ParsePrefix", "10.0.0.0/8"},
		{"empty ranges", "", "trusted_proxies: " + mark + "[]\n", "trusted_proxies", "is empty", "remove the key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

func TestFaultsOfTheGateway(t *testing.T) {
	tests := []faultCase{
		{"public_url missing", publicLine + "\n", mark, "public_url", "is missing", "https://auth.example.com"},
		{"plain http", publicLine, "public_url: " + mark + "http://auth.example.com", "public_url", "plain http", "insecure_http: true"},
		{"path", publicLine, "public_url: " + mark + "http://localhost:4180/auth", "public_url", "has a path", "write only http://localhost:4180"},
		{"query", publicLine, "public_url: " + mark + "http://localhost:4180?x", "public_url", "query", "remove"},
		{"password", publicLine, "public_url: " + mark + "http://a:b@localhost", "public_url", "no user or password", "@"},
		{"scheme", publicLine, "public_url: " + mark + "ftp://localhost", "public_url", "scheme", "https://"},
		{"bare host", publicLine, "public_url: " + mark + "localhost:4180", "public_url", "not an absolute URL", "https://"},
		{"host", publicLine, "public_url: " + mark + "https://exa mple.com", "public_url", "not a URL", "https://"},
		{"star", publicLine, "public_url: " + mark + "https://*.example.com", "public_url", "star", "one host"},
		{"port", publicLine, "public_url: " + mark + "https://example.com:99999", "public_url", "not a port", "65535"},
		{"same listener", "", "ops: {listen: " + mark + "\"127.0.0.1:4180\"}\n", "ops.listen", "same address as listen", "its own"},
		{"admin in the open", "", "admin: {listen: " + mark + "\":9000\", url: \"https://gate.internal:9000\", token_file: token}\n", "admin.listen", "reachable from elsewhere", "unix:/path"},
		{"admin without a credential", "", "admin: {listen: " + mark + "\"127.0.0.1:9000\"}\n", "admin.listen", "no credential", "admin.token_file"},
		{"admin with two credentials", "", "admin: {listen: \"127.0.0.1:9000\", token_file: token, token_env: " + mark + "TOKEN}\n", "admin.token_env", "beside admin.token_file", "one of the two"},
		{"admin credential short", "", "admin: {listen: \"127.0.0.1:9000\", token_file: " + mark + "short}\n", "admin.token_file", "too short", "/dev/urandom"},
		{"admin credential with blanks", "", "admin: {listen: \"127.0.0.1:9000\", token_env: " + mark + "BLANKS}\n", "admin.token_env", "blanks", "/dev/urandom"},
		{"admin credential missing", "", "admin: {listen: \"127.0.0.1:9000\", token_file: " + mark + "nowhere}\n", "admin.token_file", "does not exist", "check the path"},
		{"admin credential unset", "", "admin: {listen: \"127.0.0.1:9000\", token_env: " + mark + "NOPE}\n", "admin.token_env", "NOPE is not set", "set it"},
		{"admin without a name", "", "admin: {listen: " + mark + "\"127.0.0.1:0\", token_file: token}\n", "admin.listen", "by which name", "admin.url"},
		{"admin by plain http", "", "admin: {listen: \"127.0.0.1:9000\", url: " + mark + "\"http://gate.internal:9000\", token_file: token}\n", "admin.url", "could be read", "https://"},
		{"admin by https without a certificate", "", "admin: {listen: \"127.0.0.1:9000\", token_file: token, tls: {cert_file: " + mark + "junk.pem, key_file: junk.pem}}\n", "admin.tls.cert_file", "not a pair", "PEM"},
		{"credential for a socket", "", "admin: {token_file: " + mark + "token}\n", "admin.token_file", "no meaning for a unix socket", "host:port"},
		{"certificate for a socket", "", "admin: {url: " + mark + "\"https://gate.internal\"}\n", "admin.url", "no meaning for a unix socket", "host:port"},
		{"admin socket too long", "", "admin: {listen: " + mark + "unix:/" + strings.Repeat("x", 110) + "}\n", "admin.listen", "longer than", "shorter"},
		{"root key twice", "", "keys: {root_file: a, root_env: " + mark + "B}\n", "keys.root_env", "beside keys.root_file", "one of the two"},
		{"root key unset", "", "keys: {root_env: " + mark + "NOPE}\n", "keys.root_env", "NOPE is not set", "set it"},
		{"limit", "", "limits: {store_wait: " + mark + "2h}\n", "limits.store_wait", "outside 100ms to 10s", "between"},
		{"time", "", "limits: {store_wait: " + mark + "3w}\n", "limits.store_wait", "not a length of time", "1d12h"},
		{"limit in days", "", "limits: {store_wait: " + mark + "3d}\n", "limits.store_wait", "outside 100ms to 10s", "between"},
		{"half a day", "", "audit: {keep: " + mark + "1.5d}\n", "audit.keep", "not a length of time", "1d12h"},
		{"more days than there are", "", "audit: {keep: " + mark + "99999999999d}\n", "audit.keep", "not a length of time", "at most 106751d"},
		{"negative time", "", "limits: {store_wait: " + mark + "-3s}\n", "limits.store_wait", "negative", "90s"},
		{"header", "", "limits: {header_bytes: " + mark + "100}\n", "limits.header_bytes", "outside 8192", "65536"},
		{"pictures without a bound", "", "avatars: {max_bytes: " + mark + "100000000}\n", "avatars.max_bytes", "outside 16384", "2097152"},
		{"pictures that are none", "", "avatars: {max_bytes: " + mark + "0}\n", "avatars.max_bytes", "outside 16384", "2097152"},
		{"a trail that nobody could read", "", "audit: {keep: " + mark + "1h}\n", "audit.keep", "less than a day", "for ever"},
		{"a trail kept for no time", "", "audit: {keep: " + mark + "0s}\n", "audit.keep", "less than a day", "36500d"},
		{"a trail in no file", "", "audit: {file: " + mark + "\"\"}\n", "audit.file", "is empty", "remove the key"},
		{"a trail in the database", "", "audit: {file: " + mark + "data/cardea.db}\n", "audit.file", "same file as store.sqlite.path", "of its own"},
		{"a trail in the key", "", "audit: {file: " + mark + "./data/../data/root.key}\n", "audit.file", "same file as keys.root_file", "of its own"},
		{"database", "", "store: {sqlite: {path: " + mark + "''}}\n", "store.sqlite.path", "is empty", "remove the key"},
		{"other store", "", "store: {" + mark + "postgres: {}}\n", "store.postgres", "unknown key", "sqlite"},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

func TestFaultsOfProviders(t *testing.T) {
	second := func(lines string) string {
		return "  - {" + lines + ", client_secret_env: CARDEA_CLIENT_SECRET}\napps:"
	}
	tests := []faultCase{
		{"id", "id: main", "id: " + mark + "Main", "providers[0].id", "not an id", "a-z, 0-9"},
		{"id missing", "id: main\n    kind", mark + "kind", "providers[0].id", "is missing", "name the provider"},
		{"id twice", "apps:", second("id: " + mark + "main, kind: oidc, issuer: https://x.example.com, client_id: y"), "providers[1].id", "providers[0] already", "another id"},
		{"same client", "apps:", second("id: b, kind: oidc, issuer: 'http://localhost:8080/realms/acme', client_id: " + mark + "cardea"), "providers[1].client_id", "same client", "one of the two"},
		{"kind", "kind: keycloak", "kind: " + mark + "myspace", "providers[0].kind", "no provider record", "write oidc for any other"},
		{"issuer missing", idLine + issuerLine + "\n    ", mark + idLine, "providers[0].issuer", "is missing", "exactly"},
		{"issuer http", issuerLine, "issuer: " + mark + "http://kc.example.com/realms/a", "providers[0].issuer", "plain http", "https://"},
		{"issuer metadata", issuerLine, "issuer: " + mark + "https://kc.example.com/.well-known/openid-configuration", "providers[0].issuer", "metadata", "/.well-known/"},
		{"issuer query", issuerLine, "issuer: " + mark + "https://kc.example.com/?a", "providers[0].issuer", "query", "remove"},
		{"client id", "client_id: cardea", "client_id: " + mark + "'a b'", "providers[0].client_id", "blanks", "exactly"},
		{"no secret", idLine + issuerLine + "\n    client_id: cardea\n    " + secretLine, mark + idLine + issuerLine + "\n    client_id: cardea", "providers[0].client_secret_file", "no client secret", "client_secret_env"},
		{"secret written out", secretLine, mark + "client_secret: " + hidden, "providers[0].client_secret", "does not stand", "client_secret_env: NAME"},
		{"secret twice", secretLine, "client_secret_file: x\n    client_secret_env: " + mark + "CARDEA_CLIENT_SECRET", "providers[0].client_secret_env", "beside client_secret_file", "one of the two"},
		{"secret unset", secretLine, "client_secret_env: " + mark + "NOPE", "providers[0].client_secret_env", "NOPE is not set", "_file"},
		{"secret empty", secretLine, "client_secret_env: " + mark + "EMPTY", "providers[0].client_secret_env", "is empty", "set it"},
		{"secret in place of a name", secretLine, "client_secret_env: " + mark + "a-b.c", "providers[0].client_secret_env", "is not the name", "CARDEA_CLIENT_SECRET"},
		{"secret file missing", secretLine, "client_secret_file: " + mark + "nowhere", "providers[0].client_secret_file", "does not exist", "relative"},
		{"secret file empty", secretLine, "client_secret_file: " + mark + "empty", "providers[0].client_secret_file", "is empty", "nothing else"},
		{"no certificate", secretLine, secretLine + "\n    ca_file: " + mark + "junk.pem", "providers[0].ca_file", "holds no certificate", "PEM"},
		{"domain with an at", secretLine, secretLine + "\n    domains: [" + mark + "'@Example.com']", "providers[0].domains[0]", "is not a domain", "write example.com"},
		{"domain of an address", secretLine, secretLine + "\n    domains: [a.example, " + mark + "https://example.com]", "providers[0].domains[1]", "is not a domain", "the domain alone"},
		{"domain with a star", secretLine, secretLine + "\n    domains: [" + mark + "'*.example.com']", "providers[0].domains[0]", "is not a domain", "the domain alone"},
		{"domain twice", secretLine, secretLine + "\n    domains: [example.com, " + mark + "EXAMPLE.com]", "providers[0].domains[1]", "providers[0].domains[0] already", "one of the two"},
		{"scopes empty", secretLine, secretLine + "\n    scopes: " + mark + "[]", "providers[0].scopes", "is empty", "remove"},
		{"scopes joined", secretLine, secretLine + "\n    scopes: [openid, " + mark + "'a b']", "providers[0].scopes[1]", "not a scope", "one scope per entry"},
		{"scopes without openid", secretLine, secretLine + "\n    scopes: " + mark + "[email]", "providers[0].scopes", "openid is missing", "add openid"},
		{"scopes twice", secretLine, secretLine + "\n    scopes: [openid, " + mark + "openid]", "providers[0].scopes[1]", "twice", "one of the two"},
		{"email trust", secretLine, secretLine + "\n    email_verified: " + mark + "true", "providers[0].email_verified", "not known", "claim, always, never"},
		{"email trust twice", secretLine, secretLine + "\n    email_verified: " + mark + "never\n    record: {claims: {email: {verified: always}}}", "providers[0].email_verified", "stated in record", "one of the two"},
		{"linking by e-mails that are never believed", secretLine, secretLine + "\n    email_verified: never\n    link_verified_email: " + mark + "true", "providers[0].link_verified_email", "never believed", "email_verified: claim"},
		{"linking by e-mails that the record never believes", secretLine, secretLine + "\n    record: {claims: {email: {verified: never}}}\n    link_verified_email: " + mark + "true", "providers[0].link_verified_email", "never believed", "remove it"},
		{"linking by a word", secretLine, secretLine + "\n    link_verified_email: " + mark + "yes", "providers[0].link_verified_email", "not a truth value", "true or false"},
		{"linking by a text", secretLine, secretLine + "\n    link_verified_email: " + mark + "\"true\"", "providers[0].link_verified_email", "truth value", "true or false"},
		{"record key", secretLine, secretLine + "\n    record: {" + mark + "sign_uot: {}}", "providers[0].record.sign_uot", "unknown key", `"sign_out"`},
		{"record word", secretLine, secretLine + "\n    record: {sign_out: {kind: " + mark + "oauth}}", "providers[0].record.sign_out.kind", "not known", "portal"},
		{"record contradiction", secretLine, secretLine + "\n    record: {fresh_login: {max_age: " + mark + "0s}}", "providers[0].record.fresh_login.max_age", "at least 1s", "max_age: 1s"},
		{"back channel path", secretLine, secretLine + "\n    backchannel_url: " + mark + "http://127.0.0.1:1/realms", "providers[0].backchannel_url", "has a path", "write only"},
		{"max_age 0", secretLine, secretLine + "\n    max_age: " + mark + "0s", "providers[0].max_age", "at least one", "12h"},
		{"max_age of parts", secretLine, secretLine + "\n    max_age: " + mark + "1500ms", "providers[0].max_age", "whole seconds", "12h"},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

func TestFaultsOfApps(t *testing.T) {
	app := func(lines string) string { return upstreamLine + "\n    " + lines }
	tests := []faultCase{
		{"url http", appURLLine, "url: " + mark + "http://chat.example.com\n    upstream", "apps[0].url", "plain http", "https://"},
		{"url own path", appURLLine, "url: " + mark + "http://localhost:4180/.cardea/x\n    upstream", "apps[0].url", "gateway's own", "another path"},
		{"url dots", appURLLine, "url: " + mark + "http://localhost:4180/a/../b\n    upstream", "apps[0].url", "simpler way", "write /b"},
		{"url escapes", appURLLine, "url: " + mark + "http://localhost:4180/%61\n    upstream", "apps[0].url", "read alike", "without %"},
		{"url star", appURLLine, "url: " + mark + "https://a.*.example.com\n    upstream", "apps[0].url", "star where none", "*.apps.example.com"},
		{"url star alone", appURLLine, "url: " + mark + "https://*.com\n    upstream", "apps[0].url", "star where none", "*.apps.example.com"},
		{"https under http", appURLLine, "url: " + mark + "https://chat.example.com\n    upstream", "apps[0].url", "public_url is plain http", "https://"},
		{"url twice", "", "  - {id: b, url: " + mark + "'http://LOCALHOST:4180/', upstream: 'http://127.0.0.1:1'}\n", "apps[1].url", "apps[0] already", "its own"},
		{"id twice", "", "  - {id: " + mark + "chat, url: 'http://localhost:4180/b', upstream: 'http://127.0.0.1:1'}\n", "apps[1].id", "apps[0] already", "another id"},
		{"upstream missing", "id: chat\n    url: http://localhost:4180\n    " + upstreamLine, mark + "id: chat\n    url: http://localhost:4180", "apps[0].upstream", "is missing", "127.0.0.1:8000"},
		{"upstream path", upstreamLine, "upstream: " + mark + "http://127.0.0.1:8000/x", "apps[0].upstream", "has a path", "strip_prefix"},
		{"upstream scheme", upstreamLine, "upstream: " + mark + "ws://127.0.0.1:8000", "apps[0].upstream", "scheme", "h2c"},
		{"upstream socket", upstreamLine, "upstream: " + mark + "'unix:'", "apps[0].upstream", "no path", "unix:/run/app.sock"},
		{"strip nothing", upstreamLine, app("strip_prefix: " + mark + "true"), "apps[0].strip_prefix", "no path", "remove"},
		{"providers empty", upstreamLine, app("providers: " + mark + "[]"), "apps[0].providers", "is empty", "remove the key"},
		{"provider twice", upstreamLine, app("providers: [main, " + mark + "main]"), "apps[0].providers[1]", "twice", "one of the two"},
		{"idle too long", upstreamLine, app("session: {idle: " + mark + "24h, absolute: 12h}"), "apps[0].session.idle", "longer than session.absolute (12h)", "up to"},
		{"absolute too short", upstreamLine, app("session: {absolute: " + mark + "12h}"), "apps[0].session.absolute", "shorter than session.idle (72h)", "session.idle"},
		{"idle 0", upstreamLine, app("session: {idle: " + mark + "0s}"), "apps[0].session.idle", "outside 1m", "between"},
		{"cookie", upstreamLine, app("session: {cookie: " + mark + "session}"), "apps[0].session.cookie", "not known", "persistent, browser"},
		{"sign_out", upstreamLine, app("sign_out: " + mark + "everything"), "apps[0].sign_out", "not known", "provider, gateway, ask"},
		{"paths empty", upstreamLine, app("paths: " + mark + "[]"), "apps[0].paths", "is empty", "remove the key"},
		{"path missing", upstreamLine, app("paths: [" + mark + "{public: true}]"), "apps[0].paths[0]", "names no path", "prefix: /path"},
		{"path both", upstreamLine, app("paths: [{prefix: /a, exact: " + mark + "/b, public: true}]"), "apps[0].paths[0].exact", "beside prefix", "one of the two"},
		{"path own", upstreamLine, app("paths: [{prefix: " + mark + "/.cardea/x, public: true}]"), "apps[0].paths[0].prefix", "gateway's own", "remove the entry"},
		{"path own itself", upstreamLine, app("paths: [{exact: " + mark + "/.cardea, public: true}]"), "apps[0].paths[0].exact", "gateway's own", "remove the entry"},
		{"path own through dots", upstreamLine, app("paths: [{prefix: " + mark + "/x/../.cardea/, public: true}]"), "apps[0].paths[0].prefix", "simpler way", "write /.cardea"},
		{"path double slash", upstreamLine, app("paths: [{prefix: " + mark + "//a, public: true}]"), "apps[0].paths[0].prefix", "simpler way", "write /a"},
		{"path encoded", upstreamLine, app("paths: [{prefix: " + mark + "/a%2fb, public: true}]"), "apps[0].paths[0].prefix", "read alike", "without %"},
		{"path without slash", upstreamLine, app("paths: [{prefix: " + mark + "a, public: true}]"), "apps[0].paths[0].prefix", "does not begin with a slash", "write /a"},
		{"path with a dot at the end", upstreamLine, app("paths: [{prefix: " + mark + "/a./b, public: true}]"), "apps[0].paths[0].prefix", "ends in a dot", "without %"},
		{"logout without path", upstreamLine, app("logout: [" + mark + "{method: GET}]"), "apps[0].logout[0].path", "is missing", "/logout"},
		{"logout method", upstreamLine, app("logout: [{method: " + mark + "PUT, path: /logout}]"), "apps[0].logout[0].method", "no method", "GET or POST"},
		{"logout on own path", upstreamLine, app("logout: [{path: " + mark + "/.cardea/sign-out}]"), "apps[0].logout[0].path", "gateway's own", "the app's own"},
		{"logout twice", upstreamLine, app("logout: [{path: /a}, " + mark + "{path: /a}]"), "apps[0].logout[1]", "twice", "one of the two"},
		{"logout empty", upstreamLine, app("logout: " + mark + "[]"), "apps[0].logout", "is empty", "remove the key"},
		{"logout elsewhere", "", "  - {id: b, url: 'http://localhost:4180/b', upstream: 'http://127.0.0.1:1', logout: [{path: " + mark + "/logout}]}\n", "apps[1].logout[0].path", "can never match", "/b/logout"},
		{"path outside", "", "  - {id: b, url: 'http://localhost:4180/b', upstream: 'http://127.0.0.1:1', paths: [{prefix: " + mark + "/bb, public: true}]}\n", "apps[1].paths[0].prefix", "can never match", "/b/"},
		{"path twice but for case", upstreamLine, app("paths: [{exact: /a, public: true}, " + mark + "{exact: /A/, bearer: true}]"), "apps[0].paths[1]", "same path", "one of the two"},
		{"path says nothing", upstreamLine, app("paths: [" + mark + "{prefix: /a}]"), "apps[0].paths[0]", "says nothing", "public: true"},
		{"path twice", upstreamLine, app("paths: [{prefix: /a, public: true}, " + mark + "{prefix: /a/, bearer: true}]"), "apps[0].paths[1]", "same path", "one of the two"},
		{"path public with rule", upstreamLine, app("paths: [{prefix: /a, public: " + mark + "true, access: {groups: [x]}}]"), "apps[0].paths[0].public", "never hold", "one of the two"},
		{"path public and bearer", upstreamLine, app("paths: [{prefix: /a, public: true, bearer: " + mark + "true}]"), "apps[0].paths[0].bearer", "already", "one of the two"},
		{"header reserved", upstreamLine, app("headers: {Cookie: " + mark + "email}"), "apps[0].headers.Cookie", "belongs to HTTP", "another name"},
		{"header reserved in any case", upstreamLine, app("headers: {hOsT: " + mark + "email}"), "apps[0].headers.hOsT", "belongs to HTTP", "another name"},
		{"header hop-by-hop", upstreamLine, app("headers: {Connection: " + mark + "email}"), "apps[0].headers.Connection", "belongs to HTTP", "another name"},
		{"header own", upstreamLine, app("headers: {X-Cardea-Account: " + mark + "email}"), "apps[0].headers.X-Cardea-Account", "Cardea's own", "another name"},
		{"header underscore", upstreamLine, app("headers: {X_User: " + mark + "email}"), "apps[0].headers.X_User", "underscore", "X-User"},
		{"header name", upstreamLine, app("headers: {'X User': " + mark + "email}"), `apps[0].headers["X User"]`, "not a header's name", "dashes"},
		{"header twice", upstreamLine, app("headers: {X-User: email, x-user: " + mark + "name}"), "apps[0].headers.x-user", "same header as X-User", "one of the two"},
		{"header source", upstreamLine, app("headers: {X-User: " + mark + "mail}"), "apps[0].headers.X-User", "not known", `"email"`},
		{"header claim", upstreamLine, app("headers: {X-User: " + mark + "'claim:a..b'}"), "apps[0].headers.X-User", "empty part", "realm_access.roles"},
		{"header set", upstreamLine, app("headers: {set: " + mark + "autentik}"), "apps[0].headers.set", "not known", `"authentik"`},
		{"headers empty", upstreamLine, app("headers: " + mark + "{}"), "apps[0].headers", "says nothing", "remove the key"},
		{"cors origin", upstreamLine, app("cors: {origins: [" + mark + "https://a.example.com/x]}"), "apps[0].cors.origins[0]", "has a path", "write only"},
		{"cors none", upstreamLine, app("cors: " + mark + "{credentials: true}"), "apps[0].cors.origins", "missing or empty", "list the origins"},
		{"cors star with credentials", upstreamLine, app(`cors: {origins: [` + mark + `"*"], credentials: true}`), "apps[0].cors.origins[0]", "credentials", "list the origins"},
		{"cors method", upstreamLine, app(`cors: {origins: ["*"], methods: [` + mark + `put]}`), "apps[0].cors.methods[0]", "capitals", "PUT"},
		{"cors header", upstreamLine, app(`cors: {origins: ["*"], headers: [` + mark + `"X Y"]}`), "apps[0].cors.headers[0]", "not a name", "one name per entry"},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

// A rule that is dropped or that names something unknown would let everyone
// pass, or nobody, without a word (CVE-2021-21411).
func TestCVE_2021_21411_ARuleThatCannotHoldStopsTheStart(t *testing.T) {
	app := func(lines string) string { return upstreamLine + "\n    access: " + lines }
	noGroups := secretLine + "\n    record: {claims: {groups: {source: none}}}\napps:\n  - id: chat\n    url: http://localhost:4180\n    " + upstreamLine + "\n    access: {groups: " + mark + "[staff]}"
	rest := secretLine + "\napps:\n  - id: chat\n    url: http://localhost:4180\n    " + upstreamLine
	tests := []faultCase{
		{"no group source", rest, noGroups, "apps[0].access.groups", "gives groups", "record.claims.groups"},
		{"global group rule", rest, strings.Replace(noGroups, "\n    access: {groups: "+mark+"[staff]}", "\naccess: {groups: "+mark+"[staff]}", 1), "access.groups", "gives groups", "record.claims.groups"},
		{"no e-mail believed", rest, secretLine + "\n    email_verified: never\napps:\n  - id: chat\n    url: http://localhost:4180\n    " + upstreamLine + "\n    access: {domains: " + mark + "[example.com]}",
			"apps[0].access.domains", "believed e-mail", "email_verified"},
		{"unknown rule", upstreamLine, app("{" + mark + "group: [staff]}"), "apps[0].access.group", "unknown key", `"groups"`},
		{"rule of another gateway", upstreamLine, app("{" + mark + "allowed_roles: [staff]}"), "apps[0].access.allowed_roles", "unknown key", "emails, domains, groups, claims"},
		{"empty access", upstreamLine, app(mark + "{}"), "apps[0].access", "is empty", "remove the key"},
		{"null access", upstreamLine, upstreamLine + "\n    access:" + mark, "apps[0].access", "has no value", "remove the key"},
		{"empty groups", upstreamLine, app("{emails: [a@b.example], groups: " + mark + "[]}"), "apps[0].access.groups", "is empty", "remove the key"},
		{"null groups", upstreamLine, app("{emails: [a@b.example], groups: " + mark + "~}"), "apps[0].access.groups", "has no value", "remove the key"},
		{"empty claims", upstreamLine, app("{groups: [a], claims: " + mark + "{}}"), "apps[0].access.claims", "is empty", "remove the key"},
		{"claim without value", upstreamLine, app("{claims: {role: " + mark + "[]}}"), "apps[0].access.claims.role", "no value", "list the values"},
		{"claim as text", upstreamLine, app("{claims: {role: " + mark + "admin}}"), "apps[0].access.claims.role", "is a single value where a list", "[a, b]"},
		{"claim path", upstreamLine, app("{claims: {'a b': " + mark + "[x]}}"), `apps[0].access.claims["a b"]`, "blank", "realm_access.roles"},
		{"domain with @", upstreamLine, app("{domains: [" + mark + "'@example.com']}"), "apps[0].access.domains[0]", "has an @", "write example.com"},
		{"address as domain", upstreamLine, app("{domains: [" + mark + "a@Example.com]}"), "apps[0].access.domains[0]", "has an @", "write example.com (whole addresses go under emails)"},
		{"domain of another script", upstreamLine, app("{domains: [" + mark + "bücher.example]}"), "apps[0].access.domains[0]", "not a domain", "xn--"},
		{"domain star", upstreamLine, app("{domains: [" + mark + "'*']}"), "apps[0].access.domains[0]", "not a domain", "*.example.com"},
		{"domain twice", upstreamLine, app("{domains: [example.com, " + mark + "EXAMPLE.com]}"), "apps[0].access.domains[1]", "twice", "one of the two"},
		{"two @", upstreamLine, app("{emails: [" + mark + "a@evil@example.com]}"), "apps[0].access.emails[0]", "not an e-mail", "name@example.com"},
		{"address in a list", upstreamLine, app("{emails: [" + mark + "'a,b@example.com']}"), "apps[0].access.emails[0]", "not an e-mail", "name@example.com"},
		{"star address", upstreamLine, app("{emails: [" + mark + "'*@example.com']}"), "apps[0].access.emails[0]", "star", "domains"},
		{"empty group", upstreamLine, app("{groups: [" + mark + "' ']}"), "apps[0].access.groups[0]", "no group's name", "exactly"},
		{"path rule", upstreamLine, upstreamLine + "\n    paths: [{prefix: /a, access: {emails: [a@b.example], groups: " + mark + "[]}}]", "apps[0].paths[0].access.groups", "is empty", "remove the key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

func TestRuleThatSomeProvidersCannotMeetIsAWarning(t *testing.T) {
	doc := strings.Replace(least, "apps:", `  - id: other
    kind: oidc
    issuer: https://id.example.com
    client_id: x
    client_secret_env: CARDEA_CLIENT_SECRET
    record: {claims: {groups: {source: none}}}
apps:`, 1) + "    access: {groups: [staff]}\n"
	_, warnings := mustLoad(t, doc)
	if len(warnings) != 1 || warnings[0].Path != "apps[0].access.groups" || !strings.Contains(warnings[0].Message, "from other") {
		t.Errorf("warnings: %v", warnings)
	}
}

func paths(err error) []string {
	var faults *Faults
	var out []string
	if errors.As(err, &faults) {
		for _, f := range faults.List {
			out = append(out, f.Path+": "+f.Message)
		}
	}
	return out
}

func TestTLSFilesMustExistAndBelongTogether(t *testing.T) {
	doc := strings.Replace(least, publicLine, "public_url: https://localhost:4180", 1)
	_, _, err := world{}.load(doc + "tls: {cert_file: a.pem, key_file: b.pem}\n")
	if got := strings.Join(paths(err), "\n"); !strings.Contains(got, `tls.cert_file: the file "/etc/cardea/a.pem" does not exist`) ||
		!strings.Contains(got, `tls.key_file: the file "/etc/cardea/b.pem" does not exist`) {
		t.Errorf("missing files:\n%s", got)
	}
	w := world{files: map[string]string{"/etc/cardea/a.pem": "x", "/etc/cardea/b.pem": "y"}}
	_, _, err = w.load(doc + "tls: {cert_file: a.pem, key_file: b.pem}\n")
	if got := strings.Join(paths(err), "\n"); !strings.Contains(got, "tls.cert_file: certificate and key are not a pair") {
		t.Errorf("no pair:\n%s", got)
	}
	_, _, err = w.load(doc + "tls: {cert_file: a.pem}\n")
	if got := strings.Join(paths(err), "\n"); !strings.Contains(got, "tls.key_file: is missing") {
		t.Errorf("half a pair:\n%s", got)
	}
	_, _, err = w.load(least + "tls: {cert_file: a.pem, key_file: b.pem}\n")
	if got := strings.Join(paths(err), "\n"); !strings.Contains(got, "tls: https is served, but public_url says http") {
		t.Errorf("http:\n%s", got)
	}
}

func TestCAOfAPlainUpstreamIsRefused(t *testing.T) {
	_, _, err := world{}.load(least + "    ca_file: nowhere.pem\n")
	if got := strings.Join(paths(err), "\n"); !strings.Contains(got, "apps[0].ca_file: is of no use unless the upstream is https") {
		t.Errorf("got:\n%s", got)
	}
}

func TestDocumentsWithoutMeasureAreRefused(t *testing.T) {
	wide := "x" + strings.Repeat(", x", 3000)
	many := "c0: *l"
	for i := range 40 {
		many += ", c" + strings.Repeat("x", i+1) + ": *l"
	}
	tests := []struct{ name, doc, message string }{
		{"aliases", least + "    access: {groups: &l [" + wide + "], claims: {" + many + "}}\n", "values"},
		{"size", least + "# " + strings.Repeat("x", strict.MaxBytes) + "\n", "bytes"},
		{"list", least + "trusted_proxies: [" + strings.Repeat("1,", 60_000) + "1]\n", "values"},
		{"endless alias", "a: &a [*a]\n" + least, "unknown key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := world{}.load(tt.doc)
			if err == nil || !strings.Contains(err.Error(), tt.message) {
				t.Errorf("error %.300v, want …%s…", err, tt.message)
			}
		})
	}
}

package harness

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Zipline behaves as Zipline 4.7 does where people sign in and out, and stands in for
// it: Zipline is published as a source repository and not as a package, so a test
// cannot install it. It is an OpenID client, not an app that reads identity headers;
// it keeps a row per session, a row per linked provider, and a sealed cookie that
// names the session's row. What it is known to get wrong, it gets wrong here too.
//
// It does not keep files on disk, and it has no settings, folders, invitations,
// time-based codes or passkeys.
type Zipline struct {
	URL      string // where people reach it
	Upstream string // where it listens
	Key      string // LocalUser's upload token

	o       ZiplineOptions
	seal    ziplineSeal
	http    *http.Client
	secrets *Secrets

	mu       sync.Mutex
	serial   int
	opened   map[string]int // sessions opened so far, by user name
	users    map[int]*ziplineUser
	links    []*ziplineLink
	sessions map[string]*ziplineSession
	files    map[string]ziplineFile
	urls     map[string]string // short name -> destination
	broken   bool              // its logout answers 500
}

// ZiplineOptions is its configuration, named after its variables.
type ZiplineOptions struct {
	URL           string // where people reach it, without a slash at the end
	Port          int    // where it listens; 0 is any port
	ClientID      string // OAUTH_OIDC_CLIENT_ID
	ClientSecret  string // OAUTH_OIDC_CLIENT_SECRET
	Issuer        string // the three URLs and OAUTH_OIDC_REDIRECT_URI follow from it and URL
	BypassLogin   bool   // OAUTH_BYPASS_LOCAL_LOGIN
	Registration  bool   // FEATURES_OAUTH_REGISTRATION
	LocalUser     string // a person with a password from the start; "" is nobody
	LocalPassword string
}

// ziplineUser is a row of User.
type ziplineUser struct {
	ID       int
	Username string
	Password [32]byte // digest; zero is none
	Avatar   string   // data URL
	Token    string   // for uploads without a browser
}

func (u *ziplineUser) hasPassword() bool { return u.Password != [32]byte{} }

// ziplineLink is a row of OAuthProvider; (provider, subject) is unique.
type ziplineLink struct {
	User     int
	Provider string // OIDC
	Subject  string
	Username string
	Access   string
	Refresh  string // "" where the provider gave none
}

// ziplineSession is a row of UserSession.
type ziplineSession struct {
	ID      string
	User    int
	Created time.Time
}

// ziplineFile is an uploaded file.
type ziplineFile struct {
	Type string
	Data []byte
}

// ZiplineCallback is the redirect URI of a Zipline at an address.
func ZiplineCallback(at string) string { return at + ziplineOIDC }

// StartZipline starts one on loopback for one test.
func (e *Env) StartZipline(t testing.TB, o ZiplineOptions) *Zipline {
	t.Helper()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", o.Port))
	if err != nil {
		t.Fatal(err)
	}
	z := &Zipline{
		URL: o.URL, Upstream: "http://" + listener.Addr().String(), o: o,
		seal: newZiplineSeal(), http: &http.Client{Timeout: patience}, secrets: e.Secret,
		opened: map[string]int{}, users: map[int]*ziplineUser{}, sessions: map[string]*ziplineSession{},
		files: map[string]ziplineFile{}, urls: map[string]string{},
	}
	e.Secret.Add("client_secret", o.ClientSecret)
	if o.LocalUser != "" {
		u := z.addUser(o.LocalUser)
		u.Password, z.Key = sha256.Sum256([]byte(o.LocalPassword)), u.Token
		e.Secret.Add("token", u.Token)
	}
	server := &http.Server{Handler: z.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		z.http.CloseIdleConnections()
	})
	return z
}

// Handler serves it.
func (z *Zipline) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", http.RedirectHandler("/dashboard", http.StatusFound))
	mux.HandleFunc("GET /dashboard", z.dashboard)
	mux.HandleFunc("GET /auth/login", z.loginPage)
	mux.HandleFunc("GET /auth/logout", z.logoutPage)
	mux.HandleFunc("GET "+ziplineOIDC, z.oidc)
	mux.HandleFunc("DELETE /api/auth/oauth", z.signedIn(z.unlink))
	mux.HandleFunc("POST /api/auth/login", z.login)
	mux.HandleFunc("POST /api/auth/logout", z.logout)
	mux.HandleFunc("GET /api/user", z.signedIn(z.user))
	mux.HandleFunc("PATCH /api/user", z.signedIn(z.patchUser))
	mux.HandleFunc("GET /api/user/avatar", z.signedIn(z.avatar))
	mux.HandleFunc("GET /api/user/token", z.signedIn(z.token))
	mux.HandleFunc("GET /api/user/sessions", z.signedIn(z.listSessions))
	mux.HandleFunc("DELETE /api/user/sessions", z.signedIn(z.deleteSessions))
	mux.HandleFunc("POST /api/user/urls", z.signedIn(z.shorten))
	mux.HandleFunc("POST /api/upload", z.signedIn(z.upload))
	mux.HandleFunc("GET /u/{name}", z.file)
	mux.HandleFunc("GET /go/{name}", z.follow)
	mux.HandleFunc("GET /api/healthcheck", func(w http.ResponseWriter, _ *http.Request) {
		ziplineAnswer(w, http.StatusOK, map[string]any{"pass": true})
	})
	return mux
}

// BreakLogout makes its logout answer 500 and end nothing.
func (z *Zipline) BreakLogout() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.broken = true
}

// Put keeps a file as an upload does, and returns its address.
func (z *Zipline) Put(kind, content string) string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.keep(ziplineFile{kind, []byte(content)})
}

// Shorten keeps a short link and returns its address.
func (z *Zipline) Shorten(destination string) string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.link(destination)
}

// Links says which provider account is linked to which user: subject -> user name.
func (z *Zipline) Links() map[string]string {
	z.mu.Lock()
	defer z.mu.Unlock()
	out := map[string]string{}
	for _, l := range z.links {
		out[l.Subject] = z.users[l.User].Username
	}
	return out
}

// Refreshes reports whether a user's link holds a refresh token.
func (z *Zipline) Refreshes(username string) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.ContainsFunc(z.links, func(l *ziplineLink) bool {
		return z.users[l.User].Username == username && l.Refresh != ""
	})
}

// Sessions counts a user's session rows.
func (z *Zipline) Sessions(username string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	n := 0
	for _, s := range z.sessions {
		if u := z.users[s.User]; u != nil && u.Username == username {
			n++
		}
	}
	return n
}

// Opened counts the sessions that a user ever had.
func (z *Zipline) Opened(username string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.opened[username]
}

// Users lists the user names.
func (z *Zipline) Users() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	var out []string
	for _, u := range z.users {
		out = append(out, u.Username)
	}
	slices.Sort(out)
	return out
}

// addUser makes a user row. The caller holds the lock or is alone.
func (z *Zipline) addUser(username string) *ziplineUser {
	z.serial++
	u := &ziplineUser{ID: z.serial, Username: username, Token: newZiplineToken()}
	z.users[u.ID] = u
	return u
}

// named finds a user row. The caller holds the lock.
func (z *Zipline) named(username string) *ziplineUser {
	for _, u := range z.users {
		if u.Username == username {
			return u
		}
	}
	return nil
}

// linkOf finds a user's link row. The caller holds the lock.
func (z *Zipline) linkOf(user int) *ziplineLink {
	for _, l := range z.links {
		if l.User == user && l.Provider == "OIDC" {
			return l
		}
	}
	return nil
}

// errZiplineUnique is what the database says of a second row with the same key.
var errZiplineUnique = errors.New("duplicate key value violates unique constraint \"OAuthProvider_provider_oauthId_key\"")

// linked finds the link row of a provider account. The caller holds the lock.
func (z *Zipline) linked(subject string) *ziplineLink {
	for _, l := range z.links {
		if l.Subject == subject {
			return l
		}
	}
	return nil
}

// ziplineAnswer answers with JSON.
func ziplineAnswer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func ziplineError(w http.ResponseWriter, status int, text string) {
	ziplineAnswer(w, status, map[string]any{"error": text, "statusCode": status})
}

// getJSON calls an endpoint by bearer token.
func (z *Zipline) getJSON(ctx context.Context, target, bearer string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	return z.call(req, out)
}

func (z *Zipline) postForm(ctx context.Context, target string, form url.Values, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return z.call(req, out)
}

func (z *Zipline) call(req *http.Request, out any) error {
	res, err := z.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return &StatusError{Status: res.StatusCode}
	}
	return json.NewDecoder(res.Body).Decode(out)
}

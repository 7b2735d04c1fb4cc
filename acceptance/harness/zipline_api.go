package harness

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"
)

// login is the sign-in by name and password.
func (z *Zipline) login(w http.ResponseWriter, r *http.Request) {
	var given struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := json.NewDecoder(r.Body).Decode(&given); err != nil {
		ziplineError(w, http.StatusBadRequest, "invalid body")
		return
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	u := z.named(given.Username)
	if u == nil || !u.hasPassword() || u.Password != sha256.Sum256([]byte(given.Password)) {
		ziplineError(w, http.StatusBadRequest, "invalid username or password")
		return
	}
	z.open(w, u)
	ziplineAnswer(w, http.StatusOK, map[string]any{"user": z.describe(u)})
}

// logout removes the session's row and the cookie. Keycloak hears nothing of it.
func (z *Zipline) logout(w http.ResponseWriter, r *http.Request) {
	z.mu.Lock()
	defer z.mu.Unlock()
	u, row := z.current(r)
	switch {
	case u == nil:
		ziplineError(w, http.StatusUnauthorized, "not logged in")
		return
	case z.broken:
		ziplineError(w, http.StatusInternalServerError, "internal server error")
		return
	}
	delete(z.sessions, row.ID)
	clearZiplineState(w)
	ziplineAnswer(w, http.StatusOK, map[string]any{"loggedOut": true})
}

// unlink takes the provider away from the person's user.
func (z *Zipline) unlink(w http.ResponseWriter, r *ziplineRequest) {
	var given struct {
		Provider string `json:"provider"`
	}
	if !r.into(&given) || given.Provider != "OIDC" {
		ziplineError(w, http.StatusBadRequest, "invalid provider")
		return
	}
	link := z.linkOf(r.user.ID)
	if link == nil {
		ziplineError(w, http.StatusBadRequest, "no OIDC account is linked")
		return
	}
	if !r.user.hasPassword() {
		ziplineError(w, http.StatusBadRequest, "cannot unlink the last provider of a user without a password")
		return
	}
	for i, l := range z.links {
		if l == link {
			z.links = append(z.links[:i], z.links[i+1:]...)
			break
		}
	}
	ziplineAnswer(w, http.StatusOK, z.describe(r.user))
}

func (z *Zipline) user(w http.ResponseWriter, r *ziplineRequest) {
	ziplineAnswer(w, http.StatusOK, map[string]any{"user": z.describe(r.user)})
}

// describe is a user as the API shows it. The caller holds the lock.
func (z *Zipline) describe(u *ziplineUser) map[string]any {
	links := []map[string]any{}
	if l := z.linkOf(u.ID); l != nil {
		links = append(links, map[string]any{"provider": l.Provider, "username": l.Username})
	}
	return map[string]any{"id": u.ID, "username": u.Username, "oauthProviders": links, "avatarBytes": len(u.Avatar)}
}

// patchUser sets the password.
func (z *Zipline) patchUser(w http.ResponseWriter, r *ziplineRequest) {
	var given struct {
		Password string `json:"password"`
	}
	if !r.into(&given) || given.Password == "" {
		ziplineError(w, http.StatusBadRequest, "invalid body")
		return
	}
	r.user.Password = sha256.Sum256([]byte(given.Password))
	ziplineAnswer(w, http.StatusOK, map[string]any{"user": z.describe(r.user)})
}

func (z *Zipline) avatar(w http.ResponseWriter, r *ziplineRequest) {
	if r.user.Avatar == "" {
		ziplineError(w, http.StatusNotFound, "no avatar")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(r.user.Avatar))
}

func (z *Zipline) token(w http.ResponseWriter, r *ziplineRequest) {
	ziplineAnswer(w, http.StatusOK, map[string]any{"token": r.user.Token})
}

func (z *Zipline) listSessions(w http.ResponseWriter, r *ziplineRequest) {
	others := 0
	for _, s := range z.sessions {
		if s.User == r.user.ID && s != r.row {
			others++
		}
	}
	ziplineAnswer(w, http.StatusOK, map[string]any{"current": r.row != nil, "others": others})
}

// deleteSessions ends one other session, or with all every other one.
func (z *Zipline) deleteSessions(w http.ResponseWriter, r *ziplineRequest) {
	var given struct {
		SessionID string `json:"sessionId"`
		All       bool   `json:"all"`
	}
	if !r.into(&given) || (given.SessionID == "" && !given.All) {
		ziplineError(w, http.StatusBadRequest, "invalid body")
		return
	}
	for id, s := range z.sessions {
		if s.User == r.user.ID && s != r.row && (given.All || id == given.SessionID) {
			delete(z.sessions, id)
		}
	}
	z.listSessions(w, r)
}

// upload keeps a file under a random name and says where it is.
func (z *Zipline) upload(w http.ResponseWriter, r *ziplineRequest) {
	kind := r.Header.Get("Content-Type")
	if kind == "" {
		kind = "application/octet-stream"
	}
	ziplineAnswer(w, http.StatusOK, map[string]any{"files": []map[string]any{{"url": z.keep(ziplineFile{kind, r.Body})}}})
}

// keep gives a file a random name. The caller holds the lock.
func (z *Zipline) keep(f ziplineFile) (at string) {
	name := strings.ToLower(rand.Text()[:8])
	z.files[name] = f
	return z.URL + "/u/" + name
}

// shorten keeps a short link.
func (z *Zipline) shorten(w http.ResponseWriter, r *ziplineRequest) {
	var given struct {
		Destination string `json:"destination"`
	}
	if !r.into(&given) || given.Destination == "" {
		ziplineError(w, http.StatusBadRequest, "invalid body")
		return
	}
	ziplineAnswer(w, http.StatusOK, map[string]any{"url": z.link(given.Destination)})
}

// link gives a destination a random short name. The caller holds the lock.
func (z *Zipline) link(destination string) (at string) {
	name := strings.ToLower(rand.Text()[:8])
	z.urls[name] = destination
	return z.URL + "/go/" + name
}

func (z *Zipline) file(w http.ResponseWriter, r *http.Request) {
	z.mu.Lock()
	defer z.mu.Unlock()
	f, ok := z.files[r.PathValue("name")]
	if !ok {
		ziplineError(w, http.StatusNotFound, "not found")
		return
	}
	w.Header().Set("Content-Type", f.Type)
	_, _ = w.Write(f.Data)
}

func (z *Zipline) follow(w http.ResponseWriter, r *http.Request) {
	z.mu.Lock()
	defer z.mu.Unlock()
	to, ok := z.urls[r.PathValue("name")]
	if !ok {
		ziplineError(w, http.StatusNotFound, "not found")
		return
	}
	http.Redirect(w, r, to, http.StatusFound)
}

const ziplinePage = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Zipline</title>
<link rel="icon" href="data:,"></head><body>%s</body></html>`

// dashboard is the page of somebody who is signed in.
func (z *Zipline) dashboard(w http.ResponseWriter, r *http.Request) {
	z.mu.Lock()
	defer z.mu.Unlock()
	u, _ := z.current(r)
	if u == nil {
		http.Redirect(w, r, "/auth/login", http.StatusFound)
		return
	}
	picture := ""
	if u.Avatar != "" {
		picture = `<img id="avatar" alt="" width="32" src="` + html.EscapeString(u.Avatar) + `">`
	}
	z.page(w, fmt.Sprintf(`<h1>Dashboard</h1>%s<p id="who">%s</p><a id="logout" href="/auth/logout">Logout</a>`,
		picture, html.EscapeString(u.Username)))
}

// loginPage asks for name and password, unless it is bypassed.
func (z *Zipline) loginPage(w http.ResponseWriter, r *http.Request) {
	z.mu.Lock()
	defer z.mu.Unlock()
	switch u, _ := z.current(r); {
	case u != nil:
		http.Redirect(w, r, "/dashboard", http.StatusFound)
	case z.o.BypassLogin:
		http.Redirect(w, r, ziplineOIDC, http.StatusFound)
	default:
		z.page(w, `<h1>Log in</h1><input name="username"><input name="password" type="password"><a id="oidc" href="`+ziplineOIDC+`">Log in with OIDC</a>`)
	}
}

// logoutPage signs out by script and goes to the login page.
func (z *Zipline) logoutPage(w http.ResponseWriter, _ *http.Request) {
	z.page(w, `<p>Logging out…</p><script>
fetch('/api/auth/logout', { method: 'POST' }).finally(() => { location.href = '/auth/login'; });
</script>`)
}

func (z *Zipline) page(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, ziplinePage, body)
}

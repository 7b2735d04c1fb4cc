package signin

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

const (
	gateway = "https://gate.example"
	issuer  = "https://idp.example"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// memStore obeys the documented semantics in memory. down makes the named method fail.
type memStore struct {
	mu       sync.Mutex
	sessions map[session.ID]*session.Session
	seats    map[session.SeatHash]session.Seat
	owner    map[session.SeatHash]session.ID
	ended    map[session.ID]session.Tombstone
	used     map[session.SeatHash]bool
	handles  map[string]bool
	accounts map[oidc.Identity]account.Account
	emails   map[oidc.Identity]string // believed ones
	linking  func()                   // called at the start of Link

	lastLinking account.Linking
	admitted    func()          // called at the end of an admission of somebody known
	sids        map[string]bool // provider sessions that were ended
	down        string
	applies     bool // a failing OpenSession commits nevertheless
	disabled    bool
	shut        bool // since the admission
	writes      int
}

func newMemStore() *memStore {
	return &memStore{
		sessions: map[session.ID]*session.Session{}, seats: map[session.SeatHash]session.Seat{},
		owner: map[session.SeatHash]session.ID{}, ended: map[session.ID]session.Tombstone{},
		used: map[session.SeatHash]bool{}, handles: map[string]bool{}, accounts: map[oidc.Identity]account.Account{},
		sids: map[string]bool{}, emails: map[oidc.Identity]string{},
	}
}

func (m *memStore) enter(method string) (func(), error) {
	m.mu.Lock()
	if m.down == method || m.down == "all" {
		m.mu.Unlock()
		return nil, fmt.Errorf("%s: %w", method, session.ErrUnavailable)
	}
	return m.mu.Unlock, nil
}

func (m *memStore) OpenSession(_ context.Context, now time.Time, s *session.Session, seat session.Seat, replaces session.ID) error {
	leave, err := m.enter("OpenSession")
	if err != nil {
		if !m.applies {
			return err
		}
		m.mu.Lock()
		leave = m.mu.Unlock
	}
	defer leave()
	if m.shut {
		return fmt.Errorf("opening: %w", account.ErrDisabled)
	}
	if acc, ok := m.accounts[s.Identity]; !ok || acc.ID != s.Account {
		return fmt.Errorf("opening: %w", account.ErrNotLinked)
	}
	if m.sids[s.SID] {
		return &session.EndedError{Tombstone: session.Tombstone{Session: s.ID, Cause: session.CauseBackChannel}}
	}
	if t, gone := m.ended[replaces]; gone {
		return &session.EndedError{Tombstone: t}
	}
	if replaces != "" {
		for h, id := range m.owner {
			if id == replaces {
				m.owner[h] = s.ID
			}
		}
		m.tomb(now, replaces, session.CauseRenewed)
	}
	m.sessions[s.ID], m.seats[seat.Hash], m.owner[seat.Hash] = s, seat, s.ID
	m.writes++
	return err
}

func (m *memStore) tomb(now time.Time, id session.ID, cause session.Cause) {
	t := session.Tombstone{Session: id, Cause: cause, EndedAt: now}
	if s := m.sessions[id]; s != nil {
		t.Account = s.Account
	}
	m.ended[id] = t
	delete(m.sessions, id)
}

func (m *memStore) end(id session.ID, cause session.Cause) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tomb(start, id, cause)
}

func (m *memStore) find(id session.ID) (*session.Session, error) {
	if t, gone := m.ended[id]; gone {
		return nil, &session.EndedError{Tombstone: t}
	}
	if s, ok := m.sessions[id]; ok {
		return s, nil
	}
	return nil, session.ErrNotFound
}

func (m *memStore) BySeat(_ context.Context, h session.SeatHash) (*session.Session, session.Seat, error) {
	leave, err := m.enter("BySeat")
	if err != nil {
		return nil, session.Seat{}, err
	}
	defer leave()
	s, err := m.find(m.owner[h])
	return s, m.seats[h], err
}

func (m *memStore) ByID(_ context.Context, id session.ID) (*session.Session, error) {
	leave, err := m.enter("ByID")
	if err != nil {
		return nil, err
	}
	defer leave()
	return m.find(id)
}

func (m *memStore) AddSeat(_ context.Context, _ time.Time, id session.ID, seat session.Seat) error {
	leave, err := m.enter("AddSeat")
	if err != nil {
		return err
	}
	defer leave()
	if _, err := m.find(id); err != nil {
		return err
	}
	m.seats[seat.Hash], m.owner[seat.Hash] = seat, id
	m.writes++
	return nil
}

func (m *memStore) Use(_ context.Context, _ time.Time, key session.SeatHash, _ time.Time) error {
	leave, err := m.enter("Use")
	if err != nil {
		return err
	}
	defer leave()
	if m.used[key] {
		return ErrUsed
	}
	m.used[key] = true
	m.writes++
	return nil
}

func (m *memStore) Admit(_ context.Context, _ time.Time, a account.Admission) (account.Account, bool, error) {
	leave, err := m.enter("Admit")
	if err != nil {
		return account.Account{}, false, err
	}
	defer leave()
	if m.disabled {
		return account.Account{}, false, account.ErrDisabled
	}
	if acc, ok := m.accounts[a.Identity]; ok {
		if m.admitted != nil {
			m.admitted()
		}
		return acc, false, nil
	}
	for _, handle := range a.Candidates {
		if !m.handles[handle] {
			m.handles[handle] = true
			m.accounts[a.Identity] = account.Account{ID: a.AccountID, Handle: handle}
			if a.Profile.EmailBelieved {
				m.emails[a.Identity] = a.Profile.Email
			}
			m.writes++
			return m.accounts[a.Identity], true, nil
		}
	}
	return account.Account{}, false, errors.New("no free handle")
}

func (m *memStore) AccountOf(_ context.Context, id oidc.Identity) (account.Account, error) {
	leave, err := m.enter("AccountOf")
	if err != nil {
		return account.Account{}, err
	}
	defer leave()
	acc, ok := m.accounts[id]
	if !ok {
		return acc, session.ErrNotFound
	}
	return acc, nil
}

// AdmitByEmail and Link keep to what store/storetest demands of every store, as far as a
// sign-in can tell.
func (m *memStore) AdmitByEmail(ctx context.Context, now time.Time, a account.Admission, t account.Trusts) (account.Admitted, error) {
	m.mu.Lock()
	_, known := m.accounts[a.Identity]
	var owner *account.Account
	for id, email := range m.emails {
		if acc := m.accounts[id]; !known && a.Profile.EmailBelieved && email == a.Profile.Email && t("main", id.Issuer) {
			owner = &acc
		}
	}
	if owner != nil && !m.disabled {
		m.accounts[a.Identity] = *owner
	}
	m.mu.Unlock()
	acc, created, err := m.Admit(ctx, now, a)
	return account.Admitted{Account: acc, Created: created, Linked: owner != nil, Apart: account.ApartNoMatch}, err
}

func (m *memStore) Link(_ context.Context, _ time.Time, l account.Linking) (bool, error) {
	leave, err := m.enter("Link")
	if err != nil {
		return false, err
	}
	defer leave()
	m.lastLinking = l
	if m.linking != nil {
		m.linking()
	}
	if m.disabled {
		return false, account.ErrDisabled
	}
	if _, err := m.find(session.ID(l.Session)); err != nil {
		return false, err
	}
	if acc, ok := m.accounts[l.Identity]; ok && acc.ID != l.Account {
		return false, account.ErrTaken
	} else if ok {
		return false, nil
	}
	m.accounts[l.Identity] = account.Account{ID: l.Account, Handle: "linked"}
	m.writes++
	return true, nil
}

// aead seals with AES-GCM, purpose and record bound.
type aead struct{ c cipher.AEAD }

func newAEAD(t testing.TB) aead {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead{c}
}

// The padding is as long as what the keyring adds: version, key id and salt.
func (a aead) Seal(purpose, record string, plaintext []byte) ([]byte, error) {
	return a.c.Seal(make([]byte, 50), nil, plaintext, []byte(purpose+"\x00"+record)), nil
}

func (a aead) Unseal(purpose, record string, sealed []byte) ([]byte, error) {
	if len(sealed) < 50 || [50]byte(sealed) != [50]byte{} {
		return nil, errors.New("not ours")
	}
	return a.c.Open(nil, nil, sealed[50:], []byte(purpose+"\x00"+record))
}

// idp hands out codes bound to nonce and challenge, each good once.
type idp struct {
	mu        sync.Mutex
	grants    map[string]idpGrant
	spent     map[string]int
	err       error // answer of the token endpoint
	asked     func(context.Context) error
	last      oidc.AuthorizationRequest
	exchanged oidc.CodeExchange
	sid       string
	acr       string
	age       time.Duration // of the authentications that it tells
	timeless  bool          // it does not tell when the person authenticated
	token     string        // same refresh token for everyone, when set

	codeParam, userParam string // of its answers; "": code, none

	issuer  string              // "": issuer
	profile func(*oidc.Profile) // may change what it says of a person
}

type idpGrant struct{ sub, nonce, challenge string }

func (p *idp) RedirectURI() string { return gateway + "/.cardea/callback/main" }

func (p *idp) AnswerParams() (code, user string) { return cmp.Or(p.codeParam, "code"), p.userParam }

func (p *idp) AuthorizationURL(_ context.Context, r oidc.AuthorizationRequest) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = r
	q := url.Values{"state": {r.State}, "nonce": {r.Nonce}, "code_challenge": {r.CodeChallenge}}
	return issuer + "/auth?" + q.Encode(), nil
}

// login is what the person does at the provider: it returns the callback's query.
func (p *idp) login(t testing.TB, location, sub string) url.Values {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code := oidc.RandomValue()
	p.grants[code] = idpGrant{sub: sub, nonce: u.Query().Get("nonce"), challenge: u.Query().Get("code_challenge")}
	return url.Values{"state": {u.Query().Get("state")}, cmp.Or(p.codeParam, "code"): {code}, "iss": {issuer}}
}

func (p *idp) Exchange(ctx context.Context, now time.Time, x oidc.CodeExchange) (oidc.Authentication, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exchanged = x
	p.spent[x.Code]++
	g, ok := p.grants[x.Code]
	if p.asked != nil {
		if err := p.asked(ctx); err != nil {
			return oidc.Authentication{}, err
		}
	}
	switch {
	case p.err != nil:
		return oidc.Authentication{}, p.err
	case !ok, p.spent[x.Code] > 1:
		return oidc.Authentication{}, &oidc.Error{Code: oidc.InvalidGrant, Status: 400}
	case oidc.S256(x.CodeVerifier) != g.challenge, x.Nonce != g.nonce:
		return oidc.Authentication{}, oidc.ErrRefused
	}
	refresh := "refresh-" + g.sub + x.Code
	if p.token != "" {
		refresh = p.token
	}
	profile := oidc.Profile{PreferredUsername: g.sub, Email: g.sub + "@example.com", EmailBelieved: true}
	if p.profile != nil {
		p.profile(&profile)
	}
	authTime := now.Add(-p.age)
	if p.timeless {
		authTime = time.Time{}
	}
	return oidc.Authentication{
		Identity: oidc.Identity{Issuer: cmp.Or(p.issuer, issuer), Subject: g.sub}, SID: p.sid, AuthTime: authTime, ACR: p.acr,
		Profile: profile,
		Tokens:  oidc.Tokens{AccessToken: "access-" + g.sub + x.Code, RefreshToken: refresh, IDToken: "id-" + g.sub},
	}, nil
}

type revoked struct {
	session session.ID
	tokens  oidc.Tokens
}

// world is a SignIn with everything around it.
type world struct {
	*SignIn
	store   *memStore
	idp     *idp
	second  *idp // at https://second.example, configured as "second"
	now     time.Time
	mu      sync.Mutex
	revoked []revoked
	ends    []string
	moved   [][2]session.ID
	replace func(*session.Session, oidc.Authentication) (*session.Session, error)
	endErr  error

	trail    []audit.Event
	trailErr error
}

func (w *world) Provider(id string) (Provider, bool) {
	if id == "second" {
		return w.second, true
	}
	return w.idp, id == "main" || id == "other"
}

func (w *world) End(_ context.Context, _ time.Time, id session.ID, cause session.Cause) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.endErr != nil {
		return w.endErr
	}
	w.ends = append(w.ends, string(id)+" "+string(cause))
	w.store.end(id, cause)
	return nil
}

func (w *world) RevokeLater(_ context.Context, _ time.Time, s *session.Session, t oidc.Tokens) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.revoked = append(w.revoked, revoked{s.ID, t})
	return nil
}

func (w *world) Record(_ context.Context, _ time.Time, e ...audit.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trail = append(w.trail, e...)
	return w.trailErr
}

func (w *world) Replace(_ context.Context, _ time.Time, s *session.Session, a oidc.Authentication) (*session.Session, error) {
	return w.replace(s, a)
}

func newWorld(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	w := &world{store: newMemStore(), now: start, idp: &idp{grants: map[string]idpGrant{}, spent: map[string]int{}}}
	w.second = &idp{grants: map[string]idpGrant{}, spent: map[string]int{}, issuer: "https://second.example"}
	o := Options{
		Providers: w, Store: w.store, Accounts: w.store, Sealer: newAEAD(t), Ender: w, Refresher: w, Revoker: w, Audit: w,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Origin: gateway,
		Terms: Terms{Limits: session.Limits{Idle: time.Hour, Absolute: 24 * time.Hour}},
		Moved: func(old, new session.ID) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.moved = append(w.moved, [2]session.ID{old, new})
		},
	}
	for _, c := range change {
		c(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.SignIn = s
	return w
}

// browser holds the two cookies of one person.
type browser struct {
	binding, seat string
}

func newBrowser() *browser { return &browser{binding: oidc.RandomValue()} }

func (w *world) start(t testing.TB, b *browser, change ...func(*Start)) string {
	t.Helper()
	st := Start{Provider: "main", Binding: b.binding, Target: Target{Origin: gateway, Path: "/deep?x=1"}}
	for _, c := range change {
		c(&st)
	}
	location, err := w.Start(t.Context(), w.now, st)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return location
}

func (w *world) callback(b *browser, q url.Values) Callback {
	return Callback{Provider: "main", Binding: b.binding, Seat: b.seat, Query: q, UserAgent: "test", Address: "192.0.2.1"}
}

// signIn is a whole round; the browser keeps its cookie.
func (w *world) signIn(t testing.TB, b *browser, sub string, change ...func(*Start)) Result {
	t.Helper()
	res, err := w.Finish(t.Context(), w.now, w.callback(b, w.idp.login(t, w.start(t, b, change...), sub)))
	if err != nil {
		t.Fatalf("finish: %v", err)
	}
	if res.SeatValue != "" {
		b.seat = res.SeatValue
	}
	return res
}

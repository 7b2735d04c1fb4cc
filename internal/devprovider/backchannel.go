package devprovider

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/record"
)

const (
	logoutEvent     = "http://schemas.openid.net/event/backchannel-logout"
	logoutTokenLife = 2 * time.Minute
	logoutPatience  = 5 * time.Second
	maxDeliveries   = 100
)

// LogoutDelivery is what became of one posted logout token.
type LogoutDelivery struct {
	ClientID string
	SID      string // of the sign-in that ended
	Token    string // as posted
	// Status and CacheControl are the client's answer; a status of 0 says that none came, and Err
	// why.
	Status       int
	CacheControl string
	Err          error
}

// LogoutDeliveries lists the last hundred posted logout tokens, in the order of their answers.
func (p *Provider) LogoutDeliveries() []LogoutDelivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.deliveries)
}

// EndSessionsOf ends all sign-ins of a person as an administrator would, and tells the clients in
// them by back-channel: there is no browser for frames. It returns how many there were, when every
// client has answered or was waited for.
func (p *Provider) EndSessionsOf(ctx context.Context, username string) (int, error) {
	p.mu.Lock()
	i := slices.IndexFunc(p.people, func(person Person) bool { return person.Username == username })
	if i < 0 {
		p.mu.Unlock()
		return 0, fmt.Errorf("nobody is called %q", username)
	}
	var ended []*session
	for _, sid := range slices.Sorted(maps.Keys(p.state.Sessions)) {
		if p.state.Sessions[sid].Subject == p.people[i].subject() {
			ended = append(ended, p.state.endSession(sid, p.opts.OfflineOutlivesSession))
		}
	}
	p.counters.Logouts += len(ended)
	err := p.save()
	p.mu.Unlock()
	if err != nil {
		return len(ended), err
	}
	for _, sess := range ended {
		p.tell(ctx, sess)
	}
	return len(ended), nil
}

// tell posts a logout token to every client of a sign-in that has ended (nil: there was none), all
// at once, and waits for the answers. A person's leaving the page does not stop it. The caller does
// not hold p.mu: a client may ask for the keys before it answers.
func (p *Provider) tell(ctx context.Context, ended *session) {
	if ended == nil || p.rec.Notices.BackChannel == record.No {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutPatience)
	defer cancel()
	var wg sync.WaitGroup
	for _, client := range p.clientsOf(ended) {
		if client.BackChannelLogoutURI == "" {
			continue
		}
		wg.Go(func() { p.notify(ctx, client, ended) })
	}
	wg.Wait()
}

// clientsOf lists the clients of a sign-in that are still registered.
func (p *Provider) clientsOf(sess *session) []Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	var clients []Client
	for _, id := range sess.Clients {
		if c, ok := p.clients[id]; ok {
			clients = append(clients, c)
		}
	}
	return clients
}

// notify makes one client's logout token (Back-Channel Logout 2.4) and posts it (2.5).
func (p *Provider) notify(ctx context.Context, client Client, ended *session) {
	notice := p.notice(client, ended, p.opts.Now())
	if change := p.faults().LogoutToken; change != nil {
		change(notice)
	}
	p.mu.Lock()
	key := p.signingKey()
	p.mu.Unlock()
	token := notice.Raw
	if token == "" {
		var err error
		if token, err = notice.Sign(key, notice.Typ, notice.Claims); err != nil {
			p.delivered(LogoutDelivery{ClientID: client.ID, SID: ended.SID, Err: err})
			return
		}
	}
	for range notice.Copies {
		d := LogoutDelivery{ClientID: client.ID, SID: ended.SID, Token: token}
		d.Status, d.CacheControl, d.Err = p.postLogout(ctx, client.BackChannelLogoutURI, token)
		p.delivered(d)
	}
}

// notice is a logout token as the record has it. Of several types each comes in its turn, and where
// sid is enough every other token goes without sub.
func (p *Provider) notice(client Client, ended *session, now time.Time) *LogoutNotice {
	p.mu.Lock()
	turn := p.notices
	p.notices++
	p.mu.Unlock()
	notice := &LogoutNotice{
		ClientID: client.ID, Sign: signAs, Copies: 1,
		Claims: map[string]any{
			"iss": p.tokenIssuer(), "aud": client.ID, "sub": ended.Subject, "jti": randomValue(),
			"iat": now.Unix(), "exp": now.Add(logoutTokenLife).Unix(),
			"events": map[string]any{logoutEvent: map[string]any{}},
		},
	}
	if types := p.rec.Notices.BackChannelTyp; len(types) > 0 {
		if typ := types[turn%len(types)]; typ != record.LogoutTypAbsent {
			notice.Typ = string(typ)
		}
	}
	if p.rec.Notices.BackChannelExp == record.No {
		delete(notice.Claims, "exp")
	}
	if client.BackChannelLogoutSessionRequired && p.sid() {
		notice.Claims["sid"] = ended.SID
		if p.strict && turn%2 == 1 {
			delete(notice.Claims, "sub")
		}
	}
	return notice
}

func (p *Provider) postLogout(ctx context.Context, address, token string) (status int, cacheControl string, err error) {
	form := url.Values{"logout_token": {token}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, "", fmt.Errorf("posting a logout token: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	p.mu.Lock()
	p.counters.LogoutTokens++
	p.mu.Unlock()
	resp, err := p.opts.BackChannel.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("posting a logout token: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxForm)) // the status is the answer
	return resp.StatusCode, resp.Header.Get("Cache-Control"), nil
}

// delivered keeps the outcome, and says which client could not be told: nothing is retried.
func (p *Provider) delivered(d LogoutDelivery) {
	if d.Err != nil || d.Status != http.StatusOK {
		p.opts.Logger.Warn("a logout token was not taken", "client", d.ClientID, "status", d.Status, "err", d.Err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.deliveries) >= maxDeliveries {
		p.deliveries = slices.Delete(p.deliveries, 0, 1)
	}
	p.deliveries = append(p.deliveries, d)
}

// newBackChannel reaches loopback addresses only, whatever a name under localhost resolves to.
func newBackChannel() *http.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil || !LoopbackHost(host) {
			return nil, fmt.Errorf("calling %s: %w", address, ErrNotLoopback)
		}
		if net.ParseIP(host) == nil {
			host = "127.0.0.1"
		}
		var d net.Dialer
		return d.DialContext(ctx, network, net.JoinHostPort(host, port))
	}
	return &http.Client{
		Timeout:       logoutPatience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DialContext: dial, DisableKeepAlives: true},
	}
}

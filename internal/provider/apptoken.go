package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

const (
	// applicationLife is how long an application's token is kept where its answer says
	// nothing of that, and applicationMargin how long before its end it is used no more.
	applicationLife   = 5 * time.Minute
	applicationMargin = time.Minute
	// applicationRest is the least age at which a refused one is fetched anew: codes that
	// are no good must not make this server ask at will.
	applicationRest = 10 * time.Second
)

// applicationToken is the application's own token, for all people who sign in.
type applicationToken struct {
	mu      sync.Mutex
	value   string
	fetched time.Time
	until   time.Time
	flight  *applicationFlight
}

type applicationFlight struct {
	done  chan struct{}
	value string
	err   error
}

// applicationBearer carries the application's token, with one more try under a new one
// where the provider refuses it.
func (p *Provider) applicationBearer(m *metadata) bearer {
	return func(ctx context.Context, request func(string) error) error {
		token, err := p.applicationToken(ctx, m, "")
		if _, answered := errors.AsType[*oidc.Error](err); answered {
			return err
		}
		if err != nil {
			return notSent(err)
		}
		err = request(token)
		refusal, answered := errors.AsType[*oidc.Error](err)
		if !answered || refusal.Status >= 500 || refusal.Status == http.StatusTooManyRequests {
			return err
		}
		// Which of the two was refused, the token or what was asked for, codes of the
		// provider's own do not tell.
		fresh, failed := p.applicationToken(ctx, m, token)
		if failed != nil || fresh == token {
			return err
		}
		return request(fresh)
	}
}

// applicationToken returns the kept token, or fetches one: where there is none, where it
// is about to expire, or where it is the one that was refused. One fetch runs at a time.
func (p *Provider) applicationToken(ctx context.Context, m *metadata, refused string) (string, error) {
	a := &p.application
	a.mu.Lock()
	now := p.now()
	usable := a.value != "" && now.Before(a.until)
	if usable && (a.value != refused || now.Sub(a.fetched) < applicationRest) {
		defer a.mu.Unlock()
		return a.value, nil
	}
	f := a.flight
	if f == nil {
		f = &applicationFlight{done: make(chan struct{})}
		a.flight = f
		go p.flyApplication(context.WithoutCancel(ctx), m, f)
	}
	a.mu.Unlock()
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (p *Provider) flyApplication(ctx context.Context, m *metadata, f *applicationFlight) {
	value, life, err := p.fetchApplication(ctx, m)
	a := &p.application
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		now := p.now()
		a.value, a.fetched, a.until = value, now, now.Add(life-min(applicationMargin, life/5))
	}
	f.value, f.err = value, err
	a.flight = nil
	close(f.done)
}

// fetchApplication asks for the application's token.
func (p *Provider) fetchApplication(ctx context.Context, m *metadata) (token string, life time.Duration, err error) {
	const what = "application token request"
	q := url.Values{}
	for name, template := range p.record.Client.ApplicationParams {
		value, ok := record.Expand(template, func(name string) (string, bool) {
			switch name {
			case "client_id":
				return p.clientID, true
			case "client_secret":
				return p.secret, true
			}
			return "", false
		})
		if ok {
			q.Set(name, value)
		}
	}
	a, err := p.call.do(ctx, call{what: what, method: http.MethodGet, url: addQuery(m.application, q)})
	if err != nil {
		return "", 0, err
	}
	if a.status/100 != 2 {
		return "", 0, p.refusal(statusError(a, p.record.Client.ErrorParam))
	}
	if err := p.errorInAnswer(a); err != nil {
		return "", 0, err
	}
	doc, ok := p.tokenReply(a.body)
	token = doc.String(p.named("access_token"))
	if !ok || token == "" || !printable(token) {
		return "", 0, unusable(what, "the answer has no usable token")
	}
	if life = lifetime(doc[p.named("expires_in")]); life <= 0 {
		life = applicationLife
	}
	return token, life, nil
}

// byApplication redeems a code beside the application's token: what comes back are the
// person's claims, and no token of the person's own.
func (p *Provider) byApplication(ctx context.Context, m *metadata, code string) (oidc.Claims, error) {
	const what = "code request"
	address := addQuery(m.token, url.Values{p.named("code"): {code}})
	a, err := p.fetch(ctx, p.applicationBearer(m), what, address, maxUserinfo)
	if err != nil {
		return nil, err
	}
	claims, err := p.claimsIn(a.body, p.record.Client.TokenEnvelope)
	if err != nil {
		return nil, unusable(what, err.Error())
	}
	return claims, nil
}

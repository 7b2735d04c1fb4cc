package devprovider

import (
	"net/http"
	"time"

	"github.com/cardea-auth/cardea/internal/record"
)

// applicationToken gives a token of the application itself for its id and secret.
func (p *Provider) applicationToken(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	p.note(ApplicationToken, r, query, Request{})
	if refused := p.headersSent(r); refused != nil {
		p.sendTokenError(w, r, refused)
		return
	}
	p.mu.Lock()
	var client *Client
	for _, c := range p.clients {
		good := len(query) == len(p.rec.Client.ApplicationParams)
		for name, template := range p.rec.Client.ApplicationParams {
			want, _ := fill(template, nil, map[string]string{"client_id": c.ID, "client_secret": c.Secret})
			good = good && equalSecrets(want, query.Get(name))
		}
		if good {
			client = &c
		}
	}
	value := randomValue()
	if client != nil {
		p.applications[hashOf(value)] = application{client: client.ID, expires: p.opts.Now().Add(p.opts.AccessTokenLife)}
	}
	p.mu.Unlock()
	if client == nil {
		p.sendTokenError(w, r, unknownClient(false, "the application is unknown"))
		return
	}
	body := map[string]any{"access_token": value, "expires_in": int(p.opts.AccessTokenLife / time.Second)}
	p.markGood(body)
	writeJSON(w, http.StatusOK, body)
}

// application is who holds a token of an application's own.
type application struct {
	client  string
	expires time.Time
}

// applicationOf finds the client whose application token a request brings.
func (p *Provider) applicationOf(r *http.Request) (clientID string, ok bool) {
	value := p.bearer(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	a, found := p.applications[hashOf(value)]
	return a.client, found && p.opts.Now().Before(a.expires)
}

// exchangeForClaims redeems a code for a person's claims, where the application's token takes the
// place of a person's. Of the claims it tells what names the person and nothing more.
func (p *Provider) exchangeForClaims(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	code := query.Get(p.ownName("code"))
	clientID, ok := p.applicationOf(r)
	refused := p.headersSent(r)
	if !ok && refused == nil {
		refused = unknownClient(false, "the application's token is not good")
	}
	var person Person
	if refused == nil {
		person, refused = p.redeemForPerson(clientID, code)
	}
	of := Request{Client: clientID, Username: person.Username}
	p.mu.Lock()
	p.counters.TokenRequests[grantCode]++
	if refused == nil {
		p.counters.TokensGiven[grantCode]++
	}
	p.mu.Unlock()
	if refused != nil {
		of.Refused = refused.code
		p.note(Token, r, query, of)
		p.sendTokenError(w, r, refused)
		return
	}
	p.note(Token, r, query, of)
	body := p.subjectClaims(person)
	p.markGood(body)
	writeJSON(w, http.StatusOK, body)
}

func (p *Provider) redeemForPerson(clientID, code string) (Person, *tokenError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.codes[hashOf(code)]
	if c == nil || c.grant.ClientID != clientID || c.used || !p.opts.Now().Before(c.expires) {
		return Person{}, badRequest("invalid_grant", "the code is unknown or was used")
	}
	c.used = true
	person, ok := p.personBySubject(c.grant.Subject)
	if !ok {
		return Person{}, badRequest("invalid_grant", "the account is disabled")
	}
	return person, nil
}

// askedPerson finds whom a userinfo request of an application is about: the person whose claims fill
// the request's parameters.
func (p *Provider) askedPerson(r *http.Request) (Person, *grant, bool) {
	clientID, ok := p.applicationOf(r)
	if !ok {
		return Person{}, nil, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, person := range p.people {
		if !person.Disabled && p.paramsFit(r, p.subjectClaims(person), clientID) {
			return person, &grant{ClientID: clientID, Subject: person.subject(), Scope: p.rec.Scopes}, true
		}
	}
	return Person{}, nil, false
}

// paramsFit tells whether a userinfo request has the parameters that the record states.
func (p *Provider) paramsFit(r *http.Request, claims map[string]any, clientID string) bool {
	for name, template := range p.rec.Claims.UserInfo.Params {
		want, ok := fill(template, claims, map[string]string{"client_id": clientID})
		if !ok || r.URL.Query().Get(name) != want {
			return false
		}
	}
	return true
}

func (p *Provider) byApplication() bool {
	return p.rec.Client.Exchange == record.ExchangeApplicationToken
}

package devprovider

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// maxRequests bounds the log of requests; the oldest go first.
const maxRequests = 5000

// Request is one request as a relying party or a browser made it, for tests to look at. Its
// parameters hold tokens and secrets: it belongs into no log.
type Request struct {
	Endpoint Endpoint
	Method   string
	Path     string
	// Params are the parameters of the query, a form or a JSON body: as they came, but for those of
	// token requests, which have the names of RFC 6749.
	Params url.Values
	// Client and Username are whom the request was about, as far as the provider found out.
	Client, Username string
	// Token is the token that a revocation was about, wherever it stood.
	Token string
	// Refused is the error code of a refusal; "" for a request that was answered.
	Refused string
}

// Requests lists what was asked at an endpoint, oldest first.
func (p *Provider) Requests(e Endpoint) []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []Request
	for _, q := range p.requests {
		if q.Endpoint == e {
			q.Params = maps.Clone(q.Params)
			list = append(list, q)
		}
	}
	return list
}

// note keeps a request. The caller does not hold p.mu.
func (p *Provider) note(e Endpoint, r *http.Request, params url.Values, of Request) {
	of.Endpoint, of.Method, of.Path, of.Params = e, r.Method, r.URL.Path, params
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) >= maxRequests {
		p.requests = slices.Delete(p.requests, 0, maxRequests/10)
	}
	p.requests = append(p.requests, of)
}

// usernameOf names the person of a subject, disabled or not. The caller holds p.mu.
func (p *Provider) usernameOf(subject string) string {
	for _, person := range p.people {
		if person.subject() == subject {
			return person.Username
		}
	}
	return ""
}

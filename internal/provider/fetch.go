package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// maxPage bounds one page of a list about a person.
const maxPage = 2 << 20

// bearer makes a request with the token that requests for a person's data carry: the
// person's own, or the application's.
type bearer func(ctx context.Context, request func(token string) error) error

func userToken(token string) bearer {
	return func(_ context.Context, request func(string) error) error { return request(token) }
}

// bearerOf is the token that a sign-in's later requests carry.
func (p *Provider) bearerOf(m *metadata, accessToken string) bearer {
	if p.record.Client.Exchange == record.ExchangeApplicationToken {
		return p.applicationBearer(m)
	}
	return userToken(accessToken)
}

// fetch asks for something about a person. Errors are *oidc.Error, also for one that came
// with status 200, and *oidc.UnreachableError.
func (p *Provider) fetch(ctx context.Context, by bearer, what, address string, limit int64) (answer, error) {
	var got answer
	err := by(ctx, func(token string) error {
		in := call{what: what, method: http.MethodGet, url: address, header: http.Header{}, limit: limit}
		p.carry(&in, token)
		a, err := p.call.do(ctx, in)
		if err != nil {
			return err
		}
		if a.status/100 != 2 {
			return p.refusal(bearerError(a))
		}
		got = a
		return p.errorInAnswer(a)
	})
	return got, err
}

// carry puts a bearer token where the provider looks for it (RFC 6750 section 2).
func (p *Provider) carry(in *call, token string) {
	c := p.record.Client
	switch {
	case c.BearerHeader != "":
		in.header.Set(c.BearerHeader, token)
	case c.BearerParam != "":
		in.url = addQuery(in.url, url.Values{c.BearerParam: {token}})
	default:
		in.header.Set("Authorization", "Bearer "+token)
	}
}

// errorInAnswer finds the error of a provider that sends it with status 200.
func (p *Provider) errorInAnswer(a answer) error {
	if p.record.Client.ErrorIn200 != record.Yes {
		return nil
	}
	var doc map[string]any
	_ = json.Unmarshal(a.body, &doc) // what is no object is left for whoever reads it
	if code, failed := p.errorIn(doc); failed {
		return p.refusal(&oidc.Error{Code: errorCode(code), Status: a.status})
	}
	return nil
}

// unusable is an answer that came and says nothing.
func unusable(what, why string) error {
	return &oidc.UnreachableError{Sent: true, Err: errors.New(what + ": " + why)}
}

// entriesOf finds the entries of a list's answer: the member at path, or all of it. One
// object counts as a list of one.
func entriesOf(body []byte, path record.ClaimPath) (entries []oidc.Claims, whole oidc.Claims, err error) {
	var doc any
	if json.Unmarshal(body, &doc) != nil {
		return nil, nil, errors.New("the answer is not JSON")
	}
	object, isObject := doc.(map[string]any)
	if isObject {
		whole = object
	}
	if path != "" {
		member, found := whole.At(string(path))
		if !found {
			return nil, nil, fmt.Errorf("the answer has no %s", path)
		}
		doc = member
	}
	list, isList := doc.([]any)
	if !isList {
		list = []any{doc}
	}
	for _, v := range list {
		switch v := v.(type) {
		case map[string]any:
			entries = append(entries, v)
		case nil:
		default:
			if isList { // bare values: found by the name "value"
				entries = append(entries, oidc.Claims{"value": v})
			}
		}
	}
	if !isList && len(entries) == 0 {
		return nil, nil, errors.New("the answer is no list")
	}
	return entries, whole, nil
}

// trouble is told of once when it begins and once when it has passed.
type trouble struct{ on atomic.Bool }

func (t *trouble) note(l *slog.Logger, what, consequence string, err error) {
	switch failing := err != nil; {
	case failing && !t.on.Swap(true):
		l.Error(what+" cannot be had: "+consequence, "alarm", true, "err", err)
	case !failing && t.on.Swap(false):
		l.Info(what + " is back")
	}
}

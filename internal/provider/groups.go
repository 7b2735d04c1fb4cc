package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// maxPages bounds how many pages of one list of groups are read.
const maxPages = 10

// readsLists tells whether the provider's lists of groups are ever read.
func (p *Provider) readsLists() bool {
	return p.groups && len(p.record.Claims.Groups.Lists) > 0
}

// groupsListed tells whether a person's groups are in the provider's lists: it has nothing
// else, or the claims say that there were too many for them.
func (p *Provider) groupsListed(c oidc.Claims) bool {
	if !p.readsLists() {
		return false // nobody wants to know
	}
	r := p.record.Claims.Groups
	_, over := c.At(string(r.OverageClaim))
	return r.Source == record.FromEndpoint || r.OverageClaim != "" && over
}

// groupsOf reads the provider's lists.
func (p *Provider) groupsOf(ctx context.Context, m *metadata, by bearer) ([]string, error) {
	var names []string
	for i, list := range p.record.Claims.Groups.Lists {
		found, err := p.listedGroups(ctx, list, m.groups[i], by)
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	return cleanGroups(names), nil
}

func (p *Provider) claimedGroups(c oidc.Claims) []string {
	if r := p.record.Claims.Groups; r.Source == record.FromClaim {
		return cleanGroups(c.Strings(string(r.Claim)))
	}
	return nil
}

// listedGroups reads one list, page by page.
func (p *Provider) listedGroups(ctx context.Context, list record.GroupList, address string, by bearer) ([]string, error) {
	const what = "groups request"
	start, err := url.Parse(address)
	if err != nil {
		return nil, errors.New(what + ": the list's address is not a URL")
	}
	var names []string
	for page := 1; ; page++ {
		a, err := p.fetch(ctx, by, what, address, maxPage)
		if err != nil {
			return nil, err
		}
		entries, whole, err := entriesOf(a.body, list.List)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		for _, e := range entries {
			if name, ok := record.Expand(list.Name, claimOf(e)); ok && len(names) < maxGroups {
				names = append(names, name)
			}
		}
		next := nextPage(list, a.header, whole)
		if next == "" {
			return names, nil
		}
		if page == maxPages || len(names) >= maxGroups {
			p.log.Warn("a person's groups are too many: the rest counts as not there", "list", withoutQuery(start), "read", len(names))
			return names, nil
		}
		if address, err = followed(start, next); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
	}
}

// nextPage finds the next page's address as the record says; "" on the last.
func nextPage(list record.GroupList, header http.Header, whole oidc.Claims) string {
	switch list.Next {
	case record.NextLink:
		return linkNext(header)
	case record.NextMember:
		return whole.String(string(list.NextMember))
	}
	return ""
}

// followed is the address of a next page. It leads nowhere but to the origin of the list:
// the token goes with the request.
func followed(start *url.URL, next string) (string, error) {
	u, err := start.Parse(next)
	if err != nil || !httpx.SameOrigin(u, start) || u.User != nil || len(next) > longestURL {
		return "", errors.New("the next page is not at the list's own origin")
	}
	u.Fragment = ""
	return u.String(), nil
}

// linkNext reads the target of rel=next from Link headers (RFC 8288 section 3).
func linkNext(header http.Header) string {
	for _, line := range header.Values("Link") {
		for rest := line; ; {
			_, after, found := strings.Cut(rest, "<")
			if !found {
				break
			}
			target, params, closed := strings.Cut(after, ">")
			if !closed {
				break
			}
			own := params
			if end := strings.Index(params, "<"); end >= 0 {
				own = params[:end]
			}
			if isNext(own) {
				return target
			}
			rest = params
		}
	}
	return ""
}

// isNext tells whether the parameters of one link say rel=next.
func isNext(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.Trim(param, ", \t"), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for rel := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
	}
	return false
}

// claimOf fills {claim:PATH} in templates.
func claimOf(c oidc.Claims) func(string) (string, bool) {
	return func(name string) (string, bool) {
		path, ok := strings.CutPrefix(name, "claim:")
		return text(c, path), ok
	}
}

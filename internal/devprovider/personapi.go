package devprovider

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// pageSize is how many entries one page of a list has.
const pageSize = 2

// saysYes writes a yes as the provider does: as a truth value, or as a text where it has one.
func saysYes(yes bool, text string) any {
	switch {
	case text == "":
		return yes
	case yes:
		return text
	}
	return "un" + text
}

// personOf finds the person whose access token a request brings.
func (p *Provider) personOf(r *http.Request) (person Person, g *grant, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, found := p.state.liveToken(p.bearer(r), accessToken, p.opts.Now())
	if t == nil {
		return Person{}, nil, false
	}
	copied := *found
	person, ok = p.personBySubject(found.Subject)
	return person, &copied, ok
}

// emails lists a person's addresses.
func (p *Provider) emails(w http.ResponseWriter, r *http.Request) {
	person, g, ok := p.personOf(r)
	p.note(Emails, r, r.URL.Query(), Request{Username: person.Username})
	if refused := p.headersSent(r); refused != nil {
		p.sendTokenError(w, r, refused)
		return
	}
	if !ok || !p.askedForAll(g) {
		p.refusePerson(w, true)
		return
	}
	c := p.rec.Claims.Email
	list := person.addresses()
	if c.PrimaryClaim == "" { // then the first is meant
		for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
			list[i], list[j] = list[j], list[i]
		}
	}
	entries := []any{}
	for _, a := range list {
		entry := map[string]any{}
		put(entry, c.Claim, a.Address)
		put(entry, c.VerifiedClaim, saysYes(a.Verified, c.VerifiedValue))
		put(entry, c.PrimaryClaim, saysYes(a.Primary, c.PrimaryValue))
		entries = append(entries, entry)
	}
	p.writeList(w, c.List, entries, nil)
}

// writeList answers with entries, below the member that the record names.
func (p *Provider) writeList(w http.ResponseWriter, member record.ClaimPath, entries []any, more map[string]any) {
	w.Header().Set("Cache-Control", "no-store")
	if member == "" {
		writeJSON(w, http.StatusOK, entries)
		return
	}
	doc := map[string]any{}
	put(doc, member, entries)
	lay(doc, more)
	p.markGood(doc)
	writeJSON(w, http.StatusOK, doc)
}

// groupList serves the i-th list of groups, two at a time where the list has pages. A list has the
// groups whose name its template can make: a plain name where it is made of one claim, a name with
// slashes where of several.
func (p *Provider) groupList(i int) http.HandlerFunc {
	list := p.rec.Claims.Groups.Lists[i]
	slots := claimSlots(list.Name)
	shape := nameShape(list.Name)
	return func(w http.ResponseWriter, r *http.Request) {
		person, g, ok := p.personOf(r)
		p.note(Groups, r, r.URL.Query(), Request{Username: person.Username})
		if refused := p.headersSent(r); refused != nil {
			p.sendTokenError(w, r, refused)
			return
		}
		if !ok || !p.groupsAsked(g) || !p.askedForAll(g) {
			p.refusePerson(w, true)
			return
		}
		entries := []any{}
		for _, name := range person.Groups {
			found := shape.FindStringSubmatch(name)
			if found == nil {
				continue
			}
			entry := map[string]any{}
			for n, path := range slots {
				put(entry, path, found[n+1])
			}
			entries = append(entries, entry)
		}
		p.writePage(w, r, list, entries)
	}
}

// nameShape matches the names that a template of {claim:PATH} makes.
func nameShape(template string) *regexp.Regexp {
	var b strings.Builder
	for rest := template; ; {
		before, after, found := strings.Cut(rest, "{claim:")
		b.WriteString(regexp.QuoteMeta(before))
		if !found {
			return regexp.MustCompile("^" + b.String() + "$")
		}
		b.WriteString("([^/]+)")
		_, rest, _ = strings.Cut(after, "}")
	}
}

// writePage answers with one page of a list, and says where the next is as the record has it.
func (p *Provider) writePage(w http.ResponseWriter, r *http.Request, list record.GroupList, entries []any) {
	if list.Next != record.NextLink && list.Next != record.NextMember {
		p.writeList(w, list.List, entries, nil)
		return
	}
	number, _ := strconv.Atoi(r.URL.Query().Get("page"))
	from := min(max(number, 0)*pageSize, len(entries))
	to := min(from+pageSize, len(entries))
	more := map[string]any{}
	if to < len(entries) {
		query := url.Values{}
		for name, values := range r.URL.Query() {
			query[name] = values
		}
		query.Set("page", strconv.Itoa(number+1))
		next := p.origin + r.URL.Path + "?" + query.Encode()
		if list.Next == record.NextMember {
			put(more, list.NextMember, next)
		} else {
			w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="last", <%s>; rel="next"`, p.origin+r.URL.Path+"?page=99", next))
		}
	}
	p.writeList(w, list.List, entries[from:to], more)
}

package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

const (
	// general is the record of a provider of which nothing is known but that it is one.
	general   = "oidc"
	discovery = wellKnown + "openid-configuration"

	mostRequests = 32
	mostHops     = 3
)

// Getter makes one GET, without cookies, and follows no redirect.
type Getter interface {
	Get(ctx context.Context, address string) (Answer, error)
}

// Answer is what came back; Body may be its beginning alone.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Search finds out what is at an address.
type Search struct {
	Get Getter
	// Recognise gives the kinds of provider that an issuer and its metadata have the
	// marks of, the most telling first. The metadata may be nil.
	Recognise func(issuer *url.URL, metadata map[string]any) []string
}

// Provider is what was found of a provider.
type Provider struct {
	// Issuer is what the provider calls itself.
	Issuer string
	// Backchannel is the origin that it was reached at, where that is not the issuer's and
	// the issuer's was not reached.
	Backchannel string
	Kind        string
	Record      record.Record
	// Recognised: the kind was told by the provider's marks, not by the person.
	Recognised bool
	// Notes say what was corrected, in sentences.
	Notes []string
}

// Title is the provider's name for people.
func (p Provider) Title() string {
	if p.Record.Title != "" {
		return p.Record.Title
	}
	return "the provider"
}

// ErrNothing: nothing that was asked for is at an address.
var ErrNothing = errors.New("nothing was found")

// LookupKind gives the record of a kind; the error names what is near.
func LookupKind(kind string) (record.Record, error) {
	if r, ok := record.Lookup(kind); ok {
		return r, nil
	}
	return record.Record{}, noSuch("kind of provider", kind, record.Kinds())
}

// Provider finds the provider by its issuer, or what somebody took for it, by its kind, or by
// both. One of them may be empty. The error is a *MissingName, or wraps ErrAddress or
// ErrNothing.
func (s Search) Provider(ctx context.Context, issuer, kind string) (Provider, error) {
	p := Provider{Kind: kind}
	if kind != "" {
		r, err := LookupKind(kind)
		if err != nil {
			return p, refusal{err}
		}
		p.Record = r
		if issuer == "" {
			issuer = r.Issuer.Default
		}
	}
	if issuer == "" {
		return p, refuse("the issuer is missing")
	}
	u, notes, err := tidy(issuer, guess(issuer))
	if err != nil {
		return p, err
	}
	p.Notes = notes
	if s.known(&p, u) {
		return p, nil
	}
	t := &trail{search: s, left: mostRequests, names: names(issuer)}
	found, err := t.find(ctx, u)
	if err != nil && p.Kind != "" && !t.answered {
		p.Issuer = issuer
		p.Notes = append(p.Notes, "It does not answer this machine, so nothing of this could be verified.")
		return p, nil
	}
	if err != nil {
		return p, err
	}
	s.settle(ctx, t, &p, issuer, found)
	return p, s.choose(&p, found.metadata)
}

// known settles a provider that has no metadata to look at: its kind was given, or its host
// tells it.
func (s Search) known(p *Provider, u *url.URL) bool {
	static := func(r record.Record) bool { return r.Endpoints.Source == record.EndpointsStatic }
	if p.Kind == "" {
		kinds := s.Recognise(u, nil)
		if len(kinds) == 0 {
			return false
		}
		r, ok := record.Lookup(kinds[0])
		if !ok || !static(r) {
			return false
		}
		p.Kind, p.Record, p.Recognised = kinds[0], r, true
	}
	if !static(p.Record) {
		return false
	}
	p.Issuer = strings.TrimSuffix(u.String(), "/")
	if p.Recognised && p.Record.Issuer.Default != "" {
		p.Issuer = p.Record.Issuer.Default
	}
	return true
}

// choose takes the kind by the provider's marks unless it was told.
func (s Search) choose(p *Provider, metadata map[string]any) error {
	var kinds []string
	if u, err := url.Parse(p.Issuer); err == nil {
		kinds = s.Recognise(u, metadata)
	}
	if p.Kind != "" {
		if len(kinds) > 0 && !slices.Contains(kinds, p.Kind) {
			p.Notes = append(p.Notes, "It has the marks of kind "+kinds[0]+"; "+p.Kind+" is taken because you said so.")
		}
		return nil
	}
	p.Kind = general
	if len(kinds) > 0 {
		p.Kind, p.Recognised = kinds[0], true
	}
	if len(kinds) > 1 {
		p.Notes = append(p.Notes, "("+alternatives(kinds[1:])+")")
	}
	r, err := LookupKind(p.Kind)
	p.Record = r
	return err
}

// alternatives says of kinds that have the same marks when to take them.
func alternatives(kinds []string) string {
	var all []string
	for _, kind := range kinds {
		r, ok := record.Lookup(kind)
		if !ok {
			continue
		}
		all = append(all, firstOf(r.Recognise.Alike, r.Title, kind)+"? Then --kind "+kind+".")
	}
	return strings.Join(all, " ")
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// find is metadata at an address.
type find struct {
	at       string // the issuer by which they were asked for
	issuer   string // the issuer that they state
	metadata map[string]any
}

// trail is one search: what is left of its requests, and what was tried.
type trail struct {
	search  Search
	records []record.Record // see anywhere
	left    int
	tried   []string
	names   []string // see names
	// answered: anything came at all.
	answered bool
}

// anywhere are the records of kinds that people run themselves, at any host. Reading them
// all takes a while, so it is done once, and only where the address as given led nowhere.
func (t *trail) anywhere() []record.Record {
	if t.records != nil {
		return t.records
	}
	for _, kind := range record.Kinds() {
		if r, ok := record.Lookup(kind); ok && len(r.Recognise.Hosts) == 0 {
			t.records = append(t.records, r)
		}
	}
	return t.records
}

// find looks for metadata where they should be, and where they usually are when an address
// was pasted or shortened.
func (t *trail) find(ctx context.Context, u *url.URL) (find, error) {
	asked := *u
	if before, _, ok := strings.Cut(asked.Path, wellKnown); ok {
		asked.Path = before
	}
	for _, scheme := range []string{u.Scheme, other(u.Scheme)} {
		at := asked
		at.Scheme = scheme
		f, ok, answered := t.metadata(ctx, at.String())
		if ok {
			return f, nil
		}
		if !answered {
			continue
		}
		for _, p := range t.candidates(at.Path) {
			if f, ok, _ := t.metadata(ctx, origin(&at)+p); ok {
				return f, nil
			}
		}
		if f, found, err := t.nameless(ctx, &at); found || err != nil {
			return f, err
		}
	}
	return find{}, fmt.Errorf("%w: no OpenID provider answers at %s. Tried:\n  %s", ErrNothing, u, strings.Join(t.tried, "\n  "))
}

// candidates are the paths at which an issuer may be, when there is none at p: those that
// records name, with p's last name in them, and p's parents, for addresses of endpoints.
func (t *trail) candidates(p string) []string {
	p = strings.TrimRight(p, "/")
	var all []string
	add := func(c string) {
		if c != p && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	for _, name := range t.names {
		for _, r := range t.anywhere() {
			if len(r.Recognise.Always) > 0 {
				for _, place := range r.Recognise.Places(name) {
					add(place)
				}
			}
		}
	}
	last := p[strings.LastIndexByte(p, '/')+1:]
	for parent := path.Dir(p); p != "" && parent != "/" && parent != "."; parent = path.Dir(parent) {
		add(parent)
	}
	for _, r := range t.anywhere() {
		for _, place := range r.Recognise.Places(last) {
			add(place)
		}
	}
	if p != "" {
		add("")
	}
	return all
}

// metadata asks for the metadata of an issuer. answered tells whether anything came.
func (t *trail) metadata(ctx context.Context, issuer string) (f find, ok, answered bool) {
	address := strings.TrimRight(issuer, "/") + discovery
	for range mostHops {
		if t.left--; t.left < 0 {
			return f, false, answered
		}
		a, err := t.search.Get.Get(ctx, address)
		if err != nil {
			t.tried = append(t.tried, address+": no answer")
			return f, false, answered
		}
		answered, t.answered = true, true
		if to := redirected(address, a); to != "" {
			address = to
			continue
		}
		f.at = strings.TrimSuffix(address, discovery)
		f.metadata, f.issuer, ok = parse(a)
		if !ok {
			t.tried = append(t.tried, fmt.Sprintf("%s: HTTP %d, no metadata", address, a.Status))
		}
		return f, ok, true
	}
	return f, false, answered
}

// redirected is where other metadata are; "" where the answer leads to none.
func redirected(from string, a Answer) string {
	start, err := url.Parse(from)
	if a.Status/100 != 3 || err != nil {
		return ""
	}
	to, err := start.Parse(a.Header.Get("Location"))
	if err != nil || !strings.HasSuffix(to.Path, discovery) || to.RawQuery != "" || start.Scheme == "https" && to.Scheme != "https" {
		return ""
	}
	return to.String()
}

func parse(a Answer) (metadata map[string]any, issuer string, ok bool) {
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &metadata) != nil {
		return nil, "", false
	}
	issuer, _ = metadata["issuer"].(string)
	endpoint, _ := metadata["authorization_endpoint"].(string)
	return metadata, issuer, issuer != "" && endpoint != ""
}

// settle decides on the issuer: what the provider states counts, byte for byte, and a host
// other than the one that was asked has to say the same of itself.
func (s Search) settle(ctx context.Context, t *trail, p *Provider, given string, f find) {
	p.Issuer = f.issuer
	stated, err := url.Parse(f.issuer)
	asked, aerr := url.Parse(f.at)
	switch {
	case strings.Contains(f.issuer, "{") || err != nil || aerr != nil || stated.Host == "":
		p.Issuer = f.at // a template, which the record knows how to compare
	case strings.TrimRight(f.issuer, "/") == strings.TrimRight(f.at, "/"):
	case stated.Scheme == asked.Scheme && stated.Host == asked.Host:
	default:
		if again, ok, _ := t.metadata(ctx, f.issuer); !ok || again.issuer != f.issuer {
			p.Backchannel = origin(asked)
			p.Notes = append(p.Notes, "It calls itself "+f.issuer+", where it does not answer this machine: the gateway will call it at "+p.Backchannel+" (backchannel_url). Browsers must reach it under its own name.")
		}
	}
	if given != p.Issuer {
		p.Notes = append(p.Notes, "The issuer is "+p.Issuer+", byte for byte; you wrote "+given+".")
	}
}

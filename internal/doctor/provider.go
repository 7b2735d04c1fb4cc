package doctor

import (
	"context"
	"crypto/rand"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/record"
)

// examination is one provider's.
type examination struct {
	p      Provider
	public string // the gateway's origin
	call   *caller
	now    func() time.Time
	g      *Group

	recognise func(*url.URL, map[string]any) []string
	// random stands for state, nonce, code and verifier of the requests that are tried.
	random string
}

func (o Options) provider(ctx context.Context, p Provider) Group {
	g := Group{Kind: KindProvider, ID: p.ID, At: p.Issuer}
	t := newTransport(p.RootCAs)
	x := &examination{
		p: p, public: o.PublicURL, now: o.Now, recognise: o.Recognise, g: &g, random: rand.Text() + rand.Text(),
		call: &caller{http: newClient(t), now: o.Now, left: mostRequests},
	}
	issuer, err := url.Parse(p.Issuer)
	if err != nil {
		issuer = &url.URL{}
	}
	x.call.issuer = issuer
	if p.BackchannelURL != "" {
		if back, err := url.Parse(p.BackchannelURL); err == nil {
			x.call.back = back
		}
	}
	x.places(issuer)
	doc, a, ok := x.discover(ctx)
	if !ok {
		return g
	}
	if a.status != 0 {
		x.clock(a)
		if !x.issuer(doc) {
			return g // the gateway refuses everything that this document says
		}
	}
	x.kind(doc, issuer)
	if !x.endpoints(&doc) || a.status == 0 && !x.answers(ctx, doc) {
		return g
	}
	x.offers(doc)
	x.keys(ctx, doc)
	x.redirectURI(ctx)
	x.freshLogin()
	x.signOut(ctx, doc)
	x.notices(doc)
	x.credentials(ctx, doc)
	return g
}

// places compares where the provider and the gateway are for browsers.
func (x *examination) places(issuer *url.URL) {
	public, err := url.Parse(x.public)
	if err != nil {
		return
	}
	switch {
	case httpx.LoopbackHost(issuer.Hostname()) && !httpx.LoopbackHost(public.Hostname()):
		x.add(Finding{
			ID: "loopback-issuer", Level: Error, Found: "the issuer is on loopback, and the gateway is not",
			Meaning:  "Only a browser on this very machine could sign in: for every other, " + issuer.Hostname() + " is its own machine.",
			Evidence: []string{"issuer " + x.p.Issuer, "public_url " + x.public},
			Fix:      []string{"Give the provider a name that browsers reach, and write it as issuer; set backchannel_url where this server is to go on by " + origin(issuer) + "."},
		})
	case httpx.LoopbackHost(issuer.Hostname()) && issuer.Hostname() == public.Hostname():
		x.add(Finding{
			ID: "loopback-shared", Level: Note, Found: "provider and gateway share the host name " + issuer.Hostname(),
			Meaning:  "Cookies ignore ports: each is sent the other's. That works, and makes request headers longer.",
			Evidence: []string{"issuer " + x.p.Issuer, "public_url " + x.public},
			Fix:      []string{"For development alone this may stay. Otherwise use localhost for one and 127.0.0.1 for the other."},
		})
	}
}

// issuer holds the metadata's issuer against the configured one (Discovery section 4.3).
func (x *examination) issuer(doc document) bool {
	rule := x.p.Record.Issuer
	found, want := doc.issuer, x.p.Issuer
	switch {
	case found == want,
		rule.Match == record.IssuerSet && slices.Contains(rule.Also, found),
		rule.Match == record.IssuerTemplateTID && strings.Count(found, "{tenantid}") == 1:
		x.g.ok("issuer", "the issuer is the configured one", "issuer "+short(found))
		return true
	}
	id, how, fix := x.issuersDiffer(want, found)
	x.add(Finding{
		ID: id, Level: Error, Found: "the provider names another issuer: " + how,
		Meaning:  "Nobody can sign in: what another issuer says is not believed.",
		Evidence: []string{"configured " + want, "provider   " + short(found)},
		Fix:      fix,
	})
	return false
}

func (x *examination) issuersDiffer(want, found string) (id, how string, fix []string) {
	write := []string{"Write issuer: " + short(found)}
	a, aerr := url.Parse(want)
	b, berr := url.Parse(found)
	switch {
	case aerr != nil || berr != nil || b.Host == "":
		return "issuer", "it is not a URL", []string{"Let the provider name the address that browsers use."}
	case strings.TrimSuffix(want, "/") == strings.TrimSuffix(found, "/"):
		return "issuer-slash", "they differ in the trailing slash, which counts", write
	case x.call.back != nil && httpx.SameOrigin(b, x.call.back):
		return "issuer-backchannel", "it follows the address that it is called at by backchannel_url",
			[]string{"Set the provider's own host name in its configuration to " + origin(a) + ", so that it does not follow the request."}
	case a.Host == b.Host && a.Scheme != b.Scheme:
		return "issuer-scheme", "one is http, the other https", append(write,
			"Where the provider stands behind a proxy that ends TLS: let it believe the proxy's X-Forwarded-Proto, or set its own address.")
	case a.Hostname() != b.Hostname() && httpx.LoopbackHost(a.Hostname()) && httpx.LoopbackHost(b.Hostname()):
		return "issuer-host", "localhost and 127.0.0.1 are two names", write
	case a.Hostname() != b.Hostname():
		return "issuer-host", "they differ in the host", append(write,
			"Where browsers do not reach that one: set the provider's own host name to "+a.Hostname()+".")
	case a.Host != b.Host:
		return "issuer-port", "they differ in the port", write
	}
	return "issuer-path", "they differ in the path", write
}

// clock compares the Date of an answer with ours (RFC 9110 section 6.6.1).
func (x *examination) clock(a answer) {
	date, err := time.Parse(time.RFC1123, a.header.Get("Date"))
	if err != nil {
		x.add(Finding{ID: "clock-unsaid", Level: Note, Meaning: "Tokens are taken for expired, or for not yet issued, when the clocks are more than a minute apart.", Found: "the provider's clock cannot be told: its answer has no date", Fix: []string{"Keep both clocks in time by NTP."}})
		return
	}
	// Date has whole seconds, and was written somewhen between request and answer.
	skew := time.Duration(0)
	switch {
	case date.Add(time.Second).Before(a.began):
		skew = a.began.Sub(date)
	case date.After(a.ended):
		skew = date.Sub(a.ended)
	}
	skew = skew.Round(time.Second)
	if skew <= 30*time.Second {
		x.g.ok("clock", "the clocks agree")
		return
	}
	f := Finding{
		ID: "clock", Level: Warning, Found: "the clocks are " + skew.String() + " apart",
		Meaning:  "Tokens are taken for expired, or for not yet issued, when the difference grows past a minute.",
		Evidence: []string{"the provider's answer is dated " + short(a.header.Get("Date"))},
		Fix:      []string{"Set both clocks by NTP."},
	}
	if skew > time.Minute {
		f.Level, f.Meaning = Error, "Sign-ins are refused: tokens look expired, or issued in the future."
	}
	x.add(f)
}

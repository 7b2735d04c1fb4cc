package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/record"
)

const (
	wellKnown = "/.well-known/openid-configuration"
	maxHops   = 3
	asJSON    = "application/json"
	asPage    = "text/html,application/xhtml+xml"
)

// discover fetches the provider's metadata. ok is false where there is none to go on with;
// the finding is then in g.
func (x *examination) discover(ctx context.Context) (doc document, a answer, ok bool) {
	p := x.p
	if p.Record.Endpoints.Source == "static" {
		return x.stated(), answer{}, true
	}
	address := strings.TrimSuffix(p.Issuer, "/") + wellKnown
	for hop := 0; ; hop++ {
		var err error
		a, err = x.call.get(ctx, address, asJSON)
		if err != nil {
			x.unreachable(ctx, address, err)
			return doc, a, false
		}
		next := x.redirect(address, a)
		if next == "" || hop == maxHops {
			break
		}
		address = next
	}
	if a.status != http.StatusOK {
		x.noMetadata(ctx, address, a)
		return doc, a, false
	}
	doc, err := parseDocument(a.body)
	if err != nil {
		x.add(Finding{
			ID: "reachable-page", Level: Error, Found: "something answers at the issuer, and it is no OpenID provider",
			Meaning:  "Nobody can sign in.",
			Evidence: []string{"GET " + bare(address) + ": HTTP 200, " + err.Error()},
			Fix:      []string{"Write the issuer as the provider states it; a proxy or a login page may be answering in its place."},
		})
		return doc, a, false
	}
	x.g.ok("reachable", "discovery answers"+x.byBackchannel(), "GET "+bare(address)+": HTTP 200")
	return doc, a, true
}

func (x *examination) byBackchannel() string {
	if x.call.back == nil {
		return ""
	}
	return " at " + origin(x.call.back) + ", as backchannel_url says"
}

// redirect is where an answer leads within its origin; "" where it is none.
func (x *examination) redirect(from string, a answer) string {
	if a.status/100 != 3 || a.header.Get("Location") == "" {
		return ""
	}
	start, err := url.Parse(from)
	if err != nil {
		return ""
	}
	next, err := start.Parse(a.header.Get("Location"))
	if err != nil || !httpx.SameOrigin(next, start) {
		return ""
	}
	return next.String()
}

// unreachable says at which step a connection failed: name, connection, TLS or HTTP.
func (x *examination) unreachable(ctx context.Context, address string, err error) {
	at, _ := url.Parse(x.p.Issuer) // Examine's caller has checked it
	if x.call.back != nil {
		at = x.call.back
	}
	f := diagnose(err, at)
	if f.ID == "" {
		f.ID = "reachable"
		if x.call.back == nil {
			f.Fix = append(f.Fix, "Where this server reaches the provider at another address than browsers do, set backchannel_url to it.")
		}
	}
	if at.Scheme == "http" && speaksTLS(ctx, at) {
		f.ID, f.Found = "reachable-https", "the provider speaks https there, and http is configured"
		f.Fix = []string{"Write https:// in place of http:// in " + x.addressKey() + "."}
	}
	f.Level, f.Meaning = Error, "Nobody can sign in; those who are signed in stay so until limits.refresh_failing ends."
	f.Evidence = []string{"GET " + bare(address) + ": " + why(err)}
	x.add(f)
}

func (x *examination) addressKey() string {
	if x.call.back != nil {
		return "backchannel_url"
	}
	return "issuer"
}

// diagnose tells the steps of a connection apart.
func diagnose(err error, at *url.URL) Finding {
	var (
		name    *net.DNSError
		op      *net.OpError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &name):
		return Finding{Found: "no address is known for the name " + at.Hostname(), Fix: []string{
			"Check the spelling, and that the name server of this machine (or container) knows it."}}
	case errors.As(err, &unknown):
		return Finding{ID: "tls-untrusted", Found: "the certificate of " + at.Host + " is not trusted", Fix: []string{
			"Set ca_file to the PEM file of the authority that issued it. Where the provider's certificate is self-signed, that file is the certificate itself."}}
	case errors.As(err, &host):
		return Finding{ID: "tls-names", Found: "the certificate is for other names than " + at.Hostname(), Fix: []string{
			"Use one of the certificate's names in the address, or have a certificate issued for this one."}}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return Finding{ID: "tls-expired", Found: "the certificate has expired or is not valid yet", Fix: []string{
			"Renew the certificate; check the clocks of both machines."}}
	case errors.As(err, &invalid):
		return Finding{ID: "tls-invalid", Found: "the certificate is not valid", Fix: []string{"Have a certificate issued that suits a server."}}
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		return Finding{ID: "tls-plain", Found: "plain http is spoken there, and https is configured", Fix: []string{
			"Write http:// if that is meant (loopback, or insecure_http), or let TLS be spoken there."}}
	case errors.As(err, &op) && op.Op == "dial" && !op.Timeout():
		return Finding{Found: "nothing listens at " + at.Host, Fix: []string{
			"Start it, or correct host and port. In a container, localhost is the container itself."}}
	case why(err) == "no answer in time":
		return Finding{Found: at.Host + " does not answer within " + requestTime.String(), Fix: []string{
			"Look for a firewall on the way, and whether the server is overloaded."}}
	}
	return Finding{Found: at.Host + " breaks the exchange off", Fix: []string{"Look into the server's log; a proxy may stand in between."}}
}

// speaksTLS tells whether a server answers a TLS handshake. Nothing is sent to it, so its
// certificate does not matter.
func speaksTLS(ctx context.Context, at *url.URL) bool {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ServerName: at.Hostname()}} //nolint:gosec // see above
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(at.Hostname(), httpx.PortOf(at)))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// noMetadata says what an answer other than 200 means, and where the metadata are.
func (x *examination) noMetadata(ctx context.Context, address string, a answer) {
	at, _ := url.Parse(x.p.Issuer)
	f := Finding{
		ID: "reachable-path", Level: Error, Meaning: "Nobody can sign in.",
		Found:    "the server answers, and there is no discovery document at the issuer",
		Evidence: []string{"GET " + bare(address) + ": HTTP " + strconv.Itoa(a.status)},
		Fix:      []string{"Write the issuer as the provider states it, path included."},
	}
	switch {
	case a.status/100 == 5:
		f.ID, f.Found = "reachable-failing", "the provider answers with an error of its own"
		f.Fix = []string{"Look into the provider's log; it may still be starting."}
	case a.status/100 == 3:
		f.ID, f.Found = "reachable-redirected", "discovery is redirected to another place, which is not followed"
		f.Evidence = append(f.Evidence, "Location: "+bare(a.header.Get("Location")))
		f.Fix = []string{"Write the issuer at its final place: often https:// in place of http://."}
	case at.Scheme == "http" && a.status == http.StatusBadRequest && speaksTLS(ctx, x.target()):
		f.ID, f.Found = "reachable-https", "the provider speaks https there, and http is configured"
		f.Fix = []string{"Write https:// in place of http:// in " + x.addressKey() + "."}
	default:
		x.otherPlaces(ctx, at, &f)
	}
	x.add(f)
}

func (x *examination) target() *url.URL {
	if x.call.back != nil {
		return x.call.back
	}
	u, _ := url.Parse(x.p.Issuer)
	return u
}

// otherPlaces looks for the document where it usually is when the path is wrong.
func (x *examination) otherPlaces(ctx context.Context, at *url.URL, f *Finding) {
	for _, v := range x.variants(at.Path) {
		candidate := origin(at) + v.path
		a, err := x.call.get(ctx, candidate+wellKnown, asJSON)
		if err != nil || a.status != http.StatusOK {
			continue
		}
		doc, err := parseDocument(a.body)
		if err != nil {
			continue
		}
		f.Evidence = append(f.Evidence, "GET "+bare(candidate+wellKnown)+": HTTP 200, issuer "+short(doc.issuer))
		if v.exact {
			f.Fix = []string{"Write issuer: " + short(doc.issuer)}
		} else {
			f.Fix = []string{"The provider is there, and this part of its path does not exist: write the name as the provider spells it, in the form of " + candidate + ", letter case included."}
		}
		return
	}
}

// variant is a path at which an issuer may be. exact: it is the same one, found elsewhere;
// otherwise a sibling, which shows that only a name is wrong.
type variant struct {
	path  string
	exact bool
}

// mostExact and mostSiblings bound how many of them are asked for.
const (
	mostExact    = 6
	mostSiblings = 2
)

// variants are where an issuer of path p may be in truth: before a pasted ending, where
// records say that issuers are, with p's last name in place of theirs, and at the root.
// The configured kind's own places come first.
func (x *examination) variants(p string) []variant {
	p = strings.TrimSuffix(p, "/")
	if before, ok := strings.CutSuffix(p, wellKnown); ok {
		return []variant{{before, true}}
	}
	var exact, siblings []variant
	seen := map[string]bool{p: true}
	add := func(list *[]variant, v variant) {
		if !seen[v.path] {
			*list = append(*list, v)
		}
		seen[v.path] = true
	}
	last := p[strings.LastIndexByte(p, '/')+1:]
	for _, r := range append([]record.Record{x.p.Record, {}}, others(x.p.Record.Kind)...) {
		for _, place := range r.Recognise.Places(last) {
			add(&exact, variant{place, true})
		}
		if r.Kind == "" {
			add(&exact, variant{"", true})
		}
	}
	for _, r := range append([]record.Record{x.p.Record}, others(x.p.Record.Kind)...) {
		for _, always := range r.Recognise.Always {
			add(&siblings, variant{always, false})
		}
	}
	return slices.Concat(exact[:min(len(exact), mostExact)], siblings[:min(len(siblings), mostSiblings)])
}

// others are the records of the other kinds that people run themselves, at any host.
func others(kind string) []record.Record {
	var all []record.Record
	for _, k := range record.Kinds() {
		if r, ok := record.Lookup(k); ok && k != kind && len(r.Recognise.Hosts) == 0 {
			all = append(all, r)
		}
	}
	return all
}

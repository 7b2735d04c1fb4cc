package doctor

import (
	"net/url"
	"slices"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/record"
)

const unnoticed = "A session that ends at the provider is noticed here at the next refresh."

// notices says how the gateway hears of sessions that end at the provider.
func (x *examination) notices(doc document) {
	n, r := x.p.Record.Notices, x.p.Record.Register
	back := offers(doc.backchannel, n.BackChannel)
	front := offers(doc.frontchannel, n.FrontChannel)
	if !back && !front {
		x.add(Finding{ID: "notices-unsaid", Level: Note, Found: "the provider does not say that it tells of sessions that end there", Meaning: unnoticed})
		return
	}
	f := Finding{
		ID: "notices", Level: Note, Meaning: "Without it: " + lower(unnoticed),
		Found: "the provider can tell of sessions that end there; whether it reaches the gateway cannot be told from here",
		Fix:   []string{x.register(r.BackChannelLogoutURI, "back-channel logout URI", x.public+"/.cardea/backchannel-logout")},
	}
	if !back {
		f.Fix = []string{x.register(r.FrontChannelLogoutURI, "front-channel logout URI", x.public+"/.cardea/frontchannel-logout/"+x.p.ID)}
	}
	x.add(f)
	if back && front {
		x.both(r)
	}
	if !back {
		return
	}
	x.sid(doc, n)
	x.reached()
}

// offers tells whether the provider does something: as its metadata say, else the record.
func offers(said *bool, known record.Known) bool {
	if said != nil {
		return *said
	}
	return known == record.Yes
}

// both warns of the two ways at once: which of them a client has on is not visible here.
func (x *examination) both(r record.Register) {
	field := "the front-channel logout URI"
	if r.FrontChannelLogoutURI != "" {
		field = "“" + r.FrontChannelLogoutURI + "”"
	}
	x.add(Finding{
		ID: "notices-both", Level: Note, Found: "the provider can tell in two ways, by its server and by the browser; register one",
		Meaning: "Some providers send nothing from their server where the browser's way is on too, and a browser that is closed tells nobody.",
		Fix:     []string{"Leave " + field + " of this client empty."},
	})
}

// sid warns where the notices do not say which session ended.
func (x *examination) sid(doc document, n record.Notices) {
	if doc.backchannelSession == nil || *doc.backchannelSession || n.Sid == record.No {
		return
	}
	x.add(Finding{
		ID: "notices-session", Level: Note, Found: "its notices name the person, and not the session",
		Meaning:  "A sign-out at the provider on one device ends that person's sessions here on all of them.",
		Evidence: []string{"backchannel_logout_session_supported: false"},
		Fix:      []string{"Have the provider put sid into its logout tokens, where it can."},
	})
}

// reached judges from the addresses whether the provider's server can reach the gateway.
func (x *examination) reached() {
	public, err := url.Parse(x.public)
	if err != nil || !httpx.LoopbackHost(public.Hostname()) {
		return
	}
	hosts := []string{x.call.issuer.Hostname()}
	if x.call.back != nil {
		hosts = append(hosts, x.call.back.Hostname())
	}
	elsewhere := slices.IndexFunc(hosts, func(h string) bool { return !httpx.LoopbackHost(h) })
	if elsewhere < 0 {
		return
	}
	x.add(Finding{
		ID: "notices-loopback", Level: Warning, Found: "the provider's server cannot reach the gateway: public_url is on loopback, and " + hosts[elsewhere] + " is not",
		Meaning:  "Back-channel logouts never arrive. " + unnoticed,
		Evidence: []string{"public_url " + x.public, "issuer " + x.p.Issuer},
		Fix:      []string{"For trying things this may stay. Otherwise give the gateway a name that the provider's server reaches, and write it as public_url: from another machine or container, " + public.Hostname() + " is not the gateway."},
	})
}

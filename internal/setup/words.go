package setup

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/record"
)

// Entry is one address to register: the field for it, in the provider's own words.
type Entry struct {
	Field, Value string
	// Remark is what to know of it; empty: nothing.
	Remark string
}

// Registration is what to do at the provider, in its own words.
type Registration struct {
	// Console is the way to a new client; empty: not known.
	Console string
	Entries []Entry
	// Steps are what else to do there, in order.
	Steps []string
}

// Registration says what has to be registered at the plan's provider.
func (p Plan) Registration() Registration {
	r, public := p.Provider.Record.Register, p.Place.PublicURL
	out := Registration{Console: p.fill(firstOf(r.Create, r.Console))}
	add := func(field, value, remark string) {
		if field != "" {
			out.Entries = append(out.Entries, Entry{Field: field, Value: value, Remark: remark})
		}
	}
	redirect := r.RedirectURI
	if redirect == "" {
		redirect = "Redirect URI"
	}
	add(redirect, p.CallbackURL(), "")
	add(r.PostLogoutRedirectURI, public+"/.cardea/signed-out", "")
	add(r.BackChannelLogoutURI, public+"/.cardea/backchannel-logout", p.unreachable())
	switch {
	case r.FrontChannelLogoutURI == "":
	case r.BackChannelLogoutURI == "":
		add(r.FrontChannelLogoutURI, public+"/.cardea/frontchannel-logout/"+ProviderID, "")
	default:
		out.Steps = append(out.Steps, "Leave “"+r.FrontChannelLogoutURI+"” empty: one of the two is enough, and with both some providers send only one.")
	}
	for _, step := range r.Steps {
		out.Steps = append(out.Steps, p.fill(step))
	}
	if step := p.Provider.Record.Refresh.Needs.AdminStep; step != "" {
		out.Steps = append(out.Steps, "So that people stay signed in: "+step+".")
	}
	if p.Provider.Record.Client.Auth != record.AuthNone && p.Credentials == (Credentials{}) {
		out.Steps = append(out.Steps, "Note the client's id, and its secret or key.")
	}
	return out
}

// unreachable warns of an address that only this machine reaches.
func (p Plan) unreachable() string {
	public, err := url.Parse(p.Place.PublicURL)
	issuer, ierr := url.Parse(p.Provider.Issuer)
	if err != nil || ierr != nil || !httpx.LoopbackHost(public.Hostname()) || httpx.LoopbackHost(issuer.Hostname()) {
		return ""
	}
	return "its server has to reach this address; from elsewhere, " + public.Hostname() + " is not this machine: leave it out until the gateway has a name of its own"
}

// fill puts the real values into a record's words.
func (p Plan) fill(s string) string {
	client := p.Credentials.ClientID
	if client == "" {
		client = "the client"
	}
	return record.Filled(s, p.Place.PublicURL, ProviderID, client)
}

// Write writes the registration for people.
func (r Registration) Write(b *strings.Builder) {
	if r.Console != "" {
		Paragraph(b, "   ", r.Console)
		b.WriteByte('\n')
	}
	for _, e := range r.Entries {
		Paragraph(b, "   ", e.Field)
		fmt.Fprintf(b, "       %s\n", e.Value) // never wrapped: it is copied
		if e.Remark != "" {
			Paragraph(b, "       ", "("+e.Remark+")")
		}
	}
	if len(r.Steps) > 0 {
		b.WriteByte('\n')
	}
	for _, s := range r.Steps {
		Paragraph(b, "   - ", s)
	}
}

// AppSetup is what to put into the app's own configuration, for people. What is to be copied
// stands on lines of its own.
func (p Plan) AppSetup(b *strings.Builder) {
	for _, s := range p.App.Preset.Setup {
		text, code, _ := strings.Cut(s, "\n")
		Paragraph(b, "   - ", text)
		for line := range strings.Lines(code) {
			fmt.Fprintf(b, "         %s\n", strings.TrimRight(line, "\n"))
		}
	}
}

// Paragraph writes text wrapped at 88 characters; what follows the first line hangs below
// its beginning.
func Paragraph(b *strings.Builder, begin, text string) {
	const width = 88
	line, hang, empty := begin, strings.Repeat(" ", utf8.RuneCountInString(begin)), true
	for word := range strings.FieldsSeq(text) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			b.WriteString(line + "\n")
			line, empty = hang, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	b.WriteString(line + "\n")
}

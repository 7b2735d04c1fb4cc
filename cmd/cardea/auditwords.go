package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/device"
)

// happened says what an event tells of, in a few words.
func happened(e audit.Event) string {
	switch e.Type {
	case audit.SessionOpened:
		if e.Detail["how"] == "renewed" {
			return "signed in again"
		}
	case audit.AdminActed:
		return "asked for " + cmp.Or(e.Detail["verb"], "an act")
	}
	return cmp.Or(inWords(e.Type), string(e.Type))
}

// inWords returns "" for a type of a later version.
func inWords(t audit.Type) string {
	return map[audit.Type]string{
		audit.SessionOpened:       "signed in",
		audit.SessionEnded:        "session ended",
		audit.SigninRefused:       "sign-in refused",
		audit.SigninRefusals:      "sign-ins refused, many",
		audit.ProviderNotice:      "sign-out told by provider",
		audit.BrowserReturned:     "signed out at the provider",
		audit.RefreshFailed:       "tokens not refreshed",
		audit.RefreshRecovered:    "tokens refreshed again",
		audit.RefreshRefused:      "refresh refused for good",
		audit.RefreshLost:         "tokens lost",
		audit.DeliveryDone:        "sign-out delivered",
		audit.DeliveryFailed:      "sign-out not delivered",
		audit.DeliveryCancelled:   "delivery not needed",
		audit.AccountCreated:      "account made",
		audit.AccountDisabled:     "account disabled",
		audit.AccountEnabled:      "account enabled",
		audit.AccountDeleting:     "deletion begun",
		audit.AccountDeleted:      "account deleted",
		audit.IdentityLinked:      "identity linked",
		audit.IdentityUnlinked:    "identity unlinked",
		audit.IdentityLinkRefused: "linking refused",
		audit.AvatarChanged:       "picture changed",
		audit.AdminActed:          "asked for an act",
		audit.ConfigLoaded:        "started",
		audit.ConfigChanged:       "configuration changed",
		audit.ConfigRefused:       "configuration refused",
		audit.BackupMade:          "backup made",
		audit.StoreRestored:       "store restored",
		audit.AuditSwept:          "old events removed",
		audit.EventsLost:          "events lost",
	}[t]
}

// actorOf is who did it: of operators which.
func actorOf(e audit.Event) string {
	if e.By != "" {
		return e.By
	}
	return e.Actor
}

// placeOf is where somebody sat, as far as it is kept.
func placeOf(p *audit.Personal) string {
	if p == nil {
		return ""
	}
	place := p.Address
	if d := deviceOf(p.UserAgent); d != "" {
		place = strings.TrimPrefix(place+", "+d, ", ")
	}
	return place
}

// deviceOf is short for a User-Agent: "Firefox on Linux".
func deviceOf(userAgent string) string {
	d := device.Read(userAgent)
	switch {
	case d.Browser != "" && d.System != "":
		return d.Browser + " on " + d.System
	case d.Browser != "" || d.System != "":
		return d.Browser + d.System
	}
	return ""
}

// trailTable prints events in columns.
type trailTable struct {
	table
	begun bool
}

// steady gives columns a width that most of what comes later fits into.
func (t *trailTable) steady() { t.widths = []int{6, 19, 24, 9, 12, 8, 32, 14} }

func (t *trailTable) print(out io.Writer, list []audit.Event) error {
	if !t.begun {
		t.begun = true
		t.row("SEQ", "TIME", "WHAT", "WHO", "ACCOUNT", "PROVIDER", "FROM", "WHY", "REFERENCE")
	}
	for _, e := range list {
		t.row(strconv.FormatInt(e.Seq, 10), e.At, happened(e), actorOf(e), cmp.Or(e.Handle, e.Account), e.Provider, placeOf(e.Personal), e.Cause, e.Incident)
	}
	return t.write(out)
}

// printLines prints events as they are exported.
func printLines(out io.Writer, list []audit.Event) error {
	var lines []byte
	for _, e := range list {
		var err error
		if lines, err = audit.AppendLine(lines, e); err != nil {
			return err
		}
	}
	_, err := out.Write(lines)
	return err
}

// eventFacts prints everything that is known of an event.
func eventFacts(out io.Writer, e audit.Event) error {
	d, _ := audit.Lookup(e.Type)
	var f facts
	f.add("event", strconv.FormatInt(e.Seq, 10))
	f.add("id", e.ID)
	f.add("when", e.At)
	f.add("what", fmt.Sprintf("%s (%s)", happened(e), e.Type))
	f.add("means", strings.ReplaceAll(d.Means, "`", ""))
	f.add("who", strings.TrimSpace(e.Actor+" "+e.By))
	f.add("handle", e.Handle)
	f.add("account", e.Account)
	f.add("session", e.Session)
	f.add("provider", e.Provider)
	f.add("app", e.App)
	f.add("cause", e.Cause)
	for _, w := range d.Causes {
		if w.Name == e.Cause {
			f.add("which means", strings.ReplaceAll(w.Means, "`", ""))
		}
	}
	f.add("reference", e.Incident)
	for _, key := range slices.Sorted(maps.Keys(e.Detail)) {
		f.add(safe(strings.ReplaceAll(key, "_", " "), maxCell), e.Detail[key])
	}
	if p := e.Personal; p != nil {
		f.add("issuer", p.Issuer)
		f.add("subject", p.Subject)
		f.add("e-mail", p.Email)
		f.add("name", p.Name)
		f.add("from", p.Address)
		f.add("device", deviceOf(p.UserAgent))
		f.add("browser says", p.UserAgent)
	}
	if err := f.write(out); err != nil || e.Incident == "" {
		return err
	}
	_, err := fmt.Fprintf(out, "\n\"cardea why %s\" says more, for 7 days\n", safe(e.Incident, maxCell))
	return err
}

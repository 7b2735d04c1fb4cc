package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/device"
	"github.com/cardea-auth/cardea/internal/strict"
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
		audit.SigninRefusals:      "many sign-ins refused",
		audit.AccessRefused:       "access to an app refused",
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
	*table
	begun bool
	wide  bool // with the type, and sessions' whole ids
}

func (r *reach) trailTable() *trailTable {
	return &trailTable{wide: r.wide, table: newTable(r.out(), yield{"SESSION", 0}, yield{"PROVIDER", 8}, yield{"FROM", 13}, yield{"REFERENCE", 0},
		yield{"WHO", 8}, yield{"ACCOUNT", 8}, yield{"WHAT", 16}, yield{"WHY", 13})}
}

// keep decides how wide columns are before anything is seen: what comes later stands
// under the headings.
func (t *trailTable) keep() {
	t.goesOn, t.steady = true, true
	t.widths = []int{6, 19, 25, 9, 20, 10, 32, 16, 16, 8}
	if t.screen == 0 {
		t.widths[6] = maxCell // an IPv6 address with a device
	}
	if t.wide {
		t.widths[9] = 26
		t.widths = append(t.widths, 22)
	}
}

func (t *trailTable) print(out io.Writer, list []audit.Event) error {
	if !t.begun {
		t.begun = true
		times := []time.Time{time.Now()}
		if len(list) > 0 {
			if t.steady {
				t.widths[0] = max(t.widths[0], len(strconv.FormatInt(list[len(list)-1].Seq, 10)))
			}
			times = []time.Time{list[0].At, list[len(list)-1].At}
		}
		if t.goesOn {
			times = append(times, time.Now())
		}
		t.line("SEQ", "TIME ("+zone(times...)+")", "WHAT", "WHO", "ACCOUNT", "PROVIDER", "FROM", "WHY", "REFERENCE", "SESSION", "TYPE")
	}
	for _, e := range list {
		session := e.Session
		if !t.wide {
			session = session[:min(len(session), shownOfSession)]
		}
		t.line(strconv.FormatInt(e.Seq, 10), e.At, happened(e), actorOf(e), personOf(e), e.Provider, placeOf(e.Personal), whyOf(e), e.Incident, session, string(e.Type))
	}
	return t.write(out)
}

// shownOfSession is how much of a session's id tells it from others.
const shownOfSession = 8

// line leaves the type out where it is not asked for.
func (t *trailTable) line(cells ...any) {
	if !t.wide {
		cells = cells[:len(cells)-1]
	}
	t.row(cells...)
}

// personOf is whose event it is: the e-mail address of whoever has no account.
func personOf(e audit.Event) string {
	name := cmp.Or(e.Handle, e.Account)
	if name == "" && e.Personal != nil {
		name = e.Personal.Email
	}
	return name
}

// whyOf is the cause; of configurations what changed or was wrong, and of an operator's
// act what it was about.
func whyOf(e audit.Event) string {
	switch e.Type {
	case audit.ConfigChanged, audit.ConfigRefused:
		return cmp.Or(e.Cause, e.Detail["reason"], e.Detail["changes"])
	case audit.AdminActed:
		filter := e.Detail["filter"]
		return cmp.Or(e.Cause, map[string]string{"all": "everybody", "account": "the account", "provider": "the provider", "app": "app " + e.App}[filter], filter)
	}
	return e.Cause
}

// fixTypes makes types of the words that tables show.
func fixTypes(q *admin.AuditQuery) error {
	for i, word := range q.Types {
		t, err := typeOf(word)
		if err != nil {
			return err
		}
		q.Types[i] = t
	}
	return nil
}

// typeOf reads a type, a kind, or the words of WHAT, also with dashes. What it does not
// know the gateway may: it can be of a later version.
func typeOf(word string) (string, error) {
	plain := func(text string) string {
		return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ' ' || r == '-' || r == '_' }), " ")
	}
	var near []string
	shown := map[string]audit.Type{"signed in again": audit.SessionOpened}
	for _, d := range audit.Types() {
		kind, _, _ := strings.Cut(string(d.Type), ".")
		if word == string(d.Type) || word == kind {
			return word, nil
		}
		near = append(near, string(d.Type), kind)
		shown[plain(inWords(d.Type))] = d.Type
	}
	if t, ok := shown[plain(word)]; ok {
		return string(t), nil
	}
	if strings.HasPrefix(plain(word), "asked for ") {
		return string(audit.AdminActed), nil
	}
	near = append(near, slices.Sorted(maps.Keys(shown))...)
	if t, ok := shown[strict.Nearest(word, near)]; ok {
		return "", usageError{fmt.Errorf("--type %q: no event is called so; did you mean %q, which is %s?", word, inWords(t), t)}
	}
	return word, nil
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
	f.add("when", moment(e.At)+" "+zone(e.At))
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

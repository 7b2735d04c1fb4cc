package web

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/device"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
)

const (
	shownDevices = 100
	// readDevices bounds how many sessions of one person are read to find the latest; the
	// rest is counted no further.
	readDevices = 2000
	shownEvents = 20
	// readEvents is how many events are read: those that say nothing new to a person are
	// left out.
	readEvents = 80
	// maxSubject bounds what is shown of a subject that stands for an e-mail address.
	maxSubject = 24
)

// accountView is everything that the page shows. Trouble with the picture or the trail
// leaves those out.
func (s *Server) accountView(q *request, x *session.Session) (pages.MyAccount, error) {
	person, err := s.o.Account.Store.Person(q.Context(), x.Account)
	if err != nil {
		return pages.MyAccount{}, fmt.Errorf("reading the account: %w", err)
	}
	devices, more, err := s.liveSessions(q, x)
	if err != nil {
		return pages.MyAccount{}, err
	}
	view := pages.MyAccount{
		Account: pages.Account{Name: person.Name, Email: person.Email}, Handle: person.Handle, Mark: x.PageMark(),
		Picture: s.pictureOf(q, x), Notice: pages.AccountNotice(q.URL.Query().Get("done")), More: more,
		NoticeOf: s.providers[q.URL.Query().Get("provider")].Name, Apps: s.appsOf(person, x),
		SignOut:    pages.Form{Action: ownPrefix + "/sign-out", Hidden: []pages.Field{{Name: "return", Value: accountPath}}},
		Everywhere: everywherePath, SelfURL: accountPath, Now: q.now,
	}
	if !s.recent(q, x) {
		view.Anew = s.providerName(x.Provider)
	}
	for _, i := range person.Identities {
		view.Identities = append(view.Identities, pages.AccountIdentity{
			Key: i.Key(), Provider: s.providerName(i.Provider), Label: labelOf(i), Linked: i.LinkedAt, Used: i.LastUsed,
			Current: i.Identity == x.Identity, Last: person.LastWay(i.Identity, s.configured), Unlink: s.accountForm(q, x, "unlink", "identity", i.Key()),
		})
	}
	slices.SortStableFunc(view.Identities, func(a, b pages.AccountIdentity) int { return cmp.Compare(order(!a.Current), order(!b.Current)) })
	for _, p := range s.o.Providers {
		if offered, another := linkOffered(person, x, p.ID); offered {
			view.Links = append(view.Links, pages.AccountLink{
				Provider: p.Name, Form: s.accountForm(q, x, "link", "provider", p.ID), Another: another,
			})
		}
	}
	for _, d := range devices {
		view.Devices = append(view.Devices, s.deviceView(q, x, d))
	}
	if s.o.Account.Pictures != nil {
		_, source, err := s.o.Avatars.Of(q.Context(), x.Account)
		view.OwnPicture = err == nil && source == account.PictureUpload
		view.Upload, view.MaxPicture = s.accountForm(q, x, "avatar", "", ""), s.o.Account.MaxPicture
		view.Remove = s.accountForm(q, x, "avatar-remove", "", "")
	}
	view.Events, view.NoEvents = s.recentEvents(q, x)
	view.Confirm = s.waitingAct(q, x, person, devices)
	return view, nil
}

// appsOf are the apps that take a provider of the person. An app on any of many hosts has
// no address to lead to.
func (s *Server) appsOf(p account.Person, x *session.Session) (list []pages.AccountApp) {
	for i := range s.o.Apps {
		a := &s.o.Apps[i]
		takes := func(provider string) bool { return slices.Contains(a.Providers, provider) }
		linked := func(i account.Identity) bool { return takes(i.Provider) }
		if !strings.Contains(string(a.Origin), "*") && (takes(x.Provider) || slices.ContainsFunc(p.Identities, linked)) {
			list = append(list, pages.AccountApp{App: a.page(), URL: string(a.Origin) + a.Path})
		}
	}
	return list
}

func order(late bool) int {
	if late {
		return 1
	}
	return 0
}

// labelOf says which of several identities at a provider it is.
func labelOf(i account.Identity) string {
	if i.Email != "" {
		return i.Email
	}
	subject := []rune(i.Subject)
	if len(subject) > maxSubject {
		return string(subject[:maxSubject]) + "…"
	}
	return i.Subject
}

// liveSessions are the person's sessions: this one, then the latest used.
func (s *Server) liveSessions(q *request, x *session.Session) (list []*session.Session, more int, err error) {
	f := session.Filter{Account: x.Account, Limit: 200}
	for len(list) < readDevices {
		page, err := s.o.Account.Store.List(q.Context(), f)
		if err != nil {
			return nil, 0, fmt.Errorf("listing the account's sessions: %w", err)
		}
		list = append(list, page...)
		if len(page) < f.Limit {
			break
		}
		f.After = page[len(page)-1].ID
	}
	list = slices.DeleteFunc(list, func(d *session.Session) bool {
		return d.ID == x.ID || !d.Limits.Within(d.CreatedAt, s.lastSeen(d), q.now) // about to be swept
	})
	slices.SortStableFunc(list, func(a, b *session.Session) int { return s.lastSeen(b).Compare(s.lastSeen(a)) })
	list = slices.Insert(list, 0, x)
	shown := min(len(list), shownDevices)
	return list[:shown], len(list) - shown, nil
}

func (s *Server) lastSeen(x *session.Session) time.Time {
	if seen := s.o.Seen(x.ID); seen.After(x.SeenAt) {
		return seen
	}
	return x.SeenAt
}

func (s *Server) deviceView(q *request, x, d *session.Session) pages.AccountDevice {
	view := pages.AccountDevice{
		Key: string(d.ID), Device: describe(d.UserAgent, d.Address, q.client.Addr.String()), Provider: s.providerName(d.Provider),
		First: d.CreatedAt, Last: s.lastSeen(d), This: d.ID == x.ID,
	}
	if view.This {
		view.Device = describe(d.UserAgent, d.Address, "")
		return view
	}
	view.SignOut = s.accountForm(q, x, "sign-out", "session", string(d.ID))
	return view
}

// describe says what a User-Agent and an address tell; asker is the address of whoever
// looks.
func describe(userAgent, address, asker string) pages.Device {
	d, place := device.Read(userAgent), device.Where(address, asker)
	return pages.Device{
		Browser: d.Browser, Version: d.Version, System: d.System, Form: string(d.Form),
		Place: string(place.Kind), Address: place.Address,
	}
}

// eventTypes are those that a person is told of.
var eventTypes = []audit.Type{
	audit.AccountCreated, audit.SessionOpened, audit.SessionEnded, audit.SigninRefused, audit.AccessRefused,
	audit.IdentityLinked, audit.IdentityUnlinked, audit.IdentityLinkRefused,
}

// recentEvents are the latest that the trail has of the account.
func (s *Server) recentEvents(q *request, x *session.Session) (list []pages.AccountEvent, missing bool) {
	found, err := s.o.Account.Store.AuditEvents(q.Context(), audit.Filter{Account: x.Account, Types: eventTypes, Newest: true, Limit: readEvents})
	if err != nil {
		level := slog.LevelWarn
		if q.Context().Err() != nil { // whoever asked has gone
			level = quiet
		}
		s.o.Logger.Log(q.Context(), level, "an account's events cannot be read", "err", err)
		return nil, true
	}
	// An end says nothing of the device; the sign-in before it does.
	opened := map[string]*audit.Personal{}
	for _, e := range found {
		if e.Type == audit.SessionOpened && e.Personal != nil {
			opened[e.Session] = e.Personal
		}
	}
	for _, e := range found {
		what := eventWord(e)
		if what == "" {
			continue
		}
		view := pages.AccountEvent{Key: strconv.FormatInt(e.Seq, 10), What: what, Provider: s.providerName(e.Provider), App: s.appName(e.App), At: e.At, Incident: e.Incident}
		if p := e.Personal; p != nil && (e.Type == audit.IdentityLinked || e.Type == audit.IdentityUnlinked) {
			view.Label = p.Email
		}
		from := e.Personal
		if e.Type == audit.SessionEnded {
			from = opened[e.Session]
		}
		if from != nil {
			view.Device = describe(from.UserAgent, from.Address, q.client.Addr.String())
		}
		if list = append(list, view); len(list) == shownEvents {
			break
		}
	}
	return list, false
}

// appName is what people know an app by; its id when it is not served any more.
func (s *Server) appName(id string) string {
	for i := range s.o.Apps {
		if a := &s.o.Apps[i]; a.Rules.ID == id {
			return cmp.Or(a.Name, a.Origin.Host())
		}
	}
	return id
}

// eventWord is what the page calls an event; "" for one that it leaves out.
func eventWord(e audit.Event) pages.AccountWord {
	switch e.Type {
	case audit.AccountCreated:
		return pages.WordCreated
	case audit.SessionOpened:
		if e.Detail["how"] == "renewed" {
			return pages.WordSignedAgain
		}
		return pages.WordSignedIn
	case audit.SessionEnded:
		if e.Cause == string(session.CauseRenewed) {
			return "" // the session goes on under another id
		}
		return pages.WordEnded + pages.AccountWord(e.Cause)
	case audit.SigninRefused:
		return pages.WordRefused
	case audit.AccessRefused:
		return pages.WordAccessRefused
	case audit.IdentityLinked:
		if e.Detail["how"] == account.HowAutomatic {
			return pages.WordLinkedAlone
		}
		return pages.WordLinked
	case audit.IdentityUnlinked:
		return pages.WordUnlinked
	case audit.IdentityLinkRefused:
		return pages.WordLinkRefused
	}
	return ""
}

// waitingAct is the act that a newer sign-in has made possible. The address names it and
// does nothing: what it names must be the person's own.
func (s *Server) waitingAct(q *request, x *session.Session, person account.Person, devices []*session.Session) *pages.AccountAct {
	query := q.URL.Query()
	of := query.Get("of")
	a := &pages.AccountAct{Kind: pages.AccountActKind(query.Get("act"))}
	switch a.Kind {
	case pages.ActLink:
		_, known := s.providers[of]
		if offered, _ := linkOffered(person, x, of); !known || !offered {
			return nil
		}
		a.Provider, a.Form = s.providerName(of), s.accountForm(q, x, "link", "provider", of)
	case pages.ActUnlink:
		i, ok := person.ByKey(of)
		if !ok || person.LastWay(i.Identity, s.configured) {
			return nil
		}
		a.Provider, a.Label, a.Form = s.providerName(i.Provider), labelOf(i), s.accountForm(q, x, "unlink", "identity", of)
		a.Current = i.Identity == x.Identity
	case pages.ActSignOut:
		i := slices.IndexFunc(devices, func(d *session.Session) bool { return string(d.ID) == of && d.ID != x.ID })
		if i < 0 {
			return nil
		}
		a.Device, a.Form = describe(devices[i].UserAgent, devices[i].Address, ""), s.accountForm(q, x, "sign-out", "session", of)
	default:
		return nil
	}
	return a
}

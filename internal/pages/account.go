package pages

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// MyAccount is the page of a person: who they are here, by what they sign in, where they
// are signed in, and what happened lately.
type MyAccount struct {
	Account    Account // an e-mail address only where it is believed
	Handle     string
	Mark       string // names the person that the page is made for: the script compares it
	Picture    string // path; "" shows the initial
	OwnPicture bool   // the person's own upload, which can be removed
	Notice     AccountNotice
	NoticeOf   string      // provider that the notice is about; may be empty
	Confirm    *AccountAct // what a newer sign-in has made possible
	Identities []AccountIdentity
	Links      []AccountLink
	Anew       string          // provider that asks for a newer sign-in before anything is linked, unlinked or signed out; "" nobody does
	Apps       []AccountApp    // that the person may use
	Devices    []AccountDevice // as they are to be shown; at most 100
	More       int             // devices that are not among them
	Events     []AccountEvent  // the newest first
	NoEvents   bool            // the trail could not be read
	SignOut    Form            // of this device
	Everywhere string          // path of the page that asks; "" leaves the link out
	Upload     Form            // multipart; takes a file named "picture"
	Remove     Form
	MaxPicture int64 // bytes
	SelfURL    string
	Now        time.Time
}

// AccountIdentity is a way to sign in.
type AccountIdentity struct {
	Key      string // names it among the others
	Provider string
	Label    string // e-mail address or subject, as the provider knows the person
	Linked   time.Time
	Used     time.Time
	Current  bool // it opened this session
	Last     bool // it cannot be unlinked
	Unlink   Form
}

// AccountLink offers a provider to be linked.
type AccountLink struct {
	Provider string
	Another  bool // one of it is linked already
	Form     Form
}

// AccountApp is an app that the person may go on to.
type AccountApp struct {
	App App
	URL string
}

// AccountDevice is a session that lives.
type AccountDevice struct {
	Key         string
	Device      Device
	Provider    string
	First, Last time.Time
	This        bool
	SignOut     Form
}

// Device is what is known of a device. Form is "desktop", "phone", "tablet" or "program";
// Place is "here", "same", "segment", "private" or "anywhere". Anything else is unknown.
type Device struct {
	Browser, Version, System, Form string
	Place, Address                 string
}

// AccountEvent is something that happened to the account.
type AccountEvent struct {
	Key      string
	What     AccountWord
	Provider string
	App      string // that it was about
	Label    string // of the identity that it was about
	Device   Device
	At       time.Time
	Incident string
}

// AccountActKind is an act that wants a recent sign-in.
type AccountActKind string

// Acts.
const (
	ActLink    AccountActKind = "link"
	ActUnlink  AccountActKind = "unlink"
	ActSignOut AccountActKind = "sign-out"
)

// AccountActs lists every act.
func AccountActs() []AccountActKind { return []AccountActKind{ActLink, ActUnlink, ActSignOut} }

// AccountAct is an act that waits for the person's word.
type AccountAct struct {
	Kind     AccountActKind
	Provider string
	Label    string // of the identity
	Current  bool   // the identity opened this session
	Device   Device
	Form     Form
}

// Account writes the page of a person.
func (p *Pages) Account(w http.ResponseWriter, r *http.Request, status int, v MyAccount) {
	l := p.locales.forRequest(r)
	view := p.accountView(l, v)
	p.write(w, r, status, l, page{
		template: "account", title: "account.title", ajar: true, wide: true, sheet: p.accountSheet, again: v.SelfURL, view: view,
		policy: policy{formAction: view.Self, keepOrigin: true, script: p.accountScript.hash, pictures: true},
	})
}

// accountView is what the template works with: everything cleaned, in words.
type accountView struct {
	Mark, Self     string
	Name, Initial  string
	Lines          []string
	Handle         template.HTML
	Picture        string
	Notice         template.HTML
	Bad            bool
	Confirm        *accountAsk
	Identities     []accountRow
	Links, Others  []*accountButton // of providers that are not linked yet, and of those that are
	Anew           template.HTML
	Apps           []accountApp
	Devices        []accountRow
	More           template.HTML
	Events         []accountRow
	NoEvents       bool
	SignOut        *accountButton
	Everywhere     string
	Upload, Remove *accountButton
	Limit          template.HTML
	Languages      []accountLanguage
	Script         template.HTML
}

// accountRow is a line of one of the lists.
type accountRow struct {
	Key, Form string
	Icon      string
	Title     template.HTML
	Label     string
	Facts     []template.HTML
	Tag       template.HTML
	This, Bad bool
	Button    *accountButton
	Ask       template.HTML // what opens before the button
	AskMore   template.HTML
	AskFirst  template.HTML // what comes before the act
	AskName   string
	Why       template.HTML // why there is no button
}

// accountButton is a form whose button says more to a screen reader than to the eye.
type accountButton struct {
	button
	Name  string // "" where the label says all
	Class string // beside "button"
}

type accountApp struct {
	Name template.HTML
	Host string
	URL  string
}

// accountAsk is the panel of an act that waits.
type accountAsk struct {
	Text   template.HTML
	More   template.HTML // what else it costs
	Button *accountButton
}

type accountLanguage struct {
	Tag, Name, URL string
	Current        bool
}

const (
	maxDevices = 100
	maxEvents  = 50
	maxApps    = 100
)

func (p *Pages) accountView(l localizer, v MyAccount) accountView {
	a := accountView{
		Mark: clean(v.Mark, maxName), Self: link(v.SelfURL), Picture: link(v.Picture), Everywhere: link(v.Everywhere),
		NoEvents: v.NoEvents, Script: p.accountScript.element,
	}
	a.Lines = v.Account.lines()
	a.Name = clean(v.Handle, maxName)
	if len(a.Lines) > 0 {
		a.Name, a.Lines = a.Lines[0], a.Lines[1:]
	}
	a.Initial = initial(a.Name)
	if v.Handle != "" {
		a.Handle = l.html("account.handle", params{"handle": v.Handle})
	}
	if slices.Contains(AccountNotices(), v.Notice) {
		a.Notice, a.Bad = l.html("account.notice."+string(v.Notice), params{"provider": v.NoticeOf}), v.Notice.bad()
	}
	a.Confirm = l.accountAsk(v.Confirm)
	for _, i := range v.Identities {
		a.Identities = append(a.Identities, l.identityRow(v.Now, i, v.Anew))
	}
	a.Anew = l.anew(v.Anew)
	for _, x := range v.Links {
		switch b := l.linkButton(x); {
		case b == nil:
		case x.Another:
			a.Others = append(a.Others, b)
		default:
			a.Links = append(a.Links, b)
		}
	}
	for _, x := range v.Apps[:min(len(v.Apps), maxApps)] {
		if to := link(x.URL); to != "" {
			a.Apps = append(a.Apps, accountApp{Name: l.html("account.app", params{"app": x.App.label()}), Host: clean(x.App.Host, maxName), URL: to})
		}
	}
	for _, d := range v.Devices[:min(len(v.Devices), maxDevices)] {
		a.Devices = append(a.Devices, l.deviceRow(v.Now, d))
	}
	if more := v.More + max(0, len(v.Devices)-maxDevices); more > 0 {
		a.More = l.count("account.devices.more", more, nil)
	}
	for _, e := range v.Events[:min(len(v.Events), maxEvents)] {
		a.Events = append(a.Events, l.eventRow(v.Now, e))
	}
	a.SignOut = newAccountButton("quiet small", v.SignOut, l.T("account.device.sign-out-here"), "")
	a.Upload = newAccountButton("quiet", v.Upload, l.T("account.picture.upload"), "")
	if v.OwnPicture {
		a.Remove = newAccountButton("quiet", v.Remove, l.T("account.picture.remove"), "")
	}
	if v.MaxPicture > 0 {
		a.Limit = l.html("account.picture.limit", params{"count": megabytes(v.MaxPicture)})
	}
	a.Languages = p.accountLanguages(l, v.SelfURL)
	return a
}

// megabytes is a number of bytes as people say it.
func megabytes(n int64) string { return strconv.FormatFloat(float64(n)/(1<<20), 'g', 3, 64) }

func (p *Pages) accountLanguages(l localizer, back string) []accountLanguage {
	var out []accountLanguage
	for _, other := range p.locales.written {
		query := url.Values{"to": {other.Short}}
		if back != "" {
			query.Set("return", back)
		}
		out = append(out, accountLanguage{
			Tag: other.Tag, Name: other.Own, URL: languagePath + "?" + query.Encode(), Current: other.Tag == l.Tag,
		})
	}
	return out
}

func newAccountButton(class string, f Form, label template.HTML, name string) *accountButton {
	b := newButton(f, label)
	if b == nil {
		return nil
	}
	return &accountButton{button: *b, Name: name, Class: class}
}

func (l localizer) linkButton(x AccountLink) *accountButton {
	key := "account.link"
	if x.Another {
		key = "account.link-another"
	}
	return newAccountButton("quiet", x.Form, l.html(key, params{"provider": x.Provider}), "")
}

// anew says that a provider asks for a newer sign-in first; "" where none does.
func (l localizer) anew(provider string) template.HTML {
	if provider == "" {
		return ""
	}
	return l.html("account.anew", params{"provider": provider})
}

func (l localizer) identityRow(now time.Time, i AccountIdentity, anew string) accountRow {
	ps := params{"provider": i.Provider, "label": i.Label}
	row := accountRow{
		Key: clean(i.Key, maxName), Title: l.html("account.provider", ps), Label: clean(i.Label, maxName), This: i.Current,
		Facts: l.facts(l.fact("account.identity.linked", now, i.Linked), l.fact("account.identity.used", now, i.Used)),
	}
	if i.Current {
		row.Tag = l.T("account.identity.current")
	}
	if i.Last {
		row.Why = l.T("account.identity.last")
		return row
	}
	name := "account.identity.unlink.name"
	if clean(i.Label, maxName) == "" {
		name = "account.identity.unlink.name-bare"
	}
	row.Button = newAccountButton("", i.Unlink, l.T("account.identity.unlink"), l.Plain(name, ps))
	row.Ask, row.AskName, row.AskFirst = l.html("account.identity.unlink.ask", ps), l.Plain(name, ps), l.anew(anew)
	if i.Current {
		row.AskMore = l.T("account.identity.unlink.here")
	}
	return row
}

func (l localizer) deviceRow(now time.Time, d AccountDevice) accountRow {
	row := accountRow{
		Key: clean(d.Key, maxName), Title: l.device(d.Device), This: d.This, Icon: d.Device.icon(),
		Facts: l.facts(l.form(d.Device), l.place(d.Device), l.signedIn(now, d), l.fact("account.device.last", now, d.Last)),
	}
	if d.This {
		row.Tag = l.T("account.device.this")
		return row
	}
	row.Button = newAccountButton("quiet small", d.SignOut, l.T("account.device.sign-out"),
		l.Plain("account.device.sign-out.name", params{"device": l.plainDevice(d.Device)}))
	return row
}

func (l localizer) eventRow(now time.Time, e AccountEvent) accountRow {
	what := AccountWordOther
	if slices.Contains(AccountWords(), e.What) {
		what = e.What
	}
	row := accountRow{
		Key: clean(e.Key, maxName), Title: l.html("account.event."+string(what), params{"provider": e.Provider, "app": e.App}),
		Label: clean(e.Label, maxName), Bad: what.bad(),
	}
	row.Facts = l.facts(l.when(now, e.At))
	if e.Device.known() {
		row.Facts = append(row.Facts, l.device(e.Device))
	}
	row.Facts = append(row.Facts, l.facts(l.place(e.Device))...)
	if ref := clean(e.Incident, maxName); ref != "" {
		row.Facts = append(row.Facts, l.html("account.event.reference", params{"reference": ref}))
	}
	return row
}

func (l localizer) accountAsk(a *AccountAct) *accountAsk {
	if a == nil || !slices.Contains(AccountActs(), a.Kind) {
		return nil
	}
	key := "account.confirm." + string(a.Kind)
	ps := params{"provider": a.Provider, "label": a.Label, "device": l.plainDevice(a.Device)}
	if a.Kind == ActUnlink && clean(a.Label, maxName) == "" {
		key += "-bare"
	}
	b := newAccountButton("", a.Form, l.html("account.confirm."+string(a.Kind)+".button", ps), "")
	if b == nil {
		return nil
	}
	ask := &accountAsk{Text: l.html(key, ps), Button: b}
	if a.Kind == ActUnlink && a.Current {
		ask.More = l.T("account.identity.unlink.here")
	}
	return ask
}

package pages

import (
	"html/template"
	"slices"
	"time"
)

// AccountNotice says what came of an act, at the top of the page that follows it. It is
// one word of a fixed list: an address that somebody made up says nothing.
type AccountNotice string

// Notices.
const (
	NoticeSignedOut        AccountNotice = "signed-out"         // the other device
	NoticeSignedOutBefore  AccountNotice = "already-signed-out" // it was signed out before
	NoticeNotDurable       AccountNotice = "not-durable"        // signed out, and not written down yet
	NoticeLinked           AccountNotice = "linked"
	NoticeLinkedBefore     AccountNotice = "already-linked"
	NoticeUnlinked         AccountNotice = "unlinked"
	NoticeUnlinkedBefore   AccountNotice = "already-unlinked"
	NoticeUnlinkUnfinished AccountNotice = "unlink-unfinished" // unlinked; some of its sessions live for a moment yet
	NoticeLast             AccountNotice = "last"
	NoticePicture          AccountNotice = "picture"
	NoticePictureRemoved   AccountNotice = "picture-removed"
	NoticePictureMissing   AccountNotice = "picture-missing" // no file was chosen
	NoticePictureTooLarge  AccountNotice = "picture-too-large"
	NoticePictureTooWide   AccountNotice = "picture-dimensions" // too many pixels
	NoticePictureUnfit     AccountNotice = "picture-unfit"
	NoticePictureBusy      AccountNotice = "picture-busy" // too many at once
)

// AccountNotices lists every notice.
func AccountNotices() []AccountNotice {
	return []AccountNotice{
		NoticeSignedOut, NoticeSignedOutBefore, NoticeNotDurable, NoticeLinked, NoticeLinkedBefore,
		NoticeUnlinked, NoticeUnlinkedBefore, NoticeUnlinkUnfinished, NoticeLast,
		NoticePicture, NoticePictureRemoved, NoticePictureMissing, NoticePictureTooLarge, NoticePictureTooWide, NoticePictureUnfit, NoticePictureBusy,
	}
}

// bad tells that what was asked for was not done, or not wholly.
func (n AccountNotice) bad() bool {
	return slices.Contains([]AccountNotice{
		NoticeNotDurable, NoticeUnlinkUnfinished, NoticeLast, NoticePictureMissing, NoticePictureTooLarge, NoticePictureTooWide,
		NoticePictureUnfit, NoticePictureBusy,
	}, n)
}

// AccountWord is what happened to an account.
type AccountWord string

// Words for what happened. Those that begin with "ended-" go on with a cause of package
// session.
const (
	WordCreated       AccountWord = "created"
	WordSignedIn      AccountWord = "signed-in"
	WordSignedAgain   AccountWord = "signed-in-again"
	WordRefused       AccountWord = "refused"
	WordAccessRefused AccountWord = "access-refused" // by an app's rules
	WordLinked        AccountWord = "linked"
	WordLinkedAlone   AccountWord = "linked-automatically"
	WordUnlinked      AccountWord = "unlinked"
	WordLinkRefused   AccountWord = "link-refused"
	WordPicture       AccountWord = "picture"
	WordEnded         AccountWord = "ended-" // and a cause
	AccountWordOther  AccountWord = "other"
)

// AccountWords lists every word.
func AccountWords() []AccountWord {
	list := []AccountWord{
		WordCreated, WordSignedIn, WordSignedAgain, WordRefused, WordAccessRefused, WordLinked, WordLinkedAlone, WordUnlinked, WordLinkRefused,
		WordPicture, AccountWordOther,
	}
	for _, cause := range []string{
		"button", "app", "everywhere", "admin", "back-channel", "front-channel", "expired", "refresh-refused", "unconfirmed",
		"access-withdrawn", "account", "identity", "provider", "other-account",
	} {
		list = append(list, WordEnded+AccountWord(cause))
	}
	return list
}

// bad marks what a person may want to look at twice.
func (w AccountWord) bad() bool {
	return w == WordRefused || w == WordAccessRefused || w == WordLinkRefused
}

// accountForms are the forms of a device that have a word.
var accountForms = [...]string{"desktop", "phone", "tablet"}

// program is the form of what is no browser; its name says so.
const program = "program"

// accountPlaces are the kinds of places that have words.
var accountPlaces = [...]string{"here", "same", "segment", "private", "anywhere"}

func (d Device) known() bool {
	return clean(d.Browser, maxName) != "" || clean(d.System, maxName) != ""
}

func (d Device) icon() string {
	if slices.Contains(accountForms[:], d.Form) || d.Form == program {
		return d.Form
	}
	return "unknown"
}

// name is the product with its version.
func (d Device) name() string {
	name := clean(d.Browser, maxName)
	if v := clean(d.Version, 8); name != "" && v != "" {
		name += " " + v
	}
	return name
}

// text says what is known of a device, by key and parameters.
func (d Device) text() (string, params) {
	ps := params{"browser": d.name(), "system": d.System}
	switch browser, system := ps["browser"] != "", clean(d.System, maxName) != ""; {
	case browser && d.Form == program:
		return "account.device.program", ps
	case browser && system:
		return "account.device.both", ps
	case browser:
		return "account.device.browser", ps
	case system:
		return "account.device.system", ps
	}
	return "account.device.unknown", nil
}

func (l localizer) device(d Device) template.HTML {
	key, ps := d.text()
	return l.html(key, ps)
}

func (l localizer) plainDevice(d Device) string {
	key, ps := d.text()
	return l.Plain(key, ps)
}

func (l localizer) form(d Device) template.HTML {
	if !slices.Contains(accountForms[:], d.Form) {
		return ""
	}
	return l.T("account.form." + d.Form)
}

func (l localizer) place(d Device) template.HTML {
	if clean(d.Address, maxName) == "" || !slices.Contains(accountPlaces[:], d.Place) {
		return ""
	}
	return l.html("account.place."+d.Place, params{"address": d.Address})
}

// facts leaves out what is not known.
func (l localizer) facts(list ...template.HTML) []template.HTML {
	return slices.DeleteFunc(list, func(f template.HTML) bool { return f == "" })
}

// fact says when something was.
func (l localizer) fact(key string, now, at time.Time) template.HTML {
	if at.IsZero() {
		return ""
	}
	return l.T(key) + template.HTML(l.Gap) + l.when(now, at)
}

// signedIn says where and when the session began.
func (l localizer) signedIn(now time.Time, d AccountDevice) template.HTML {
	if d.First.IsZero() {
		return l.html("account.event.signed-in", params{"provider": d.Provider})
	}
	return l.html("account.device.provider", params{"provider": d.Provider}) + template.HTML(l.Gap) + l.when(now, d.First)
}

// when says in words how long ago something was, with the exact time in the element. A
// time that is to come, by a clock that jumped, was just now.
func (l localizer) when(now, at time.Time) template.HTML {
	if at.IsZero() {
		return ""
	}
	at = at.UTC()
	return template.HTML(`<time datetime="`+at.Format(time.RFC3339)+`" title="`+at.Format("2006-01-02 15:04:05")+` UTC">`) +
		l.ago(now, at) + "</time>"
}

func (l localizer) ago(now, at time.Time) template.HTML {
	const day = 24 * time.Hour
	switch d := now.Sub(at); {
	case d < time.Minute:
		return l.T("account.ago.now")
	case d < time.Hour:
		return l.count("account.ago.minutes", int(d/time.Minute), nil)
	case d < day:
		return l.count("account.ago.hours", int(d/time.Hour), nil)
	case d < 30*day:
		return l.count("account.ago.days", int(d/day), nil)
	}
	return template.HTML(at.Format(time.DateOnly))
}

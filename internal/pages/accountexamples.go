package pages

import (
	"net/http"
	"strings"
	"time"
)

// exampleNow is when the example pages are looked at.
func exampleNow() time.Time { return time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC) }

func exampleForm(act, name, value string) Form {
	return Form{Action: "/.cardea/account/" + act, Hidden: []Field{{"token", "AAAAAGkh"}, {name, value}}}
}

// accountExamples is a person's page as most are, one that is as empty as it can be, and
// one of a person whose names and devices are hostile.
func accountExamples() []Example {
	return []Example{
		{"account", func(p *Pages, w http.ResponseWriter, r *http.Request) { p.Account(w, r, 200, exampleAccount()) }},
		{"account-confirm", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			v := exampleAccount()
			v.Notice, v.Picture, v.OwnPicture = NoticeLast, "", false
			v.Confirm = &AccountAct{Kind: ActUnlink, Provider: "Studio ID", Label: "mlindqvist", Current: true, Form: exampleForm("unlink", "identity", "k2")}
			v.Identities, v.Devices, v.Events = v.Identities[:1], v.Devices[:1], nil
			v.Identities[0].Last, v.More, v.NoEvents = true, 3, true
			p.Account(w, r, 200, v)
		}},
		{"account-bare", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Account(w, r, 200, MyAccount{Handle: "m", SelfURL: "/.cardea/account", Now: exampleNow(), Devices: []AccountDevice{{Key: "s", This: true}},
				SignOut: Form{Action: "/.cardea/sign-out"}})
		}},
		{"account-odd", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			v := exampleAccount()
			v.Anew = strings.Repeat("Acme ID ", 30)
			v.Account.Name = strings.Repeat("\u202eمحمد بن عبد الرحمن ", 40)
			v.Handle = strings.Repeat("rindfleischetikettierung", 20)
			v.Identities[0].Label = strings.Repeat("x", 200) + "@acme.example"
			v.Devices[1].Device = Device{Browser: strings.Repeat("W", 300), System: "\x1b[31mred\x07"}
			p.Account(w, r, 200, v)
		}},
	}
}

func exampleAccount() MyAccount {
	now := exampleNow()
	laptop := Device{Browser: "Firefox", Version: "143", System: "Windows", Form: "desktop", Place: "private", Address: "192.168.1.20"}
	phone := Device{Browser: "Safari", Version: "18", System: "iOS", Form: "phone", Place: "same", Address: "192.168.1.77"}
	tool := Device{Browser: "curl", Version: "8", Form: "program", Place: "anywhere", Address: "2001:db8:1:3::5"}
	return MyAccount{
		Apps:    []AccountApp{{App: exampleApp(), URL: "https://chat.acme.example/"}, {App: App{Name: "Notebooks", Host: "lab.acme.example"}, URL: "https://lab.acme.example/hub/"}},
		Account: Account{Name: "Maria Lindqvist", Email: "maria@acme.example"}, Handle: "maria", Mark: "m4rk", Picture: "/.cardea/avatar/h",
		OwnPicture: true, Notice: NoticeSignedOut, SelfURL: "/.cardea/account", Everywhere: "/.cardea/account/sign-out-everywhere",
		SignOut: Form{Action: "/.cardea/sign-out", Hidden: []Field{{"return", "/.cardea/account"}}},
		Upload:  exampleForm("avatar", "act", "set"), Remove: exampleForm("avatar-remove", "act", "remove"), MaxPicture: 2 << 20, Now: now,
		Identities: []AccountIdentity{
			{Key: "k1", Provider: "Acme ID", Label: "maria@acme.example", Linked: now.Add(-200 * 24 * time.Hour), Used: now.Add(-2 * time.Hour), Current: true, Unlink: exampleForm("unlink", "identity", "k1")},
			{Key: "k2", Provider: "Studio ID", Label: "mlindqvist", Linked: now.Add(-26 * time.Hour), Used: now.Add(-25 * time.Hour), Unlink: exampleForm("unlink", "identity", "k2")},
		},
		Links: []AccountLink{{Provider: "Campus", Form: exampleForm("link", "provider", "campus")}, {Provider: "Studio ID", Another: true, Form: exampleForm("link", "provider", "studio")}},
		Devices: []AccountDevice{
			{Key: "s1", Device: laptop, Provider: "Acme ID", First: now.Add(-2 * time.Hour), Last: now, This: true},
			{Key: "s2", Device: phone, Provider: "Studio ID", First: now.Add(-25 * time.Hour), Last: now.Add(-7 * time.Minute), SignOut: exampleForm("sign-out", "session", "s2")},
			{Key: "s3", Device: tool, Provider: "Acme ID", First: now.Add(-40 * 24 * time.Hour), Last: now.Add(-9 * 24 * time.Hour), SignOut: exampleForm("sign-out", "session", "s3")},
		},
		Events: []AccountEvent{
			{Key: "e5", What: WordEnded + "everywhere", Provider: "Acme ID", At: now.Add(-time.Minute)},
			{Key: "e4", What: WordSignedIn, Provider: "Acme ID", Device: laptop, At: now.Add(-2 * time.Hour)},
			{Key: "e3", What: WordRefused, Provider: "Campus", Device: tool, At: now.Add(-5 * time.Hour), Incident: "7QK3-M9XD"},
			{Key: "e2", What: WordLinked, Provider: "Studio ID", Label: "mlindqvist", Device: phone, At: now.Add(-26 * time.Hour)},
			{Key: "e1", What: WordCreated, Provider: "Acme ID", Device: laptop, At: now.Add(-200 * 24 * time.Hour)},
		},
	}
}

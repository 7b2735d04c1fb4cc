package pages

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// accountKeys are the texts of the account page that no template names.
func accountKeys() []string {
	keys := []string{
		"account.title", "account.open", "account.handle", "account.provider", "account.link", "account.link-another",
		"account.device.both", "account.device.browser", "account.device.program", "account.device.system", "account.device.unknown",
		"account.device.this", "account.device.provider", "account.device.last", "account.device.sign-out",
		"account.device.sign-out.name", "account.device.sign-out-here", "account.devices.more.one", "account.devices.more.other",
		"account.event.reference", "account.identity.current", "account.identity.last", "account.identity.linked", "account.identity.used",
		"account.identity.unlink", "account.identity.unlink.name", "account.identity.unlink.name-bare", "account.identity.unlink.ask",
		"account.identity.unlink.here", "account.picture.upload", "account.picture.remove", "account.picture.limit", "account.ago.now",
		"account.confirm.unlink-bare", "account.anew", "account.app",
	}
	for _, unit := range []string{"minutes", "hours", "days"} {
		keys = append(keys, "account.ago."+unit+".one", "account.ago."+unit+".other")
	}
	for _, n := range AccountNotices() {
		keys = append(keys, "account.notice."+string(n))
	}
	for _, w := range AccountWords() {
		keys = append(keys, "account.event."+string(w))
	}
	for _, a := range AccountActs() {
		keys = append(keys, "account.confirm."+string(a), "account.confirm."+string(a)+".button")
	}
	for _, f := range accountForms {
		keys = append(keys, "account.form."+f)
	}
	for _, p := range accountPlaces {
		keys = append(keys, "account.place."+p)
	}
	return keys
}

func account(t *testing.T, lang string, v MyAccount) string {
	t.Helper()
	w := httptest.NewRecorder()
	newPages(t, Options{}).Account(w, request("GET", lang), 200, v)
	if w.Code != 200 {
		t.Fatalf("%d\n%s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestTheAccountPageNamesItsButtonsMarksThisDeviceAndSaysWhyTheLastWayStays(t *testing.T) {
	v := exampleAccount()
	body := account(t, "en", v)
	for _, want := range []string{
		`aria-label="Sign out Safari 18 on iOS"`, `aria-label="Sign out curl 8, a program"`, `aria-label="Unlink mlindqvist at Studio ID"`,
		`<li data-key="s1" class="this" aria-current="true">`, `<span class="tag">This device</span>`, `<span class="tag">Used for this session</span>`,
		`<strong>This session is one of them: you are signed out here too.</strong>`, `role="status"`, `alt="Your picture"`,
		`Same network as this device, <bdi>192.168.1.77</bdi>`, `Reference <bdi>7QK3-M9XD</bdi>`, `action="/.cardea/sign-out"`,
		`<time datetime="2026-11-22T09:23:00Z" title="2026-11-22 09:23:00 UTC">7 minutes ago</time>`, `lang="zh-Hans" hreflang="zh-Hans">中文`,
		`enctype="multipart/form-data"`, `up to 2 MB`, `<label for="file">`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	v.Identities = v.Identities[:1]
	v.Identities[0].Last = true
	body = account(t, "zh", v)
	if !strings.Contains(body, "这是登录您账号的唯一方式，因此不能解除") || strings.Contains(body, "/.cardea/account/unlink") {
		t.Error("the last way to sign in does not say why it stays")
	}
}

func TestHeadingsAreInOrderAndEveryListControlAndPictureHasAName(t *testing.T) {
	for _, e := range accountExamples() {
		w := httptest.NewRecorder()
		e.Write(newPages(t, Options{}), w, request("GET", "en"))
		doc, err := html.Parse(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		ids, refs, h1 := map[string]bool{}, []string{}, 0
		var walk func(*html.Node)
		walk = func(n *html.Node) {
			at := map[string]string{}
			for _, a := range n.Attr {
				at[a.Key] = a.Val
			}
			if id := at["id"]; id != "" {
				if ids[id] {
					t.Errorf("%s: id %s twice", e.Name, id)
				}
				ids[id] = true
			}
			for _, ref := range []string{"aria-labelledby", "aria-describedby", "for"} {
				if at[ref] != "" {
					refs = append(refs, at[ref])
				}
			}
			switch n.Data {
			case "h1":
				h1++
			case "h3", "h4":
				t.Errorf("%s: a heading that skips", e.Name)
			case "section":
				if at["aria-labelledby"] == "" {
					t.Errorf("%s: a section without a name", e.Name)
				}
			case "img":
				if at["alt"] == "" || at["width"] == "" {
					t.Errorf("%s: a picture without words or size", e.Name)
				}
			case "button", "summary":
				if at["aria-label"] == "" && strings.TrimSpace(textOf(n)) == "" {
					t.Errorf("%s: a control without a name", e.Name)
				}
				if said, seen := at["aria-label"], textOf(n); said != "" && !strings.Contains(said, seen) {
					t.Errorf("%s: %q is called %q", e.Name, seen, said)
				}
			}
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				walk(c)
			}
		}
		walk(doc)
		for _, ref := range refs {
			if !ids[ref] {
				t.Errorf("%s: nothing has the id %s", e.Name, ref)
			}
		}
		if h1 != 1 {
			t.Errorf("%s: %d first headings", e.Name, h1)
		}
	}
}

func textOf(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(textOf(c))
	}
	return b.String()
}

func TestTimesAreToldInWords(t *testing.T) {
	p := newPages(t, Options{})
	now := exampleNow()
	for _, c := range []struct {
		ago    time.Duration
		en, zh string
	}{
		{-time.Hour, "just now", "刚刚"},
		{59 * time.Second, "just now", "刚刚"},
		{time.Minute, "a minute ago", "1 分钟前"},
		{59 * time.Minute, "59 minutes ago", "59 分钟前"},
		{119 * time.Minute, "an hour ago", "1 小时前"},
		{23 * time.Hour, "23 hours ago", "23 小时前"},
		{24 * time.Hour, "a day ago", "1 天前"},
		{29 * 24 * time.Hour, "29 days ago", "29 天前"},
		{31 * 24 * time.Hour, "2026-10-22", "2026-10-22"},
	} {
		for i, want := range []string{c.en, c.zh} {
			if got := string(p.locales.all[i].ago(now, now.Add(-c.ago))); got != want {
				t.Errorf("%v: %q, want %q", c.ago, got, want)
			}
		}
	}
	if got := p.locales.all[0].when(now, time.Time{}); got != "" {
		t.Errorf("no time is %q", got)
	}
}

func TestAnUnknownNoticeSaysNothingAndAnUnknownActAsksNothing(t *testing.T) {
	v := exampleAccount()
	v.Notice, v.Confirm = "You have won", &AccountAct{Kind: "delete", Form: exampleForm("x", "a", "b")}
	body := account(t, "en", v)
	if strings.Contains(body, "won") || strings.Contains(body, `class="notice`) || strings.Contains(body, `class="ask"`) {
		t.Error("an address can put words on the page")
	}
	for _, n := range AccountNotices() {
		v.Notice = n
		if body := account(t, "en", v); strings.Contains(body, `class="notice bad"`) != n.bad() {
			t.Errorf("%s is told in the wrong tone", n)
		}
	}
}

func TestMoreDevicesThanFitAreCounted(t *testing.T) {
	v := exampleAccount()
	for range 150 {
		v.Devices = append(v.Devices, v.Devices[1])
	}
	v.More = 7
	body := account(t, "en", v)
	if n := strings.Count(body, "/.cardea/account/sign-out\""); n != 99 {
		t.Errorf("%d devices can be signed out", n)
	}
	if !strings.Contains(body, "60 more devices are signed in that are not shown here") {
		t.Error("those that are not shown are not counted")
	}
}

func TestTheAccountPagesScriptIsOneShortPieceWithoutComments(t *testing.T) {
	for _, e := range accountExamples() {
		w := httptest.NewRecorder()
		e.Write(newPages(t, Options{}), w, request("GET", "zh"))
		body := w.Body.String()
		if strings.Count(body, "<script>") != 1 || strings.Count(body, "</script>") != 1 {
			t.Errorf("%s: not one script", e.Name)
		}
		if n := w.Body.Len(); n > 40<<10 {
			t.Errorf("%s has %d bytes", e.Name, n)
		}
		for _, bad := range []string{" style=", " onclick", "javascript:", "@import", "url("} {
			if strings.Contains(body, bad) {
				t.Errorf("%s contains %s", e.Name, bad)
			}
		}
	}
	script := compactScript(accountSource)
	if strings.Contains(script, "//") || strings.Contains(script, "\t") || strings.Contains(script, "innerHTML = '") || len(script) > 8<<10 {
		t.Errorf("the script has %d bytes, comments, or text as markup", len(script))
	}
}

func TestInChineseNoBlankStandsBeforeWordsOfItsOwn(t *testing.T) {
	ls, err := loadLocales()
	if err != nil {
		t.Fatal(err)
	}
	zh, _ := ls.named("zh")
	for app, want := range map[string]string{"": "您无权访问此应用", "Chat": "您无权访问 Chat"} {
		if got := zh.Plain("denied.title", params{"app": app}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if body := account(t, "zh", exampleAccount()); strings.Contains(body, "： <time") || !strings.Contains(body, "最近活动：<time") {
		t.Error("a blank stands before a time")
	}
	en, _ := ls.named("en")
	if got := en.Plain("denied.title", nil); !strings.HasSuffix(got, " this app") {
		t.Errorf("%q", got)
	}
}

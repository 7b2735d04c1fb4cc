package device

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// agents are headers as real browsers and programs send them.
var agents = []struct {
	name, header string
	want         Device
}{
	{"Chrome on Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36", Device{"Chrome", "141", "Windows", Desktop}},
	{"Chrome on macOS", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36", Device{"Chrome", "141", "macOS", Desktop}},
	{"Chrome on Linux", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", Device{"Chrome", "140", "Linux", Desktop}},
	{"Chrome on ChromeOS", "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36", Device{"Chrome", "139", "ChromeOS", Desktop}},
	{"Chrome on an Android phone", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36", Device{"Chrome", "141", "Android", Phone}},
	{"Chrome on an Android tablet", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36", Device{"Chrome", "141", "Android", Tablet}},
	{"Chrome on an iPhone", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/141.0.7390.26 Mobile/15E148 Safari/604.1", Device{"Chrome", "141", "iOS", Phone}},
	{"Chromium of Ubuntu", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Ubuntu Chromium/83.0.4103.97 Chrome/83.0.4103.97 Safari/537.36", Device{"Chromium", "83", "Linux", Desktop}},
	{"Chrome without a window", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36", Device{"Headless Chrome", "141", "Linux", Desktop}},
	{"Android's web view", "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UD1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0.6099.43 Mobile Safari/537.36", Device{"Chrome", "120", "Android", Phone}},
	{"Firefox on Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0", Device{"Firefox", "143", "Windows", Desktop}},
	{"Firefox on macOS", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0", Device{"Firefox", "143", "macOS", Desktop}},
	{"Firefox on Ubuntu", "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", Device{"Firefox", "143", "Linux", Desktop}},
	{"Firefox on FreeBSD", "Mozilla/5.0 (X11; FreeBSD amd64; rv:128.0) Gecko/20100101 Firefox/128.0", Device{"Firefox", "128", "FreeBSD", Desktop}},
	{"Firefox on an Android phone", "Mozilla/5.0 (Android 15; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0", Device{"Firefox", "143", "Android", Phone}},
	{"Firefox on an Android tablet", "Mozilla/5.0 (Android 15; Tablet; rv:143.0) Gecko/143.0 Firefox/143.0", Device{"Firefox", "143", "Android", Tablet}},
	{"Firefox on an iPhone", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/143.0 Mobile/15E148 Safari/605.1.15", Device{"Firefox", "143", "iOS", Phone}},
	{"Safari on macOS", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15", Device{"Safari", "26", "macOS", Desktop}},
	{"Safari on an iPhone", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1", Device{"Safari", "18", "iOS", Phone}},
	{"Safari on an iPad", "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1", Device{"Safari", "17", "iPadOS", Tablet}},
	{"Edge on Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0", Device{"Edge", "141", "Windows", Desktop}},
	{"Edge on an Android phone", "Mozilla/5.0 (Linux; Android 10; HD1913) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.7390.44 Mobile Safari/537.36 EdgA/141.0.3537.57", Device{"Edge", "141", "Android", Phone}},
	{"Edge on an iPhone", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 EdgiOS/141.0.3537.57 Mobile/15E148 Safari/604.1", Device{"Edge", "141", "iOS", Phone}},
	{"the first Edge", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/70.0.3538.102 Safari/537.36 Edge/18.19582", Device{"Edge", "18", "Windows", Desktop}},
	{"Internet Explorer 11", "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", Device{"Internet Explorer", "11", "Windows", Desktop}},
	{"Internet Explorer 9", "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0)", Device{"Internet Explorer", "9", "Windows", Desktop}},
	{"Opera on Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/122.0.0.0", Device{"Opera", "122", "Windows", Desktop}},
	{"the old Opera", "Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18", Device{"Opera", "12", "Windows", Desktop}},
	{"Samsung Internet", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", Device{"Samsung Internet", "28", "Android", Phone}},
	{"Vivaldi", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Vivaldi/7.6.3797.52", Device{"Vivaldi", "7", "Linux", Desktop}},
	{"Yandex Browser", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 YaBrowser/25.8.0.0 Safari/537.36", Device{"Yandex Browser", "25", "Windows", Desktop}},
	{"UC Browser", "Mozilla/5.0 (Linux; U; Android 13; zh-CN; 22041211AC Build/TP1A) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/100.0.4896.58 UCBrowser/16.5.9.1310 Mobile Safari/537.36", Device{"UC Browser", "16", "Android", Phone}},
	{"WeChat", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/zh_CN", Device{"WeChat", "8", "iOS", Phone}},
	{"HarmonyOS", "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1 Mobile HuaweiBrowser/5.0.4.300", Device{"Huawei Browser", "5", "HarmonyOS", Phone}},
	{"Mi Browser", "Mozilla/5.0 (Linux; U; Android 14; zh-cn; 23127PN0CC Build/UKQ1) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/109.0.5414.118 Mobile Safari/537.36 XiaoMi/MiuiBrowser/18.5.40902", Device{"Mi Browser", "18", "Android", Phone}},
	{"DuckDuckGo", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15 Ddg/18.4", Device{"DuckDuckGo", "18", "macOS", Desktop}},
	{"an app made with Electron", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Code/1.104.0 Chrome/138.0.7204.235 Electron/37.3.1 Safari/537.36", Device{"Electron", "37", "Linux", Desktop}},
	{"the Google app", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/330.0.661417908 Mobile/15E148 Safari/604.1", Device{"Google app", "330", "iOS", Phone}},
	{"Facebook", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21F90 [FBAN/FBIOS;FBAV/469.0.0.36;FBBV/614;FBDV/iPhone14,5]", Device{"Facebook", "469", "iOS", Phone}},
	{"GNOME Web", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15 Epiphany/605.1.15", Device{"GNOME Web", "17", "Linux", Desktop}},
	{"a Windows phone", "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15063", Device{"Edge", "15", "Windows Phone", Phone}},
	{"curl", "curl/8.14.1", Device{"curl", "8", "", Program}},
	{"Wget", "Wget/1.25.0 (linux-gnu)", Device{"Wget", "1", "", Program}},
	{"Python", "python-requests/2.32.4", Device{"Python", "2", "", Program}},
	{"Go", "Go-http-client/2.0", Device{"Go", "2", "", Program}},
	{"PowerShell", "Mozilla/5.0 (Windows NT 10.0; Microsoft Windows 10.0.22631; en-US) PowerShell/7.4.2", Device{"PowerShell", "7", "Windows", Program}},
	{"a program of somebody's", "acme-sync/3.1 (build 77)", Device{"acme-sync", "3", "", Program}},
}

func TestDevicesAreRecognisedByWhatTheirBrowsersSend(t *testing.T) {
	for _, c := range agents {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Read(c.header)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestWhatIsNotToldIsNotMadeUp(t *testing.T) {
	for _, header := range []string{
		"", " ", "Mozilla/5.0", "Mozilla/5.0 ()", "/", "/1", "Chrome", "(xChrome/1 yFirefox/2)", "<script>/1", "a b/1",
		strings.Repeat("(", 1<<16), strings.Repeat("Chrom", 1<<14), strings.Repeat("a", 33) + "/1", "\u202eFirefox\u202c/1", "\xff\xfe/1",
	} {
		if got := Read(header); got != (Device{}) {
			t.Errorf("%.40q: %+v", header, got)
		}
	}
	got := Read("Mozilla/5.0 (Windows NT 10.0) Chrome/99999999999999999999 Safari/1")
	if got != (Device{Browser: "Chrome", System: "Windows", Form: Desktop}) {
		t.Errorf("an endless version: %+v", got)
	}
}

func TestPlacesAreNamedByWhatAnAddressTells(t *testing.T) {
	for _, c := range []struct {
		address, asker string
		want           Place
	}{
		{"127.0.0.1", "", Place{Here, "127.0.0.1"}},
		{"::1", "203.0.113.7", Place{Here, "::1"}},
		{"::ffff:127.0.0.1", "127.0.0.1", Place{Here, "127.0.0.1"}},
		{"203.0.113.7", "203.0.113.7", Place{Same, "203.0.113.7"}},
		{"::ffff:203.0.113.7", "203.0.113.7", Place{Same, "203.0.113.7"}},
		{"203.0.113.7", "203.0.113.8", Place{Anywhere, "203.0.113.7"}},
		{"203.0.113.7", "", Place{Anywhere, "203.0.113.7"}},
		{"2001:db8:1:2::5", "2001:db8:1:2:aaaa::9", Place{Same, "2001:db8:1:2::5"}},
		{"2001:db8:1:3::5", "2001:db8:1:2::5", Place{Anywhere, "2001:db8:1:3::5"}},
		{"2001:db8::5", "203.0.113.7", Place{Anywhere, "2001:db8::5"}},
		{"192.168.1.20", "192.168.1.77", Place{Same, "192.168.1.20"}},
		{"192.168.1.20", "192.168.2.77", Place{Private, "192.168.1.20"}},
		{"10.1.2.3", "203.0.113.7", Place{Private, "10.1.2.3"}},
		{"fd00::5", "", Place{Private, "fd00::5"}},
		{"169.254.3.4", "", Place{Segment, "169.254.3.4"}},
		{"fe80::1%eth0", "", Place{Segment, "fe80::1"}},
		{"100.64.1.1", "", Place{Anywhere, "100.64.1.1"}},
		{"0.0.0.0", "", Place{}},
		{"224.0.0.1", "", Place{}},
		{"", "", Place{}},
		{"somewhere", "", Place{}},
		{"203.0.113.7:443", "", Place{}},
		{strings.Repeat("1", 1<<16), "", Place{}},
	} {
		if diff := cmp.Diff(c.want, Where(c.address, c.asker)); diff != "" {
			t.Errorf("%.40s as seen from %s (-want +got)\n%s", c.address, c.asker, diff)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, c := range agents {
		f.Add(c.header)
	}
	names := map[string]bool{"": true}
	for _, b := range browsers {
		names[b.name] = true
	}
	for _, p := range programs {
		names[p.name] = true
	}
	f.Fuzz(func(t *testing.T, header string) {
		d := Read(header)
		if !names[d.Browser] && (d.Form != Program || len(d.Browser) > maxProgram || strings.IndexFunc(d.Browser, notOfName) >= 0) {
			t.Errorf("browser %q", d.Browser)
		}
		if len(d.Version) > maxVersion || strings.Trim(d.Version, "0123456789") != "" {
			t.Errorf("version %q", d.Version)
		}
		if d != Read(header) {
			t.Error("two readings differ")
		}
	})
}

func FuzzWhere(f *testing.F) {
	f.Add("203.0.113.7", "203.0.113.7")
	f.Add("fe80::1%eth0", "::ffff:10.0.0.1")
	f.Fuzz(func(t *testing.T, address, asker string) {
		p := Where(address, asker)
		if (p.Kind == "") != (p.Address == "") || !utf8.ValidString(p.Address) || strings.ContainsAny(p.Address, "%<> ") {
			t.Errorf("%+v", p)
		}
		if again := Where(p.Address, ""); p.Address != "" && again.Address != p.Address {
			t.Errorf("%q becomes %q", p.Address, again.Address)
		}
	})
}

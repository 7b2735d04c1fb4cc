package device

// browser is a row of the table: the product token that names it, and another text that
// must be there too.
type browser struct{ token, with, name string }

// browsers stand in the order in which they are looked for: whoever is built on another
// browser names that one as well, and nearly all name Chrome and Safari.
var browsers = [...]browser{
	// Apps that show pages in themselves.
	{token: "MicroMessenger/", name: "WeChat"},
	{token: "DingTalk/", name: "DingTalk"},
	{token: "Lark/", name: "Lark"},
	{token: "Slack/", name: "Slack"},
	{token: "Teams/", name: "Microsoft Teams"},
	{token: "GSA/", name: "Google app"},
	{token: "FBAV/", name: "Facebook"},
	{token: "Instagram ", name: "Instagram"},
	{token: "Line/", name: "LINE"},

	// Browsers built on others.
	{token: "Edg/", name: "Edge"},
	{token: "EdgA/", name: "Edge"},
	{token: "EdgiOS/", name: "Edge"},
	{token: "Edge/", name: "Edge"},
	{token: "OPR/", name: "Opera"},
	{token: "OPX/", name: "Opera"},
	{token: "OPT/", name: "Opera"},
	{token: "Version/", with: "Presto/", name: "Opera"},
	{token: "Opera/", name: "Opera"},
	{token: "SamsungBrowser/", name: "Samsung Internet"},
	{token: "Vivaldi/", name: "Vivaldi"},
	{token: "YaBrowser/", name: "Yandex Browser"},
	{token: "UCBrowser/", name: "UC Browser"},
	{token: "MQQBrowser/", name: "QQ Browser"},
	{token: "QQBrowser/", name: "QQ Browser"},
	{token: "MiuiBrowser/", name: "Mi Browser"},
	{token: "HuaweiBrowser/", name: "Huawei Browser"},
	{token: "Quark/", name: "Quark"},
	{token: "baidubrowser/", name: "Baidu Browser"},
	{token: "baiduboxapp/", name: "Baidu"},
	{token: "DuckDuckGo/", name: "DuckDuckGo"},
	{token: "Ddg/", name: "DuckDuckGo"},
	{token: "Whale/", name: "Whale"},
	{token: "Brave/", name: "Brave"},
	{token: "Version/", with: "Epiphany/", name: "GNOME Web"},
	{token: "Falkon/", name: "Falkon"},
	{token: "SeaMonkey/", name: "SeaMonkey"},
	{token: "PaleMoon/", name: "Pale Moon"},
	{token: "Electron/", name: "Electron"},

	// The four that others are built on.
	{token: "FxiOS/", name: "Firefox"},
	{token: "Firefox/", name: "Firefox"},
	{token: "CriOS/", name: "Chrome"},
	{token: "HeadlessChrome/", name: "Headless Chrome"},
	{token: "Chromium/", name: "Chromium"},
	{token: "Chrome/", name: "Chrome"},
	{token: "Version/", with: "Safari/", name: "Safari"},
	{token: "MSIE ", name: "Internet Explorer"},
	{token: "rv:", with: "Trident/", name: "Internet Explorer"},
}

// programs are clients that are no browsers and do not name themselves as a bare product.
var programs = [...]browser{
	{token: "Apache-HttpClient/", name: "Apache HttpClient"},
	{token: "Go-http-client/", name: "Go"},
	{token: "python-requests/", name: "Python"},
	{token: "python-httpx/", name: "Python"},
	{token: "Python-urllib/", name: "Python"},
	{token: "PostmanRuntime/", name: "Postman"},
	{token: "WindowsPowerShell/", name: "PowerShell"},
	{token: "PowerShell/", name: "PowerShell"},
	{token: "Wget/", name: "Wget"},
}

// systems stand in the order in which they are looked for. A row without a form is for
// phones and tablets alike.
var systems = [...]struct {
	token, name string
	form        Form
}{
	{"Windows Phone", "Windows Phone", Phone},
	{"iPad", "iPadOS", Tablet},
	{"iPhone", "iOS", Phone},
	{"iPod", "iOS", Phone},
	{"OpenHarmony", "HarmonyOS", ""},
	{"HarmonyOS", "HarmonyOS", ""},
	{"Android", "Android", ""},
	{"KAIOS", "KaiOS", Phone},
	{"CrOS", "ChromeOS", Desktop},
	{"Windows", "Windows", Desktop},
	{"Macintosh", "macOS", Desktop},
	{"Mac OS X", "macOS", Desktop},
	{"FreeBSD", "FreeBSD", Desktop},
	{"OpenBSD", "OpenBSD", Desktop},
	{"Linux", "Linux", Desktop},
	{"X11", "Unix", Desktop},
}

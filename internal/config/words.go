package config

// LogLevel is the least level that is logged.
type LogLevel string

// The words of LogLevel.
const (
	LevelDebug LogLevel = "debug"
	LevelInfo  LogLevel = "info"
	LevelWarn  LogLevel = "warn"
	LevelError LogLevel = "error"
)

// Values lists the vocabulary.
func (LogLevel) Values() []string { return []string{"debug", "info", "warn", "error"} }

// LogFormat is how lines are written.
type LogFormat string

// The words of LogFormat.
const (
	FormatText LogFormat = "text"
	FormatJSON LogFormat = "json"
)

// Values lists the vocabulary.
func (LogFormat) Values() []string { return []string{"text", "json"} }

// SignOut says what signing out ends.
type SignOut string

// The words of SignOut.
const (
	SignOutProvider SignOut = "provider"
	SignOutGateway  SignOut = "gateway"
	SignOutAsk      SignOut = "ask"
)

// Values lists the vocabulary.
func (SignOut) Values() []string { return []string{"provider", "gateway", "ask"} }

// CookieLife says whether a cookie outlives the browser's end.
type CookieLife string

// The words of CookieLife.
const (
	CookiePersistent CookieLife = "persistent"
	CookieBrowser    CookieLife = "browser"
)

// Values lists the vocabulary.
func (CookieLife) Values() []string { return []string{"persistent", "browser"} }

// VaultMode says whether an app's cookies are kept here.
type VaultMode string

// The words of VaultMode.
const (
	VaultOn      VaultMode = "on"
	VaultObserve VaultMode = "observe"
	VaultOff     VaultMode = "off"
)

// Values lists the vocabulary.
func (VaultMode) Values() []string { return []string{"on", "observe", "off"} }

// HeaderSet names a ready set of identity headers.
type HeaderSet string

// The words of HeaderSet.
const (
	HeadersOAuth2Proxy HeaderSet = "oauth2-proxy"
	HeadersAuthelia    HeaderSet = "authelia"
	HeadersAuthentik   HeaderSet = "authentik"
)

// Values lists the vocabulary.
func (HeaderSet) Values() []string { return []string{"oauth2-proxy", "authelia", "authentik"} }

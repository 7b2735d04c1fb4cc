package preset

// Preset is one application's behaviour. Its paths are relative to where the
// application lives ("/" is its root) until At has joined them. An operator may
// override every field.
type Preset struct {
	// Name is the preset's name, which is the name of its file.
	Name string `yaml:"-"`
	// Title is the application's name as people know it. Empty for any application.
	Title string `yaml:"title"`

	// Headers are identity headers that the application needs beyond the usual ones,
	// and what each carries: account, handle, subject, email, name, groups, id_token,
	// access_token or claim:PATH.
	Headers map[string]string `yaml:"headers"`
	// Reads lists the identity headers that the application relies on. Where one of
	// them is no longer sent, a check of the configuration says so.
	Reads []string `yaml:"reads"`

	// Logout lists the requests by which people sign out in the application itself.
	Logout []Logout `yaml:"logout"`
	// Replay lists the calls that make the application end its own session without a
	// browser, in this order.
	Replay []Call `yaml:"replay"`
	// Paths lists what needs no sign-in.
	Paths []Path `yaml:"paths"`
	// Polling lists paths, with everything below them, whose GET and HEAD requests an
	// open page makes by itself: they are no activity of a person. A segment may be
	// `*`, which stands for any one segment.
	Polling []string `yaml:"polling"`

	// Cookies says which of the application's cookies stay in the browser.
	Cookies Cookies `yaml:"cookies"`
	// Vault says whether the application's cookies are kept by the gateway.
	Vault Switch `yaml:"vault"`
	// PageScript says whether the application's pages get the script that takes them
	// away when the sign-in ends.
	PageScript Switch `yaml:"page_script"`

	// WebSocket says what is sent to the browser when a sign-out cuts a WebSocket.
	WebSocket WebSocket `yaml:"websocket"`
	// Refusal says how requests that are no page are refused without a sign-in.
	Refusal Refusal `yaml:"refusal"`
	// Needs says what the application's address has to look like.
	Needs Needs `yaml:"needs"`

	// Recognise lists marks by which the application is told from others. All of them must
	// hold. Empty: it is never recognised.
	Recognise []Mark `yaml:"recognise"`
	// Takes says how it shows that the application takes people from the gateway.
	Takes Takes `yaml:"takes"`

	// Setup is told to operators: what to put into the application's own configuration. In
	// an entry of several lines the first is text, and the others are to be copied.
	Setup []string `yaml:"setup"`
	// Sources say where the facts were read or that they were run.
	Sources []string `yaml:"sources"`
	// CheckedOn is the day the facts were last checked, as 2006-01-02.
	CheckedOn string `yaml:"checked_on"`
	// Versions are the application's versions that they were checked with. Empty where
	// that has no meaning.
	Versions string `yaml:"versions"`
}

// Logout is a request by which people sign out in the application itself.
type Logout struct {
	// Method is GET, which counts only as a navigation within the application, or POST.
	Method string `yaml:"method"`
	// Path is compared exactly, without the query.
	Path string `yaml:"path"`
}

// SetDefaults implements strict.Defaulter.
func (l *Logout) SetDefaults() { l.Method = "POST" }

// Call is a request that the gateway makes to the application by itself, with the
// cookies that it kept of the session.
type Call struct {
	// Method is GET, POST, PUT, PATCH or DELETE.
	Method string `yaml:"method"`
	// Path may have a query.
	Path string `yaml:"path"`
	// XSRF says where the application wants its token against cross-site requests.
	// Absent: nowhere.
	XSRF *XSRF `yaml:"xsrf,omitempty"`
	// Header are further header fields.
	Header map[string]string `yaml:"header"`
	// Form are the members of a form in the body. Empty: no body, unless the token
	// goes there.
	Form map[string]string `yaml:"form"`
}

// SetDefaults implements strict.Defaulter.
func (c *Call) SetDefaults() { c.Method = "POST" }

// XSRF says where a call's token comes from and where it goes: to exactly one of
// Header, Query and Field.
type XSRF struct {
	// Cookie is the cookie whose value is the token.
	Cookie string `yaml:"cookie"`
	// Header is the header field that carries it.
	Header string `yaml:"header"`
	// Query is the query parameter that carries it.
	Query string `yaml:"query"`
	// Field is the form's member that carries it.
	Field string `yaml:"field"`
	// From is a path that is asked by GET first where the cookie is not known yet.
	// Empty: the call is then not made.
	From string `yaml:"from"`
}

// Path is a part of the application that needs no sign-in. It names either a prefix or
// one exact path, and is either public or open to bearer tokens.
type Path struct {
	// Prefix is the path and everything below it.
	Prefix string `yaml:"prefix"`
	// Exact is this path alone.
	Exact string `yaml:"exact"`
	// Public lets everyone in.
	Public bool `yaml:"public"`
	// Bearer lets requests with a token of the application's own pass
	// (`Authorization: Bearer …` or `token …`); the application judges it.
	Bearer bool `yaml:"bearer"`
	// BareToken takes an Authorization header without a scheme as such a token too.
	BareToken bool `yaml:"bare_token"`
}

// Cookies sorts an application's cookies by name. Each entry is a name, or the
// beginning of one with `*` after it; `*` alone is every name.
type Cookies struct {
	// Pass lists cookies that stay in the browser although they are HttpOnly.
	Pass []string `yaml:"pass"`
	// Hold lists cookies that are kept by the gateway although they are not HttpOnly:
	// no script of the application reads them. None of them is ever taken from a
	// browser, whatever Browser says.
	Hold []string `yaml:"hold"`
	// Browser lists cookies that a browser may bring of its own, because the
	// application's scripts set them.
	Browser []string `yaml:"browser"`
	// Keep lists cookies of the browser that sign-in and sign-out leave alone, such as
	// how a page is laid out. They say nothing about a person.
	Keep []string `yaml:"keep"`
}

// WebSocket says what is sent to the browser when a sign-out cuts a WebSocket.
type WebSocket struct {
	// Farewell is a text message before the close frame, by which the application's
	// client knows not to connect again. Empty: none.
	Farewell string `yaml:"farewell"`
	// Code is the close frame's code. 1008, policy violation, unless the client wants
	// another.
	Code int `yaml:"code"`
}

// Refusal says how requests that are no page are refused without a sign-in.
type Refusal struct {
	// Status is 401, or 403 for clients that retry without end on 401.
	Status int `yaml:"status"`
}

// Needs says what the application's address has to look like.
type Needs struct {
	// Prefix says what becomes of a path in the address: `any`; `kept`, where the
	// application has to be told of it and nothing may be taken off; `none`, where it
	// works only at the root of an origin.
	Prefix Prefix `yaml:"prefix"`
}

// Switch is on or off.
type Switch string

// The words of Switch.
const (
	On  Switch = "on"
	Off Switch = "off"
)

// Values lists the vocabulary.
func (Switch) Values() []string { return []string{string(On), string(Off)} }

// Prefix says what an application makes of a path in its address.
type Prefix string

// The words of Prefix.
const (
	PrefixAny  Prefix = "any"
	PrefixKept Prefix = "kept"
	PrefixNone Prefix = "none"
)

// Values lists the vocabulary.
func (Prefix) Values() []string {
	return []string{string(PrefixAny), string(PrefixKept), string(PrefixNone)}
}

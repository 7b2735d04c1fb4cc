package devprovider

// LogoutNotice is a logout token on its way to a client, as hooks see it.
type LogoutNotice struct {
	ClientID string
	// Typ is the header's type; "" leaves it out.
	Typ    string
	Claims map[string]any
	// Sign signs in place of the provider.
	Sign func(key SigningKey, typ string, claims map[string]any) (string, error)
	// Raw, if set, is posted as it is.
	Raw string
	// Copies is how often the same token is posted, one after the other; 0 posts none.
	Copies int
}

// LogoutForgery is a way for logout tokens to be wrong.
type LogoutForgery struct {
	Name   string
	Change func(*LogoutNotice)
}

// Faults returns the forgery as the only fault.
func (f LogoutForgery) Faults() Faults { return Faults{LogoutToken: f.Change} }

// LogoutForgeries lists what a client must refuse: what the OpenID conformance suite tries of
// relying parties, and what else can be wrong. Two of them end sign-ins all the same: "replay" posts
// a good token and then the same again, and "no exp, typ JWT" is as one provider's are, to be taken by a
// client that was told to expect it.
func LogoutForgeries() []LogoutForgery {
	set := func(name string, value any) func(*LogoutNotice) {
		return func(n *LogoutNotice) { n.Claims[name] = value }
	}
	drop := func(names ...string) func(*LogoutNotice) {
		return func(n *LogoutNotice) {
			for _, name := range names {
				delete(n.Claims, name)
			}
		}
	}
	return []LogoutForgery{
		{"alg none", func(n *LogoutNotice) { n.Sign = signNone }},
		{"HS256, public key", func(n *LogoutNotice) { n.Sign = signHS256 }},
		{"stranger's key", func(n *LogoutNotice) { n.Sign = signStranger }},
		{"wrong alg", func(n *LogoutNotice) { n.Sign = signRS512 }},
		{"wrong typ", func(n *LogoutNotice) { n.Typ = "at+jwt" }},
		{"no event", drop("events")},
		{"wrong event", set("events", map[string]any{"http://schemas.openid.net/event/backchannel-login": map[string]any{}})},
		{"event no object", set("events", map[string]any{logoutEvent: true})},
		{"nonce present", set("nonce", "a-nonce")},
		{"wrong aud", set("aud", "somebody")},
		{"wrong iss", set("iss", "https://somebody.example")},
		{"no iat", drop("iat")},
		{"old", func(n *LogoutNotice) { n.Claims["iat"], n.Claims["exp"] = 1_000_000_000, 1_000_000_120 }},
		{"no jti", drop("jti")},
		{"no sub, no sid", drop("sub", "sid")},
		{"no exp", drop("exp")},
		{"no exp, typ JWT", func(n *LogoutNotice) { n.Typ = "JWT"; delete(n.Claims, "exp") }},
		{"junk", func(n *LogoutNotice) { n.Raw = "junk" }},
		{"replay", func(n *LogoutNotice) { n.Copies = 2 }},
	}
}

package record

// Recognise says how a provider of this kind is told from others, so that an issuer alone
// is enough to find its record. What is stated must all hold; a record that states nothing
// is never found.
type Recognise struct {
	// Hosts are the issuer's possible hosts; "*.example.com" is any name below it.
	Hosts []string `yaml:"hosts"`
	// Paths are the issuer's possible paths, with * for what a slash ends (path.Match).
	Paths []string `yaml:"paths"`
	// Members are members of the metadata that only this kind has, as `name`, or as
	// `name=text` where the member's value has to contain the text.
	Members []string `yaml:"members"`
}

// Register says where at the provider what has to be registered, in the words of the
// provider's own console. Empty: there is no such field.
type Register struct {
	// Console is the way to the client's settings.
	Console string `yaml:"console"`
	// RedirectURI is the field for {public_url}/.cardea/callback/{id}.
	RedirectURI string `yaml:"redirect_uri"`
	// PostLogoutRedirectURI is the field for {public_url}/.cardea/signed-out.
	PostLogoutRedirectURI string `yaml:"post_logout_redirect_uri"`
	// BackChannelLogoutURI is the field for {public_url}/.cardea/backchannel-logout.
	BackChannelLogoutURI string `yaml:"backchannel_logout_uri"`
	// FrontChannelLogoutURI is the field for {public_url}/.cardea/frontchannel-logout/{id}.
	FrontChannelLogoutURI string `yaml:"frontchannel_logout_uri"`
	// Steps are what else to do there, in order. A step may use {public_url}, {id} and
	// {client_id}.
	Steps []string `yaml:"steps"`
}

package record

import "strings"

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
	// Always are issuer paths that every installation has. By them a server is told whose
	// issuer was given without its path. It is no condition.
	Always []string `yaml:"always"`
	// Alike names this kind where an installation has the marks of another one too, as the
	// beginning of the question whether it is this one: "Example 3 or older".
	Alike string `yaml:"alike"`
}

// Places are the paths at which an issuer of this kind can be: those that are stated whole,
// and those that leave one name open, with name in it. An empty name gives the first alone.
func (g Recognise) Places(name string) []string {
	var all []string
	for _, pattern := range g.Paths {
		whole := !strings.ContainsAny(pattern, `*?[\`)
		named := name != "" && strings.Count(pattern, "*") == 1 && !strings.ContainsAny(pattern, `?[\`)
		if whole || named && strings.Contains(pattern+"/", "/*/") {
			all = append(all, strings.TrimSuffix(strings.Replace(pattern, "*", name, 1), "/"))
		}
	}
	return all
}

// Register says where at the provider what has to be registered, in the words of the
// provider's own console. Empty: there is no such field.
type Register struct {
	// Console is the way to the client's settings.
	Console string `yaml:"console"`
	// Create is the way to a new client, through all that is asked for one. Empty: as
	// Console.
	Create string `yaml:"create"`
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

// Filled is a text of a record for operators (a note, a fix, a step) with the gateway's
// address, the provider's id and the client id in the places that it leaves for them.
func Filled(text, publicURL, id, clientID string) string {
	return strings.NewReplacer("{public_url}", publicURL, "{id}", id, "{client_id}", clientID).Replace(text)
}

package access

import "github.com/cardea-auth/cardea/internal/oidc"

// Policy admits whoever satisfies at least one member of every non-empty list. E-mails
// and domains are one list: an address is let in by itself or by its domain. The zero Policy admits everyone who is signed in.
type Policy struct {
	Name    string // where it stands in the configuration, for reasons and logs
	Emails  []string
	Domains []string // exact domain, or "*.example.com" for its subdomains
	Groups  []string
	Claims  map[string][]string // path to accepted values
}

// Subject is the person that a policy is asked about.
type Subject struct {
	Profile oidc.Profile
	Claims  oidc.Claims
}

// Reason says which kind of rule refused.
type Reason string

// Reasons of a refusal.
const (
	ReasonNone            Reason = ""
	ReasonEmail           Reason = "email"            // e-mail or domain not listed
	ReasonEmailUnverified Reason = "email-unverified" // an e-mail rule stands, and this e-mail is not believed
	ReasonEmailMissing    Reason = "email-missing"    // an e-mail rule stands, and there is none
	ReasonGroup           Reason = "group"
	ReasonGroupsUnknown   Reason = "groups-unknown" // a group rule stands, and the provider could not be asked for the groups
	ReasonClaim           Reason = "claim"
	ReasonProvider        Reason = "provider" // signed in at a provider this app does not take
	ReasonDisabled        Reason = "account-disabled"
	ReasonClass           Reason = "class" // the demands for authentication classes exclude each other
)

// Decision is a policy's answer.
type Decision struct {
	Allowed bool
	Reason  Reason
	Rule    string // the policy's name and the list that refused, for people and logs
}

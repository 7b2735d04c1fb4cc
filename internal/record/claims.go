package record

import "time"

// Claims says where a person's data are and how far they are believed.
type Claims struct {
	// IDToken says whether sign-ins answer with an ID token. Where it is `no`,
	// userinfo is the only source.
	IDToken Known `yaml:"id_token,omitempty"`
	// SubjectKey lists the claims that together name the person for good.
	SubjectKey []ClaimPath `yaml:"subject_key"`
	// Username is the claim that a handle is made from first.
	Username ClaimPath `yaml:"username,omitempty"`
	// Name is the claim with the person's name.
	Name ClaimPath `yaml:"name,omitempty"`
	// NameTemplate makes the name of several claims, such as
	// "{claim:given_name} {claim:family_name}", where the claim Name is absent.
	NameTemplate string `yaml:"name_template"`
	// Email says where e-mail addresses are and whether they are believed.
	Email Email `yaml:"email"`
	// Groups says where group names are.
	Groups Groups `yaml:"groups"`
	// Picture says what becomes of avatars.
	Picture Picture `yaml:"picture"`
	// UserInfo says when userinfo is asked.
	UserInfo UserInfo `yaml:"userinfo"`
}

// Email says where e-mail addresses are and whether they are believed.
type Email struct {
	// Source is `claim`, `endpoint` (a list of addresses) or `none`.
	Source DataSource `yaml:"source,omitempty"`
	// Claim is the claim, or the member of the endpoint's entries.
	Claim ClaimPath `yaml:"claim,omitempty"`
	// VerifiedClaim is where the provider says that it verified the address.
	VerifiedClaim ClaimPath `yaml:"verified_claim,omitempty"`
	// VerifiedValue is a text that says so beside the boolean true, such as "confirmed".
	VerifiedValue string `yaml:"verified_value"`
	// Verified is how far addresses are believed: as VerifiedClaim says,
	// always, or never. Under `claim` an absent VerifiedClaim means no.
	Verified EmailVerified `yaml:"verified,omitempty"`
	// URL is the endpoint, a template as in Endpoints.
	URL string `yaml:"url"`
	// List is the member of its answer that holds the entries. Empty: the answer itself.
	List ClaimPath `yaml:"list,omitempty"`
	// PrimaryClaim is the entries' member that marks the address to take, by the boolean
	// true or by PrimaryValue, alone or in a list. Among several verified ones the
	// primary is taken. Empty: the first.
	PrimaryClaim ClaimPath `yaml:"primary_claim,omitempty"`
	// PrimaryValue is a text that marks it beside the boolean true.
	PrimaryValue string `yaml:"primary_value"`
}

// Groups says where group names are.
type Groups struct {
	// Source is `claim`, `endpoint` or `none`.
	Source DataSource `yaml:"source,omitempty"`
	// Claim is the claim. Unused with `source: endpoint`.
	Claim ClaimPath `yaml:"claim,omitempty"`
	// Scope is asked for where groups are wanted: by an access rule or by a header
	// that the configuration names. Empty: none needed.
	Scope string `yaml:"scope"`
	// Lists are asked for the names, where groups are wanted: with `source: endpoint`
	// at each sign-in and after each refresh, else where OverageClaim is present.
	Lists []GroupList `yaml:"lists"`
	// OverageClaim is present where the list was too long for the token; it is then
	// asked for at Lists. A name with dots is found by its whole name first. Empty: never
	// too long.
	OverageClaim ClaimPath `yaml:"overage_claim,omitempty"`
}

// GroupList is an endpoint that answers with a person's groups.
type GroupList struct {
	// URL is the endpoint, a template as in Endpoints.
	URL string `yaml:"url"`
	// List is the member of its answer that holds the entries. Empty: the answer itself.
	List ClaimPath `yaml:"list,omitempty"`
	// Name makes a group's name of an entry, such as "{claim:organization.login}/{claim:slug}".
	Name string `yaml:"name"`
	// Next says how the next page is found. At most 10 pages are read.
	Next NextPage `yaml:"next,omitempty"`
	// NextMember is the answer's member with the next page's address, for `next: member`.
	NextMember ClaimPath `yaml:"next_member,omitempty"`
}

// Picture says what becomes of avatars.
type Picture struct {
	// Source is `claim`, `template` or `none`.
	Source PictureSource `yaml:"source,omitempty"`
	// Claim is the claim with the picture's URL.
	Claim ClaimPath `yaml:"claim,omitempty"`
	// Template builds the URL from claims, such as
	// https://cdn.example/{claim:id}/{claim:avatar}.png.
	Template string `yaml:"template"`
}

// UserInfo says when userinfo is asked (OIDC Core section 5.3).
type UserInfo struct {
	// Use is `never`, `after_sign_in`, or `always` (after each refresh too).
	Use UserInfoUse `yaml:"use,omitempty"`
	// Params are its query. A value is a template of {client_id} and {claim:PATH}, of
	// what is known of the person by then.
	Params map[string]string `yaml:"params"`
	// Envelope is the member of its answer that holds the claims. Empty: the answer itself.
	Envelope ClaimPath `yaml:"envelope,omitempty"`
	// Recheck is how often it is asked again where there is no refresh token,
	// so that a withdrawn account is noticed. It is asked only while the access
	// token has not expired by its own lifetime: a refusal after that says
	// nothing of the account. 0: not asked again.
	Recheck time.Duration `yaml:"recheck"`
}

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
	// Source is `claim`, `endpoint` (a list with `primary` and `verified`) or
	// `none`.
	Source DataSource `yaml:"source,omitempty"`
	// Claim is the claim, or the member of the endpoint's entries.
	Claim ClaimPath `yaml:"claim,omitempty"`
	// VerifiedClaim is where the provider says that it verified the address.
	VerifiedClaim ClaimPath `yaml:"verified_claim,omitempty"`
	// Verified is how far addresses are believed: as VerifiedClaim says,
	// always, or never. Under `claim` an absent VerifiedClaim means no.
	Verified EmailVerified `yaml:"verified,omitempty"`
	// URL is the endpoint, a template as in Endpoints.
	URL string `yaml:"url"`
}

// Groups says where group names are.
type Groups struct {
	// Source is `claim`, `endpoint` or `none`.
	Source DataSource `yaml:"source,omitempty"`
	// Claim is the claim, or the member of the endpoint's entries.
	Claim ClaimPath `yaml:"claim,omitempty"`
	// Scope is asked for when an access rule names groups. Empty: none needed.
	Scope string `yaml:"scope"`
	// URL is the endpoint, a template as in Endpoints.
	URL string `yaml:"url"`
	// OverageClaim is present where the list was too long for the token; the
	// list is then asked for at URL. Empty: never too long.
	OverageClaim ClaimPath `yaml:"overage_claim,omitempty"`
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
	// KeepDataURLs keeps `data:` pictures. They are dropped unless it is set:
	// one inflates every token and header it is copied into.
	KeepDataURLs bool `yaml:"keep_data_urls"`
}

// UserInfo says when userinfo is asked (OIDC Core section 5.3).
type UserInfo struct {
	// Use is `never`, `after_sign_in`, or `always` (after each refresh too).
	Use UserInfoUse `yaml:"use,omitempty"`
	// Recheck is how often it is asked again where there is no refresh token,
	// so that a withdrawn account is noticed. It is asked only while the access
	// token has not expired by its own lifetime: a refusal after that says
	// nothing of the account. 0: not asked again.
	Recheck time.Duration `yaml:"recheck"`
}

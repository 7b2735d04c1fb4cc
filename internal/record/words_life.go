package record

// MissingIs says what a missing refresh token means.
type MissingIs string

// The words of MissingIs.
const (
	MissingNormal           MissingIs = "normal"
	MissingMisconfiguration MissingIs = "misconfiguration"
)

// Values lists the vocabulary.
func (MissingIs) Values() []string { return list(MissingNormal, MissingMisconfiguration) }

// NeedsWhen says when the scopes for a refresh token are asked for.
type NeedsWhen string

// The words of NeedsWhen.
const (
	NeedsAlways     NeedsWhen = "always"
	NeedsAdvertised NeedsWhen = "advertised"
)

// Values lists the vocabulary.
func (NeedsWhen) Values() []string { return list(NeedsAlways, NeedsAdvertised) }

// Rotation says what becomes of a used refresh token.
type Rotation string

// The words of Rotation.
const (
	RotationNone      Rotation = "none"
	RotationReissue   Rotation = "reissue"
	RotationSingleUse Rotation = "single_use"
	RotationUnknown   Rotation = "unknown"
)

// Values lists the vocabulary.
func (Rotation) Values() []string {
	return list(RotationNone, RotationReissue, RotationSingleUse, RotationUnknown)
}

// ReuseEnds says what dies when a used refresh token is presented again.
type ReuseEnds string

// The words of ReuseEnds.
const (
	ReuseNothing ReuseEnds = "nothing"
	ReuseGrant   ReuseEnds = "grant"
	ReuseSession ReuseEnds = "session"
	ReuseUnknown ReuseEnds = "unknown"
)

// Values lists the vocabulary.
func (ReuseEnds) Values() []string { return list(ReuseNothing, ReuseGrant, ReuseSession, ReuseUnknown) }

// SignOutKind is the browser's sign-out call.
type SignOutKind string

// The words of SignOutKind.
const (
	SignOutOIDC   SignOutKind = "oidc"
	SignOutCustom SignOutKind = "custom"
	SignOutPortal SignOutKind = "portal"
	SignOutNone   SignOutKind = "none"
)

// Values lists the vocabulary.
func (SignOutKind) Values() []string {
	return list(SignOutOIDC, SignOutCustom, SignOutPortal, SignOutNone)
}

// HintRule says whether the ID token goes with the sign-out call.
type HintRule string

// The words of HintRule.
const (
	HintRequired    HintRule = "required"
	HintRecommended HintRule = "recommended"
	HintUnused      HintRule = "unused"
)

// Values lists the vocabulary.
func (HintRule) Values() []string { return list(HintRequired, HintRecommended, HintUnused) }

// ConfirmWhen says when the provider asks for confirmation.
type ConfirmWhen string

// The words of ConfirmWhen.
const (
	ConfirmAlways       ConfirmWhen = "always"
	ConfirmNoHint       ConfirmWhen = "no_hint"
	ConfirmOtherSession ConfirmWhen = "other_session"
	ConfirmUnknown      ConfirmWhen = "unknown"
)

// Values lists the vocabulary.
func (ConfirmWhen) Values() []string {
	return list(ConfirmAlways, ConfirmNoHint, ConfirmOtherSession, ConfirmUnknown)
}

// ReturnRegistered says where the return address is registered.
type ReturnRegistered string

// The words of ReturnRegistered.
const (
	RegisteredPostLogout ReturnRegistered = "post_logout_redirect_uris"
	RegisteredRedirect   ReturnRegistered = "redirect_uris"
	RegisteredAllowList  ReturnRegistered = "allow_list"
	RegisteredNone       ReturnRegistered = "none"
	RegisteredUnknown    ReturnRegistered = "unknown"
)

// Values lists the vocabulary.
func (ReturnRegistered) Values() []string {
	return list(RegisteredPostLogout, RegisteredRedirect, RegisteredAllowList, RegisteredNone, RegisteredUnknown)
}

// ReturnMatch says how the return address is compared.
type ReturnMatch string

// The words of ReturnMatch.
const (
	ReturnMatchExact          ReturnMatch = "exact"
	ReturnMatchExactWithQuery ReturnMatch = "exact_with_query"
	ReturnMatchPattern        ReturnMatch = "pattern"
	ReturnMatchOrigin         ReturnMatch = "origin"
	ReturnMatchUnknown        ReturnMatch = "unknown"
)

// Values lists the vocabulary.
func (ReturnMatch) Values() []string {
	return list(ReturnMatchExact, ReturnMatchExactWithQuery, ReturnMatchPattern, ReturnMatchOrigin, ReturnMatchUnknown)
}

// UpstreamSignOut says whether a provider behind this one is signed out.
type UpstreamSignOut string

// The words of UpstreamSignOut.
const (
	UpstreamNever     UpstreamSignOut = "never"
	UpstreamOnRequest UpstreamSignOut = "on_request"
	UpstreamAlways    UpstreamSignOut = "always"
	UpstreamUnknown   UpstreamSignOut = "unknown"
)

// Values lists the vocabulary.
func (UpstreamSignOut) Values() []string {
	return list(UpstreamNever, UpstreamOnRequest, UpstreamAlways, UpstreamUnknown)
}

// ServerCall says how the provider's session is ended without the browser.
type ServerCall string

// The words of ServerCall.
const (
	ServerNone         ServerCall = "none"
	ServerHint         ServerCall = "hint"
	ServerRefreshToken ServerCall = "refresh_token"
)

// Values lists the vocabulary.
func (ServerCall) Values() []string { return list(ServerNone, ServerHint, ServerRefreshToken) }

// LogoutTyp is a `typ` header of logout tokens; `absent` is a token without one.
type LogoutTyp string

// The words of LogoutTyp.
const (
	LogoutTypOwn    LogoutTyp = "logout+jwt"
	LogoutTypJWT    LogoutTyp = "JWT"
	LogoutTypAbsent LogoutTyp = "absent"
)

// Values lists the vocabulary.
func (LogoutTyp) Values() []string { return list(LogoutTypOwn, LogoutTypJWT, LogoutTypAbsent) }

// RevocationKind says how tokens are revoked.
type RevocationKind string

// The words of RevocationKind.
const (
	RevocationRFC7009 RevocationKind = "rfc7009"
	RevocationCustom  RevocationKind = "custom"
	RevocationNone    RevocationKind = "none"
)

// Values lists the vocabulary.
func (RevocationKind) Values() []string {
	return list(RevocationRFC7009, RevocationCustom, RevocationNone)
}

// NextPage says how the next page of a list is found.
type NextPage string

// The words of NextPage.
const (
	NextNone   NextPage = "none"
	NextLink   NextPage = "link"   // a Link header with rel=next (RFC 8288)
	NextMember NextPage = "member" // a member of the answer holds its address
)

// Values lists the vocabulary.
func (NextPage) Values() []string { return list(NextNone, NextLink, NextMember) }

// TokenKind is a token.
type TokenKind string

// The words of TokenKind.
const (
	TokenRefresh TokenKind = "refresh_token"
	TokenAccess  TokenKind = "access_token"
)

// Values lists the vocabulary.
func (TokenKind) Values() []string { return list(TokenRefresh, TokenAccess) }

// RevocationEnds says what a revocation ends.
type RevocationEnds string

// The words of RevocationEnds.
const (
	RevocationEndsNothing RevocationEnds = "nothing"
	RevocationEndsToken   RevocationEnds = "token"
	RevocationEndsSession RevocationEnds = "session"
	RevocationEndsGrant   RevocationEnds = "grant"
)

// Values lists the vocabulary.
func (RevocationEnds) Values() []string {
	return list(RevocationEndsNothing, RevocationEndsToken, RevocationEndsSession, RevocationEndsGrant)
}

// RevocationAuth says how a custom revocation call is authenticated; `client` is as at the token endpoint.
type RevocationAuth string

// The words of RevocationAuth.
const (
	RevocationAuthClient RevocationAuth = "client"
	RevocationAuthBasic  RevocationAuth = "basic"
	RevocationAuthBearer RevocationAuth = "bearer"
)

// Values lists the vocabulary.
func (RevocationAuth) Values() []string {
	return list(RevocationAuthClient, RevocationAuthBasic, RevocationAuthBearer)
}

// DataSource says where data are had from.
type DataSource string

// The words of DataSource.
const (
	FromClaim    DataSource = "claim"
	FromEndpoint DataSource = "endpoint"
	FromNone     DataSource = "none"
)

// Values lists the vocabulary.
func (DataSource) Values() []string { return list(FromClaim, FromEndpoint, FromNone) }

// EmailVerified says how far e-mail addresses are believed.
type EmailVerified string

// The words of EmailVerified.
const (
	EmailClaim  EmailVerified = "claim"
	EmailAlways EmailVerified = "always"
	EmailNever  EmailVerified = "never"
)

// Values lists the vocabulary.
func (EmailVerified) Values() []string { return list(EmailClaim, EmailAlways, EmailNever) }

// PictureSource says where avatars are had from.
type PictureSource string

// The words of PictureSource.
const (
	PictureClaim    PictureSource = "claim"
	PictureTemplate PictureSource = "template"
	PictureNone     PictureSource = "none"
)

// Values lists the vocabulary.
func (PictureSource) Values() []string { return list(PictureClaim, PictureTemplate, PictureNone) }

// UserInfoUse says when userinfo is asked.
type UserInfoUse string

// The words of UserInfoUse.
const (
	UserInfoNever       UserInfoUse = "never"
	UserInfoAfterSignIn UserInfoUse = "after_sign_in"
	UserInfoAlways      UserInfoUse = "always"
)

// Values lists the vocabulary.
func (UserInfoUse) Values() []string { return list(UserInfoNever, UserInfoAfterSignIn, UserInfoAlways) }

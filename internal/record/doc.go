// Package record holds what is known of identity providers, as data: how each
// kind is reached, which prompts it honours, how a refresh token is had, what
// its sign-out does, which claims are believed. Code asks the record and never
// the provider's name.
//
// It owns: the Record type with its closed vocabularies, the embedded records
// (one YAML file per kind, with sources and the day they were checked), their
// validation, an operator's overrides, the template and claim-path grammars, and by which
// marks a provider's kind is recognised. docs/providers is made of the records by a test.
//
// It does not own acting on a record: package provider speaks to providers,
// signin, refresh and signout decide. It holds no secret and makes no request.
//
// Specifications that the vocabularies follow: OpenID Connect Core 1.0,
// Discovery 1.0, RP-Initiated Logout 1.0, Front-Channel Logout 1.0,
// Back-Channel Logout 1.0; RFC 6749, RFC 7009, RFC 7636, RFC 8414, RFC 9207.
package record

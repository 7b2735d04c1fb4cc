// Package setup makes a first configuration: from a provider's issuer and an app's address it
// finds out which provider and which app these are, corrects common slips, and gives the
// file's text, what to register at that provider, and what to set in that app.
//
// It owns: the search for a provider's metadata (OpenID Connect Discovery section 4), the
// rules by which a pasted address becomes an issuer, the choice of record and preset, and the
// words of all that. What differs among providers and apps comes from packages record and
// preset.
//
// It does not own: requests themselves, which go through Getter; questions to a person; files.
// Package app brings these together. It does not read the configuration, nor examine it:
// package doctor does.
package setup

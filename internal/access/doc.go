// Package access evaluates declarative rules about a person: e-mails, domains, groups, claims.
//
// It owns the rules and the reason given with a refusal. It knows no request and no
// session; guard asks it per app and path, signin for admission, refresh again later.
package access

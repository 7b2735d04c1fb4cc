// Package refresh keeps a session's grant good: one refresh in flight per session over
// all nodes, new tokens durable before anyone uses them, and a stated end for what the
// provider no longer confirms.
//
// It owns when a refresh is due, the mark that is durable before a request leaves, what
// each answer of a provider means for the session, and the pace at which a provider in
// trouble is asked. It speaks no HTTP (package provider does), judges no request (guard)
// and ends no session itself (signout, behind Ender).
//
// A refresh is due shortly before the access token expires, and Policy.AtLatest after
// the provider's last answer however long it lives: what no provider sends is noticed by
// then. docs/sign-out.md states the times for every situation.
//
// What becomes of a session:
//
//   - invalid_grant ends it, after one re-read of the record.
//   - An unknown outcome (crash, timeout, server error; a mark that outlives Lock) allows
//     one more try, which an answer that decided nothing does not spend; none where a spent
//     token that comes again ends the provider's session. When that is refused, impossible or
//     its outcome unknown too, the grant is lost and the session lives on: its
//     next navigation re-authorizes without interaction. Without one it ends after
//     LostLimit. An answer that must not be believed loses the grant at once.
//   - interaction_required and the like: the same, but the person is shown to the provider.
//   - Everything else (invalid_client, 429, 5xx, unreachable) keeps it for FailingLimit,
//     counted from the session's first failure, or, where the provider was in trouble all
//     the while, from when the refresh was due. It ends only while the trouble lasts.
//   - Without a refresh token userinfo is asked at the provider's interval while the access
//     token is valid; invalid_token ends the session. Where the access token has expired,
//     or the provider allows no such question, the session lives by its own limits.
//
// RFC 6749 sections 5.2 and 6, RFC 9700 section 4.14, OpenID Connect Core 1.0 section 12.
package refresh

// Package sample is the app of the demo: what an ordinary web app behind Cardea looks like. It knows
// nothing of sign-in and believes the identity headers it is sent, as such an app does.
//
// It owns: a page that shows who the app was told one is, a WebSocket, a feed of server-sent
// events, and the endpoints that acceptance tests use to look at what reached the app.
//
// It does not own: sign-in, sign-out, or the headers. It must not be reachable but through the
// gateway, for whoever reaches it directly can claim to be anyone.
//
// Specifications: RFC 6455 (WebSocket), the server-sent events of the HTML standard, CSP Level 3.
package sample

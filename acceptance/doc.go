// Package acceptance drives the real things: Keycloak, Chainlit and Chromium as
// acceptance/install puts them on the machine, with the cardea binary between them,
// the way people would. It is a module of its own so that what it needs stays out
// of the product's module, and it imports nothing of the product.
//
// Run acceptance/install, then go test ./... here; make acceptance does both. Logs
// and pictures of a run are in .cache/acceptance/logs.
//
// The tests say what a person was promised; how the parts are started and watched
// is the package harness. They run one after the other: some stop Keycloak.
//
// Specifications seen from outside: OpenID Connect Core and Discovery, RP-Initiated
// Logout, RFC 6749, RFC 7009, RFC 7636, RFC 9207, RFC 9457, Fetch Metadata.
package acceptance

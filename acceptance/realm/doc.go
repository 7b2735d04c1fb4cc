// Package realm holds what Keycloak is given for the acceptance tests: the realm
// acme with its people and groups, imported once by acceptance/install, and the
// representations of the two kinds of client that the harness registers through
// the admin API with the addresses of each run.
//
// It owns no behaviour.
package realm

import _ "embed"

// Acme is the realm: people, groups, one minute access tokens, refresh tokens
// that rotate and may not be used twice.
//
//go:embed acme-realm.json
var Acme []byte

// CardeaClient is the client representation of a Cardea: confidential, PKCE S256
// demanded, group names in the tokens. Client id, secret and addresses are added
// at registration.
//
//go:embed client-cardea.json
var CardeaClient []byte

// ChainlitClient is the client representation of a Chainlit that signs people in
// by itself. It demands no PKCE because Chainlit sends none.
//
//go:embed client-chainlit.json
var ChainlitClient []byte

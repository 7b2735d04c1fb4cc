// Package keyring seals what must stay secret at rest: provider tokens, claims and
// whatever else a store holds about a person.
//
// One root key, which lives outside the store (a file or the environment), wraps data
// keys that live in the store, so that every node with the root key can unseal what
// another sealed and a copy of the store alone is worth nothing. Each record is sealed
// under a key of its own, derived from a data key with HKDF-SHA256 (RFC 5869) and a
// fresh salt, by AES-256-GCM with a random nonce (NIST SP 800-38D); format version, key
// id, purpose and record name are bound as additional data, so that a sealed value
// cannot be moved to another row or put to another use.
//
// It owns the root key's file, the wrapping, the choice of the data key and the sealed
// format. It stores nothing (a Store does), rotates nothing by itself and knows no
// record's content.
package keyring

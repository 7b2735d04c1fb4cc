package session

import (
	"crypto/sha256"
	"encoding/base64"
)

// Client is who the gateway is at a provider. A session is opened as one, and means
// nothing once the configuration names another: what is registered for another client,
// or at another issuer, is not ours to ask about.
type Client struct {
	Provider string // id in the configuration
	Issuer   string // as configured
	ID       string // client id
}

// Mark names the client in a session's record. It is no secret, and does not change
// with the client's secret, scopes or record.
func (c Client) Mark() string {
	sum := sha256.Sum256([]byte("client\x00" + c.Provider + "\x00" + c.Issuer + "\x00" + c.ID))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// OpenedAs is what live sessions were opened as.
type OpenedAs struct {
	Provider string
	Client   string // a mark; "" for sessions from before these were kept
}

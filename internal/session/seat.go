package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// SeatHash is the SHA-256 of the random value that a browser holds for one origin.
// Stores and caches know only this: a copy of the store opens no session.
type SeatHash [sha256.Size]byte

// Seat is one origin's share in a session: its own cookie.
type Seat struct {
	Hash      SeatHash
	Origin    string // scheme://host[:port]
	CreatedAt time.Time
}

const seatValueLen = 43 // 32 bytes in unpadded base64url

// NewSeatValue returns a fresh seat value of 256 random bits and its hash.
func NewSeatValue() (string, SeatHash) {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:]), sha256.Sum256(b[:])
}

// HashSeatValue returns the hash of a cookie's value. It reports false for anything
// that NewSeatValue cannot have made, without telling why. It does not allocate.
func HashSeatValue(value string) (SeatHash, bool) {
	if len(value) != seatValueLen {
		return SeatHash{}, false
	}
	var src [seatValueLen]byte
	copy(src[:], value)
	var b [33]byte
	n, err := base64.RawURLEncoding.Strict().Decode(b[:], src[:])
	if err != nil || n != 32 {
		return SeatHash{}, false
	}
	return sha256.Sum256(b[:32]), true
}

package config

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
)

// Pair is a certificate with its private key. Printed in any way it gives a mask.
type Pair struct{ value *tls.Certificate }

// Certificate gives the pair to serve with; nil where there is none.
func (p Pair) Certificate() *tls.Certificate { return p.value }

// Equal reports whether two pairs have the same certificates.
func (p Pair) Equal(other Pair) bool {
	if p.value == nil || other.value == nil {
		return p.value == other.value
	}
	return bytes.Equal(bytes.Join(p.value.Certificate, nil), bytes.Join(other.value.Certificate, nil))
}

// Format gives the mask for every verb.
func (p Pair) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

package doctor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// leastRSA is the least length of an RSA key in bits (RFC 7518 section 3.3).
const leastRSA = 2048

// key is as much of a JSON Web Key as tells whether it serves (RFC 7517 section 4).
type key struct {
	Type  string `json:"kty"`
	Use   string `json:"use"`
	Curve string `json:"crv"`
	N     string `json:"n"`
}

// judge tells whether a key verifies signatures here, and what is wrong with it if not.
func (k key) judge() (usable bool, wrong string) {
	if k.Use != "" && k.Use != "sig" {
		return false, ""
	}
	switch k.Type {
	case "RSA":
		n, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(k.N, "="))
		if err != nil {
			return false, "an RSA key that cannot be read"
		}
		if bits := new(big.Int).SetBytes(n).BitLen(); bits < leastRSA {
			return false, "an RSA key of " + strconv.Itoa(bits) + " bits"
		}
		return true, ""
	case "EC":
		return slices.Contains([]string{"P-256", "P-384", "P-521"}, k.Curve), ""
	case "OKP":
		return k.Curve == "Ed25519", ""
	case "oct":
		return false, "a shared secret, which everybody can read there"
	}
	return false, ""
}

func (x *examination) keys(ctx context.Context, doc document) {
	if doc.keys == "" {
		return
	}
	a, err := x.call.get(ctx, doc.keys, asJSON)
	f := Finding{ID: "keys", Level: Error, Meaning: "Nobody can sign in: no ID token can be verified.", Evidence: []string{"GET " + bare(doc.keys)},
		Fix: []string{"Look at the signing keys in the provider's administration: one must be active, RSA of 2048 bits or more, or EC."}}
	if err != nil {
		f.ID, f.Found = "keys-unreachable", "the provider's keys cannot be fetched"
		f.Evidence[0] += ": " + why(err)
		x.add(f)
		return
	}
	f.Evidence[0] += ": HTTP " + strconv.Itoa(a.status)
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if a.status != http.StatusOK || json.Unmarshal(a.body, &set) != nil {
		f.ID, f.Found = "keys-unreachable", "no key set answers at jwks_uri"
		x.add(f)
		return
	}
	usable, wrong := count(set.Keys)
	for _, w := range wrong {
		f.Evidence = append(f.Evidence, "the set has "+w)
	}
	switch {
	case usable == 0:
		f.Found = "the provider has no usable key"
	case len(wrong) > 0:
		f.ID, f.Level, f.Found = "keys-weak", Warning, "there are weak or misplaced keys beside "+many(usable, "usable one")
		f.Meaning = "ID tokens that a weak key signs are refused; who breaks it could sign in as anybody elsewhere."
		f.Fix = []string{"Remove these keys in the provider's administration."}
	default:
		x.g.ok("keys", many(usable, "usable key"), f.Evidence...)
		return
	}
	x.add(f)
}

func count(keys []json.RawMessage) (usable int, wrong []string) {
	for _, raw := range keys {
		var k key
		if json.Unmarshal(raw, &k) != nil {
			continue
		}
		ok, why := k.judge()
		if ok {
			usable++
		}
		if why != "" && !slices.Contains(wrong, why) {
			wrong = append(wrong, why)
		}
	}
	return usable, wrong
}

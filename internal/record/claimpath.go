package record

import (
	"slices"
	"strings"
	"unicode"

	"github.com/cardea-auth/cardea/internal/strict"
)

const (
	maxClaimPath     = 256
	maxClaimSegments = 8
)

// ClaimPath names a claim: one name, or names joined by dots for claims within
// claims (`realm_access.roles`). A claim whose own name has dots, such as
// `https://id.example/user_id`, is found by its whole name first.
type ClaimPath string

// ParseClaimPath checks a claim path. Its error is a *strict.Problem.
func ParseClaimPath(text string) (ClaimPath, error) {
	const fix = "write a claim's name such as department, or realm_access.roles for a claim within a claim"
	if text == "" || len(text) > maxClaimPath {
		return "", &strict.Problem{Message: "a claim path has 1 to 256 characters", Fix: fix}
	}
	for _, r := range text {
		if unicode.IsControl(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar {
			return "", &strict.Problem{Message: strict.Quote(text) + " has a blank or a control character", Fix: fix}
		}
	}
	segments := strings.Split(text, ".")
	if len(segments) > maxClaimSegments {
		return "", &strict.Problem{Message: strict.Quote(text) + " goes deeper than 8 levels", Fix: fix}
	}
	if slices.Contains(segments, "") {
		return "", &strict.Problem{Message: strict.Quote(text) + " has an empty part", Fix: fix}
	}
	return ClaimPath(text), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *ClaimPath) UnmarshalText(text []byte) error {
	parsed, err := ParseClaimPath(string(text))
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}

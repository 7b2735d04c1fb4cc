package avatar

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
)

func isData(address string) bool {
	return len(address) >= 5 && strings.EqualFold(address[:5], "data:")
}

// dataURL returns what a data: URL holds (RFC 2397). The type that it states is nothing to
// rely on and is not looked at.
func dataURL(address string, most int64) ([]byte, error) {
	head, body, ok := strings.Cut(address[len("data:"):], ",")
	if !ok {
		return nil, fmt.Errorf("%w: the data: URL is cut", ErrFormat)
	}
	// Percent-encoded, a byte takes three characters at the most.
	if int64(len(body)) > 3*most {
		return nil, fmt.Errorf("%w: more than %d", ErrTooLarge, most)
	}
	raw, err := url.PathUnescape(body)
	if err != nil {
		return nil, fmt.Errorf("%w: the data: URL is malformed", ErrFormat)
	}
	data := []byte(raw)
	if parameters := strings.Split(head, ";"); strings.EqualFold(strings.TrimSpace(parameters[len(parameters)-1]), "base64") {
		raw = strings.TrimRight(strings.Map(unspaced, raw), "=")
		enc := base64.RawStdEncoding
		if strings.ContainsAny(raw, "-_") {
			enc = base64.RawURLEncoding
		}
		if data, err = enc.DecodeString(raw); err != nil {
			return nil, fmt.Errorf("%w: the data: URL is not base64", ErrFormat)
		}
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%w: more than %d", ErrTooLarge, most)
	}
	return data, nil
}

func unspaced(r rune) rune {
	switch r {
	case ' ', '\t', '\r', '\n':
		return -1
	}
	return r
}

package applogout

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/preset"
)

// request makes a call as the app's own page would: apps compare Host, Origin and
// Sec-Fetch-Site with their own address. No identity goes with it, so that no app
// takes the call for a sign-in.
func request(ctx context.Context, origin httpx.Origin, call preset.Call, token string) (*http.Request, error) {
	path, query, _ := strings.Cut(call.Path, "?")
	u := &url.URL{Path: path, RawQuery: query}
	form := url.Values{}
	for name, value := range call.Form {
		form.Set(name, value)
	}
	if x := call.XSRF; x != nil && x.Field != "" {
		form.Set(x.Field, token)
	}
	if x := call.XSRF; x != nil && x.Query != "" {
		q := u.Query()
		q.Set(x.Query, token)
		u.RawQuery = q.Encode()
	}
	body := ""
	if len(form) > 0 {
		body = form.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, call.Method, u.String(), strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making the call: %w", err)
	}
	r.Host = origin.Host()
	h := r.Header
	if body != "" {
		h.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	h.Set("User-Agent", "Cardea")
	h.Set("Accept", "*/*")
	h.Set("X-Forwarded-Host", origin.Host())
	h.Set("X-Forwarded-Proto", "http")
	if origin.Secure() {
		h.Set("X-Forwarded-Proto", "https")
	}
	h.Set("Referer", string(origin)+path)
	h.Set("Sec-Fetch-Site", "same-origin")
	if call.Method == http.MethodGet {
		h.Set("Sec-Fetch-Mode", "navigate")
		h.Set("Sec-Fetch-Dest", "document")
	} else {
		h.Set("Origin", string(origin))
		h.Set("Sec-Fetch-Mode", "cors")
		h.Set("Sec-Fetch-Dest", "empty")
	}
	for name, value := range call.Header {
		h.Set(name, value)
	}
	if x := call.XSRF; x != nil && x.Header != "" {
		h.Set(x.Header, token)
	}
	return r, nil
}

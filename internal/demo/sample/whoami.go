package sample

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// report is the answer of /api/whoami: the person, and the request as it reached the app.
type report struct {
	person
	Method     string              `json:"method"`
	Host       string              `json:"host"`
	Path       string              `json:"path"`
	Query      string              `json:"query"`
	Proto      string              `json:"proto"`
	RemoteAddr string              `json:"remote_addr"`
	Headers    map[string][]string `json:"headers"`
	// Cookies are the names of the cookies that arrived; their values are nobody's business.
	Cookies []string `json:"cookies"`
}

// whoami tells what reached the app. Values of Cookie and Authorization are left out, so that the
// answer can be shown and logged.
func (a *app) whoami(w http.ResponseWriter, r *http.Request) {
	out := report{
		person: personOf(r), Method: r.Method, Host: r.Host, Path: r.URL.Path, Query: r.URL.RawQuery,
		Proto: r.Proto, RemoteAddr: r.RemoteAddr, Headers: map[string][]string{}, Cookies: []string{},
	}
	for name, values := range r.Header {
		switch name {
		case "Cookie":
		case "Authorization", "Proxy-Authorization":
			out.Headers[name] = []string{"(left out)"}
		default:
			out.Headers[name] = toUTF8(values)
		}
	}
	for _, c := range r.Cookies() {
		out.Cookies = append(out.Cookies, c.Name)
	}
	slices.Sort(out.Cookies)
	writeJSON(w, http.StatusOK, out)
}

func toUTF8(values []string) []string {
	clean := make([]string, len(values))
	for i, value := range values {
		clean[i] = strings.ToValidUTF8(value, "\uFFFD")
	}
	return clean
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(data) // a client that has gone is not told
}

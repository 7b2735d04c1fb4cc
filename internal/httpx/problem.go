package httpx

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ProblemBase precedes the stable part of a problem's type (RFC 9457 section 3.1.1).
const ProblemBase = "urn:cardea:problem:"

// Problem is a failure told to a program (RFC 9457).
type Problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"` // the incident id that the log line carries
	SignIn   string `json:"sign_in,omitempty"`  // where a person can sign in
	// ACRValues, separated by blanks, and MaxAge, in seconds, are what that sign-in has to
	// satisfy (RFC 9470 section 3).
	ACRValues string `json:"acr_values,omitempty"`
	MaxAge    int64  `json:"max_age,omitempty"`
}

// WriteProblem writes p as a problem document that no cache keeps. retryAfter is sent
// when positive, in whole seconds.
func WriteProblem(w http.ResponseWriter, p Problem, retryAfter time.Duration) {
	if !strings.Contains(p.Type, ":") {
		p.Type = ProblemBase + p.Type
	}
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"type":"about:blank","title":"Internal error","status":500}`)
		p.Status = http.StatusInternalServerError
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((retryAfter+time.Second-1)/time.Second)))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}

// NewIncident returns an id that ties what a person is shown to a log line.
func NewIncident() string {
	var b [10]byte
	_, _ = rand.Read(b[:])
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

package admin

import (
	_ "embed"
	"net/http"
)

//go:embed openapi.json
var description []byte

// openapi serves the description of this API (OpenAPI 3.1). It is written by hand and is
// the only one: tests hold it against the routes and every answer.
func (s server) openapi(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(description)
}

package setup

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/cardea-auth/cardea/internal/record"
)

// web answers by address. What it does not know is not reached at an origin of which it
// knows nothing, and is 404 elsewhere.
type web struct {
	answers map[string]Answer
	origins map[string]bool
	asked   []string
}

func newWeb() *web { return &web{answers: map[string]Answer{}, origins: map[string]bool{}} }

func (w *web) Get(_ context.Context, address string) (Answer, error) {
	w.asked = append(w.asked, address)
	if a, ok := w.answers[address]; ok {
		return a, nil
	}
	for o := range w.origins {
		if len(address) >= len(o) && address[:len(o)] == o {
			return Answer{Status: http.StatusNotFound, Header: http.Header{}}, nil
		}
	}
	return Answer{}, errors.New("connection refused")
}

func (w *web) say(origin, path string, a Answer) {
	w.origins[origin] = true
	if a.Header == nil {
		a.Header = http.Header{}
	}
	w.answers[origin+path] = a
}

// provider puts metadata below an issuer.
func (w *web) provider(t *testing.T, origin, path, issuer string, more map[string]any) {
	t.Helper()
	doc := map[string]any{"issuer": issuer, "authorization_endpoint": origin + path + "/authorize"}
	for name, value := range more {
		doc[name] = value
	}
	body, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	w.say(origin, path+discovery, Answer{Status: http.StatusOK, Body: body})
}

func (w *web) moved(origin, path, to string) {
	w.say(origin, path, Answer{Status: http.StatusMovedPermanently, Header: http.Header{"Location": {to}}})
}

func (w *web) search() Search { return Search{Get: w, Recognise: record.Recognised} }

// getter answers by a function.
type getter func(address string) (Answer, error)

func (g getter) Get(_ context.Context, address string) (Answer, error) { return g(address) }

// keyFile is a client's private key.
func keyFile(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

package sample

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
)

// maxDownload bounds /download, in bytes.
const maxDownload = 1 << 40

// upload reads the body as it comes, keeping none of it, and answers its size and SHA-256.
func (a *app) upload(w http.ResponseWriter, r *http.Request) {
	sum := sha256.New()
	n, err := io.Copy(sum, r.Body)
	if err != nil {
		a.opts.Logger.Info("upload broke off", "bytes", n, "cause", err.Error())
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "the upload broke off", "bytes": n})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"bytes": n, "sha256": hex.EncodeToString(sum.Sum(nil))})
}

// download streams ?bytes=N bytes of a fixed pattern: byte i is i modulo 251. With ?chunked=1 their
// number is not said beforehand.
func (a *app) download(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.ParseInt(r.URL.Query().Get("bytes"), 10, 64)
	if err != nil || n < 0 || n > maxDownload {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "bytes must be 0 to " + strconv.Itoa(maxDownload)})
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Query().Get("chunked") == "" {
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	}
	if _, err := io.CopyN(w, &pattern{}, n); err != nil {
		a.opts.Logger.Info("download broke off", "cause", err.Error())
	}
}

// patternPeriod is prime, so that lost or doubled blocks of a usual size show.
const patternPeriod = 251

// pattern is an endless reader of the download's bytes.
type pattern struct{ next int }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(p.next)
		if p.next++; p.next == patternPeriod {
			p.next = 0
		}
	}
	return len(b), nil
}

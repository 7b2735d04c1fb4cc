package signin

import (
	"encoding/base64"
	"encoding/binary"
	"time"
)

// writer and reader make the compact plaintext of sealed values. Every field has a
// fixed length or carries its own, so that no two field lists share an encoding.
type writer struct{ b []byte }

func (w *writer) raw(b []byte)     { w.b = append(w.b, b...) }
func (w *writer) uint(v uint64)    { w.b = binary.AppendUvarint(w.b, v) }
func (w *writer) time(t time.Time) { w.uint(uint64(max(t.UnixMilli(), 0))) }
func (w *writer) text(s string)    { w.uint(uint64(len(s))); w.b = append(w.b, s...) }

type reader struct {
	b   []byte
	bad bool
}

func (r *reader) raw(into []byte) {
	if len(r.b) < len(into) {
		r.fail()
		return
	}
	r.b = r.b[copy(into, r.b):]
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) time() time.Time {
	ms := r.uint()
	if ms > 1<<52 {
		r.fail()
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}

func (r *reader) text() string {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail()
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) fail() { r.bad, r.b = true, nil }

// done reports whether everything was read and nothing is left.
func (r *reader) done() bool { return !r.bad && len(r.b) == 0 }

var sealedText = base64.RawURLEncoding.Strict()

// seal and unseal turn a plaintext into URL-safe text and back. Every failure of unseal
// is ErrAttempt: why a value cannot be read helps only whoever forged it.
func (s *SignIn) seal(purpose, record string, plaintext []byte) (string, error) {
	sealed, err := s.o.Sealer.Seal(purpose, record, plaintext)
	if err != nil {
		return "", err
	}
	return sealedText.EncodeToString(sealed), nil
}

func (s *SignIn) unseal(purpose, record, text string, limit int) (*reader, error) {
	if text == "" || len(text) > limit {
		return nil, ErrAttempt
	}
	sealed, err := sealedText.DecodeString(text)
	if err != nil {
		return nil, ErrAttempt
	}
	plaintext, err := s.o.Sealer.Unseal(purpose, record, sealed)
	if err != nil {
		return nil, ErrAttempt
	}
	return &reader{b: plaintext}, nil
}

package admin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/session"
)

// archive is a gateway that makes backups of text.
type archive struct {
	text    string
	err     error // after text was written
	withKey []bool
}

func (a *archive) WriteBackup(_ context.Context, w io.Writer, withKey bool) error {
	a.withKey = append(a.withKey, withKey)
	if a.text != "" {
		_, _ = io.WriteString(w, a.text)
	}
	return a.err
}

func (*archive) BackupProgress() BackupProgress {
	return BackupProgress{Running: true, Done: 3, Of: 7}
}

// archiving serves an archive's endpoints on a unix socket and on TCP.
func archiving(t *testing.T, a *archive) (unix, tcp *Client, logs *bytes.Buffer) {
	t.Helper()
	logs = &bytes.Buffer{}
	s := server{Options{Backups: a, Trail: &trail{}, Incidents: &shelf{}, Logger: slog.New(slog.NewTextHandler(logs, nil)), Now: func() time.Time { return now }}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/backup", s.backup)
	mux.HandleFunc("GET /v1/backup", s.backupProgress)
	dir, err := os.MkdirTemp("", "adm") // t.TempDir can be longer than a socket's path may be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "admin.sock")
	l, err := httpx.ListenUnix(t.Context(), path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	onUnix := &httptest.Server{Listener: l, Config: &http.Server{Handler: mux, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}}
	onUnix.Start()
	t.Cleanup(onUnix.Close)
	onTCP := httptest.NewServer(mux)
	t.Cleanup(onTCP.Close)
	return NewClient(Endpoint{Network: "unix", Address: path}), NewClient(Endpoint{Network: "tcp", Address: strings.TrimPrefix(onTCP.URL, "http://")}), logs
}

func TestBackupArrivesWhole(t *testing.T) {
	a := &archive{text: strings.Repeat("a backup ", 100_000)}
	c, _, logs := archiving(t, a)
	var b bytes.Buffer
	if err := c.Backup(t.Context(), false, &b); err != nil || b.String() != a.text {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
	if p, err := c.BackupProgress(t.Context()); err != nil || p != (BackupProgress{true, 3, 7}) {
		t.Errorf("%+v, %v", p, err)
	}
	if !strings.Contains(logs.String(), "backup made") {
		t.Errorf("log: %s", logs)
	}
}

func TestBackupThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	a := &archive{text: strings.Repeat("half ", 1000), err: errors.New("disk on fire")}
	c, _, logs := archiving(t, a)
	if err := c.Backup(t.Context(), false, io.Discard); err == nil {
		t.Error("no error")
	}
	if !strings.Contains(logs.String(), "disk on fire") {
		t.Errorf("log: %s", logs)
	}
}

func TestBackupThatCannotBeginIsAnsweredWhy(t *testing.T) {
	for _, tc := range []struct {
		err  error
		says string
	}{{ErrBusy, "Another backup is being made"}, {session.ErrUnavailable, "store does not answer"}} {
		c, _, _ := archiving(t, &archive{err: tc.err})
		var b bytes.Buffer
		if err := c.Backup(t.Context(), false, &b); err == nil || !strings.Contains(err.Error(), tc.says) || b.Len() != 0 {
			t.Errorf("%v: %v, %d bytes", tc.err, err, b.Len())
		}
	}
}

func TestRootKeyLeavesOverTheSocketOnly(t *testing.T) {
	a := &archive{text: "x"}
	unix, tcp, _ := archiving(t, a)
	if err := tcp.Backup(t.Context(), true, io.Discard); err == nil || !strings.Contains(err.Error(), "unix socket only") || len(a.withKey) != 0 {
		t.Errorf("over TCP: %v, asked %v", err, a.withKey)
	}
	if err := errors.Join(tcp.Backup(t.Context(), false, io.Discard), unix.Backup(t.Context(), true, io.Discard)); err != nil || len(a.withKey) != 2 {
		t.Errorf("%v, asked %v", err, a.withKey)
	}
}

func TestBackupRequestSaysNothingElse(t *testing.T) {
	a := &archive{text: "x"}
	c, _, _ := archiving(t, a)
	for _, body := range []string{"", "with_key", `{"with_keys":true}`, `{}{}`} {
		req, err := http.NewRequest(http.MethodPost, "http://admin/v1/backup", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d", body, resp.StatusCode)
		}
	}
	if len(a.withKey) != 0 {
		t.Error("a backup was made")
	}
}

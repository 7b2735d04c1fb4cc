package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/httpx"
)

// Backups makes backups of the store that the gateway runs on.
type Backups interface {
	// WriteBackup writes a backup to w; nothing when it fails before it has begun. It
	// returns ErrBusy while another is being made.
	WriteBackup(ctx context.Context, w io.Writer, withKey bool) error
	// BackupProgress is how far it is.
	BackupProgress() BackupProgress
}

// ErrBusy: one backup is made at a time.
var ErrBusy = errors.New("another backup is being made")

// begun notes whether a body has begun, after which no other answer can be given.
type begun struct {
	http.ResponseWriter
	yes bool
}

func (b *begun) Write(p []byte) (int, error) {
	if !b.yes {
		b.yes = true
		b.Header().Set("Content-Type", "application/x-tar")
		b.Header().Set("Cache-Control", "no-store")
	}
	return b.ResponseWriter.Write(p)
}

func (s server) backup(w http.ResponseWriter, r *http.Request) {
	var req BackupRequest
	if err := decode(w, r, &req); err != nil {
		s.refuse(w, "the body is not a JSON object with with_key")
		return
	}
	// A TCP connection may be seen by others on its way, and its credential may be a
	// script's. The socket opens for whoever can read the key's file anyway.
	if at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); req.WithKey && (!ok || at.Network() != "unix") {
		httpx.WriteProblem(w, httpx.Problem{Type: "key-refused", Title: "The root key is handed out over a unix socket only", Status: http.StatusForbidden,
			Detail: "make the backup without it, and keep a copy of what keys.root_file names"}, 0)
		return
	}
	e := audit.Event{}
	if req.WithKey {
		e.Detail = map[string]string{"with_root_key": "yes"}
	}
	if err := s.asked(r.Context(), actBackup, e); err != nil {
		s.fail(w, err)
		return
	}
	out := &begun{ResponseWriter: w}
	err := s.o.Backups.WriteBackup(r.Context(), out, req.WithKey)
	switch {
	case err == nil:
		s.o.Logger.Info("backup made", "with_root_key", req.WithKey)
	case errors.Is(err, ErrBusy):
		httpx.WriteProblem(w, httpx.Problem{Type: "backup-running", Title: "Another backup is being made", Status: http.StatusConflict}, 0)
	case !out.yes:
		s.fail(w, err)
	default:
		s.o.Logger.Error("backup broke off", "err", err)
		panic(http.ErrAbortHandler) // whoever reads must not take what came for the whole
	}
}

func (s server) backupProgress(w http.ResponseWriter, _ *http.Request) {
	answer(w, s.o.Backups.BackupProgress())
}

// Backup writes a backup of the running gateway's store to w. What was written when it
// fails is worth nothing.
func (c *Client) Backup(ctx context.Context, withKey bool, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodPost, "/v1/backup", BackupRequest{WithKey: withKey})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("receiving the backup from the gateway: %w", err)
	}
	return nil
}

// BackupProgress asks how far the backup is that is being made.
func (c *Client) BackupProgress(ctx context.Context) (BackupProgress, error) {
	var p BackupProgress
	err := c.call(ctx, http.MethodGet, "/v1/backup", nil, &p)
	return p, err
}

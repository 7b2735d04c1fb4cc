package admin

import (
	"context"
	"net"
	"net/http"

	"github.com/cardea-auth/cardea/internal/audit"
)

// Who an operator is where the system does not name a user.
const (
	byToken  = "admin token"
	bySocket = "admin socket"
)

type peerKey struct{}

// ConnContext is for http.Server: it notes which user a connection over a unix socket
// came from.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if peer := peerOfSocket(c); peer != "" {
		return context.WithValue(ctx, peerKey{}, peer)
	}
	return ctx
}

// identified makes whatever a request does its operator's.
func (s server) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		by, ok := r.Context().Value(peerKey{}).(string)
		switch {
		case s.o.Credential != nil:
			by = byToken
		case !ok:
			by = bySocket
		}
		next.ServeHTTP(w, r.WithContext(audit.WithActor(r.Context(), audit.ActorOperator, by)))
	})
}

// operator is who acts, for logs, receipts and the trail.
func operator(ctx context.Context) string {
	_, by := audit.ActorOf(ctx)
	return by
}

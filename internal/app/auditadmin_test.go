package app

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/devprovider"
)

func (w *world) metrics() string {
	rec := httptest.NewRecorder()
	w.gateway.app.ops.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return rec.Body.String()
}

func TestTheAuditFileHasTheTrailAndMetricsTellOfIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	w := newWorld(t, devprovider.Options{}, fmt.Sprintf("audit: {file: %q}\n", file))
	b := w.browser("alice", "wonderland")
	b.visit("/")
	b.signOut()
	// What the sign-out told others comes into the trail when it comes.
	w.eventually("the file and the metrics have the whole trail", func() error {
		page, err := w.operator().Audit(t.Context(), admin.AuditQuery{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if at, on := w.gateway.app.trailed.Exported(); !on || at != page.Last || !strings.Contains(fmt.Sprint(page.Events), string(audit.SessionEnded)) {
			return fmt.Errorf("the file has %d of %+v", at, page)
		}
		metrics := w.metrics()
		for _, want := range []string{fmt.Sprintf("cardea_audit_events_total %d", page.Last), "cardea_audit_export_lag_events 0", "cardea_audit_export_failing 0"} {
			if !strings.Contains(metrics, want+"\n") {
				return fmt.Errorf("%s is missing in %s", want, regexp.MustCompile(`cardea_audit\S+ \S+`).FindAllString(metrics, -1))
			}
		}
		return nil
	})
	w.stop()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		e, err := audit.ParseLine(line)
		if err != nil || e.Seq != int64(i+1) {
			t.Errorf("line %d: %+v, %v", i+1, e, err)
		}
		if err := audit.Check(e); err != nil {
			t.Error(err)
		}
	}
}

func TestOperatorsWhoWaitHoldNoStopUp(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	page, err := w.operator().Audit(t.Context(), admin.AuditQuery{Newest: true, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = w.operator().Audit(t.Context(), admin.AuditQuery{After: page.Last, Types: []string{"avatar.changed"}, Wait: 50 * time.Second})
	}()
	time.Sleep(300 * time.Millisecond) // by now they wait; the sooner stop would prove less
	w.stop()
	<-done
	if strings.Contains(w.log.String(), "requests were cut") {
		t.Errorf("the stop took all the time it had\n%s", w.log)
	}
}

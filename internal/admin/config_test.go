package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestAConfigurationIsPlannedWithTheFolderThatItIsRelativeTo(t *testing.T) {
	f := full()
	_, path, _ := gateway(t, f)
	c := NewClient(Endpoint{Network: "unix", Address: path})
	long := "# " + strings.Repeat("x", 200<<10) + "\napps: []\n"
	plan, err := c.PlanConfig(t.Context(), "/etc/cardea/", []byte(long))
	if err != nil || plan.Sessions != 2 || len(plan.Ends) != 1 || !slices.Equal(f.planned, []string{"/etc/cardea: " + long}) {
		t.Errorf("%+v, %v", plan, err)
	}
	now, err := c.Configuration(t.Context())
	if err != nil || now.File != "/etc/cardea/cardea.yaml" || now.LoadedAt.IsZero() {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestWhatIsNoConfigurationIsNotPlanned(t *testing.T) {
	f := full()
	_, path, _ := gateway(t, f)
	for name, body := range map[string]string{
		"no text": `{"folder":"/etc"}`, "no folder": `{"text":"a: b"}`, "a folder that is none here": `{"folder":"conf","text":"a: b"}`,
		"too long": `{"folder":"/etc","text":"` + strings.Repeat("x", maxConfig) + `"}`, "something else": `{"folder":"/etc","text":"a: b","reload":true}`,
	} {
		if resp := ask(t, path, http.MethodPost, "/v1/config/plan", body); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if len(f.planned) != 0 {
		t.Errorf("planned %q", f.planned)
	}
	for want, fails := range map[int]error{http.StatusConflict: ErrNoFile, http.StatusServiceUnavailable: session.ErrUnavailable, http.StatusInternalServerError: errors.New("x")} {
		f.planFails = fails
		resp := ask(t, path, http.MethodPost, "/v1/config/plan", `{"folder":"/etc","text":"a: b"}`)
		var p httpx.Problem
		if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || resp.StatusCode != want {
			t.Errorf("%v: %d, %v", fails, resp.StatusCode, err)
		}
	}
}

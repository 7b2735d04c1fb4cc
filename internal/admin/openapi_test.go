package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestEveryRouteIsDescribedAndNothingElse(t *testing.T) {
	d := readDocument(t)
	served := map[string][]string{}
	for _, r := range (server{}).routes() {
		params := append([]string{}, r.params...)
		for _, part := range strings.Split(r.path, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				params = append(params, strings.TrimSuffix(name, "}"))
			}
		}
		slices.Sort(params)
		served[r.method+" "+r.path] = params
	}
	told := map[string][]string{}
	for path, methods := range d.Paths {
		for method, op := range methods {
			params := []string{}
			for _, p := range op.Parameters {
				params = append(params, p.Name)
				if p.In == "path" != strings.Contains(path, "{"+p.Name+"}") || p.In == "path" != p.Required || p.Description == "" {
					t.Errorf("%s %s: parameter %s", method, path, p.Name)
				}
			}
			slices.Sort(params)
			told[strings.ToUpper(method)+" "+path] = params
		}
	}
	if diff := cmp.Diff(served, told); diff != "" {
		t.Errorf("(-served +described)\n%s", diff)
	}
}

func TestTheDescriptionIsWhole(t *testing.T) {
	d := readDocument(t)
	if !strings.HasPrefix(d.OpenAPI, "3.1.") || d.Info["title"] == "" || d.Info["version"] != "1" {
		t.Errorf("%s %v", d.OpenAPI, d.Info)
	}
	used, ids := map[string]bool{}, map[string]bool{}
	var walk func(at string, s schema)
	walk = func(at string, s schema) {
		if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
			if used[name] {
				return
			}
			used[name] = true
			if d.Components.Schemas[name].Type == "" {
				t.Errorf("%s: %s leads nowhere", at, s.Ref)
			}
			walk(name, d.Components.Schemas[name])
			return
		}
		for name, p := range s.Properties {
			walk(at+"."+name, p)
		}
		for _, name := range s.Required {
			if _, ok := s.Properties[name]; !ok {
				t.Errorf("%s demands %s, which it does not describe", at, name)
			}
		}
		if s.Items != nil {
			walk(at+"[]", *s.Items)
		}
	}
	for path, methods := range d.Paths {
		for method, op := range methods {
			at := method + " " + path
			if op.ID == "" || ids[op.ID] || op.Summary == "" || op.Responses["default"].Ref != "#/components/responses/Problem" {
				t.Errorf("%s: operationId %q, summary %q, default %+v", at, op.ID, op.Summary, op.Responses["default"])
			}
			ids[op.ID] = true
			for status, resp := range op.Responses {
				for kind, m := range resp.Content {
					walk(at+" "+status, m.Schema)
					if (kind == "application/problem+json") != (status != "200") {
						t.Errorf("%s: %s is answered as %s", at, status, kind)
					}
				}
			}
			if (op.RequestBody != nil) != (method == "post") {
				t.Errorf("%s: body %v", at, op.RequestBody)
			}
			if op.RequestBody != nil {
				walk(at, op.RequestBody.Content["application/json"].Schema)
			}
		}
	}
	walk("problem", d.Components.Responses["Problem"].Content["application/problem+json"].Schema)
	for name, s := range d.Components.Schemas {
		if !used[name] || s.Description == "" {
			t.Errorf("schema %s: used %v, %q", name, used[name], s.Description)
		}
	}
}

// The wire format is what encoding/json makes of these; the description says the same.
func TestEverySchemaHasTheMembersOfItsType(t *testing.T) {
	d := readDocument(t)
	for _, v := range []any{
		Session{}, SessionList{}, Step{}, SummedStep{}, Ended{}, Shown{}, EndRequest{}, EndAnswer{}, EndProgress{}, EndLine{},
		Account{}, AccountList{}, AccountDetails{}, Picture{}, Email{}, Identity{}, Deleted{}, AccountShown{}, DeleteRequest{}, UnlinkRequest{}, AccountAct{},
		Delivery{}, DeliveryList{}, RetryRequest{}, RetryAnswer{}, Fetched{}, Provider{}, ProviderList{}, Incident{}, Seen{}, AuditPage{}, audit.Event{}, audit.Personal{}, BackupRequest{}, BackupProgress{},
		Configuration{}, ConfigPlanRequest{}, ConfigPlan{}, ConfigFault{}, ConfigWarning{}, ConfigChange{}, ConfigEnd{}, ConfigStranded{},
	} {
		typ := reflect.TypeOf(v)
		s, ok := d.Components.Schemas[typ.Name()]
		if !ok {
			t.Errorf("%s is not described", typ.Name())
			continue
		}
		want := map[string]bool{}
		membersOf(typ, want)
		got := map[string]bool{}
		for name := range s.Properties {
			got[name] = slices.Contains(s.Required, name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-members that are always there, or not +required, or not)\n%s", typ.Name(), diff)
		}
	}
}

func membersOf(typ reflect.Type, into map[string]bool) {
	for f := range typ.Fields() {
		if f.Anonymous {
			membersOf(f.Type, into)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		into[name] = options == ""
	}
}

// Words that others coin are described as soon as they are.
func TestEveryWordOfAReceiptAndOfADeliveryIsDescribed(t *testing.T) {
	d := readDocument(t)
	for _, tc := range []struct {
		file, typ, schema, property string
	}{
		{"../signout/steps.go", "What", "Step", "what"}, {"../signout/steps.go", "StepState", "Step", "state"},
		{"../signout/steps.go", "What", "SummedStep", "what"}, {"../signout/steps.go", "StepState", "SummedStep", "state"},
		{"../outbox/entry.go", "Kind", "Delivery", "kind"}, {"../outbox/entry.go", "State", "Delivery", "state"},
	} {
		want := slices.Sorted(slices.Values(constants(t, tc.file, tc.typ)))
		got := slices.Sorted(slices.Values(d.Components.Schemas[tc.schema].Properties[tc.property].Enum))
		if diff := cmp.Diff(want, got); diff != "" || len(want) < 3 {
			t.Errorf("%s.%s: (-words of the code +described)\n%s", tc.schema, tc.property, diff)
		}
	}
}

// constants are the texts of a type's constants in a file.
func constants(t *testing.T, name, typ string) (words []string) {
	t.Helper()
	file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typ {
			for _, v := range spec.Values {
				words = append(words, strings.Trim(v.(*ast.BasicLit).Value, `"`))
			}
		}
		return true
	})
	return words
}

// full is a gateway with one of everything.
func full() *fake {
	f := &fake{
		sessions: []*session.Session{one("a")}, ended: map[session.ID]session.Tombstone{"z": {Session: "z", Cause: session.CauseButton, EndedAt: now}},
		people: []account.Person{{
			Account: account.Account{ID: "acc-a", Handle: "ann", Name: "Ann", Email: "ann@example.com", CreatedAt: now},
			Identities: []account.Identity{
				{Identity: oidc.Identity{Issuer: "https://idp.example", Subject: "sub"}, Provider: "main", LinkedAt: now, LastUsed: now, Email: "ann@work.example"},
				{Identity: oidc.Identity{Issuer: "https://two.example", Subject: "sub"}, Provider: "second", LinkedAt: now, LastUsed: now.Add(time.Hour), Email: "ann@example.com", EmailBelieved: true},
			},
		}},
		erased: []account.Ref{{ID: "acc-gone", Handle: "gone", ErasedAt: now}},
		entries: []outbox.Entry{
			{ID: "e", Kind: outbox.KindRevoke, Session: "z", Provider: "main", State: outbox.Pending, CreatedAt: now, NextAt: now, Deadline: now, Attempts: 1, LastError: "unreachable"},
			{ID: "f", Kind: outbox.KindAppLogout, Session: "z", Provider: "main", App: "chat", State: outbox.Done, CreatedAt: now},
		},
		backups: func(w io.Writer) error { _, err := w.Write([]byte("tar")); return err },
	}
	f.shelf.answers = map[string]incident.Answer{"why": {Incident: incident.Incident{ID: "why", At: now, Kind: "denied", Status: 403}, Explanation: incident.Explanation{Means: "m", Fix: "f"}}}
	return f
}

// ask sends a request as programs do.
func ask(t *testing.T, path, method, target, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://admin"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client(path).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func TestEveryOperationAnswersAsItIsDescribed(t *testing.T) {
	f := full()
	_, path, _ := gateway(t, f) // which checks every answer
	bodies := map[string]string{
		"POST /v1/sessions/end": `{"all":true}`, "POST /v1/outbox/retry": `{"failing":true}`, "POST /v1/config/plan": `{"folder":"/etc/cardea","text":"apps: []"}`, "POST /v1/accounts/{account}/delete": `{"handle":"ann"}`,
		"POST /v1/accounts/{account}/unlink": `{"identity":"` + account.KeyOf(oidc.Identity{Issuer: "https://two.example", Subject: "sub"}) + `"}`,
	}
	names := strings.NewReplacer("{account}", "ann", "/sessions/{id}", "/sessions/a", "/outbox/{id}", "/outbox/e", "/providers/{id}", "/providers/main", "/incidents/{id}", "/incidents/why")
	for _, r := range (server{}).routes() {
		body := "{}"
		if b, ok := bodies[r.method+" "+r.path]; ok {
			body = b
		}
		target := names.Replace(r.path)
		if resp := ask(t, path, r.method, target, body); resp.StatusCode != http.StatusOK {
			t.Errorf("%s %s: %d", r.method, target, resp.StatusCode)
		}
		if resp := ask(t, path, "PATCH", target, body); resp.StatusCode != http.StatusMethodNotAllowed || !strings.Contains(resp.Header.Get("Allow"), r.method) {
			t.Errorf("PATCH %s: %d, allowed is %q", target, resp.StatusCode, resp.Header.Get("Allow"))
		}
		if resp := ask(t, path, r.method, target+"?acount=ann", body); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s %s with a parameter that does not exist: %d", r.method, target, resp.StatusCode)
		}
		for _, p := range r.params {
			if resp := ask(t, path, r.method, target+"?"+p+"=1&"+p+"=2", body); resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%s %s with %s twice: %d", r.method, target, p, resp.StatusCode)
			}
		}
		if r.method == "POST" {
			for _, bad := range []string{"", "null x", `{"unknown":1}`, "[]", strings.Repeat(" ", maxBody+1) + "{}"} {
				if resp := ask(t, path, r.method, target, bad); resp.StatusCode != http.StatusBadRequest {
					t.Errorf("%s %s with the body %.20q: %d", r.method, target, bad, resp.StatusCode)
				}
			}
		}
	}
	for _, target := range []string{"/v1/sessions/z", "/v1/accounts/gone", "/v1/outbox/f", "/v1/providers?probe=true", "/v1/providers/second", "/v1/accounts?disabled=true&limit=1", "/v1/audit?limit=1&newest=true", "/v1/outbox?limit=1"} {
		if resp := ask(t, path, "GET", target, ""); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", target, resp.StatusCode)
		}
	}
}

// A validator that finds nothing would hold nothing.
func TestTheValidatorFindsWhatIsWrong(t *testing.T) {
	d := readDocument(t)
	good, err := json.Marshal(EndAnswer{Ended: 1, Steps: []SummedStep{{What: "tokens", State: "done", Sessions: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequest(http.MethodPost, "/v1/sessions/end", nil)
	ok := http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}}
	if wrong := d.checkAnswer(req, 200, ok, good); len(wrong) > 0 {
		t.Fatalf("a good answer: %v", wrong)
	}
	for _, change := range [][2]string{
		{`"ended":1`, `"ended":-1`}, {`"ended":1`, `"ended":1.5`}, {`"ended":1`, `"ended":"1"`}, {`"ended":1,`, ``}, {`"ended":1`, `"ended":1,"more":1`},
		{`"tokens"`, `"cookies"`}, {`"done"`, `7`}, {`[{`, `{`}, {`"sessions":1`, `"sessions":null`},
	} {
		bad := strings.Replace(string(good), change[0], change[1], 1)
		if wrong := d.checkAnswer(req, 200, ok, []byte(strings.Replace(bad, `}]`, `}`, strings.Count(change[0], "[")))); len(wrong) == 0 {
			t.Errorf("%s passes", bad)
		}
	}
	for name, check := range map[string][]string{
		"type": d.checkAnswer(req, 200, http.Header{"Content-Type": {"text/html"}}, good), "cached": d.checkAnswer(req, 200, http.Header{"Content-Type": {"application/json"}}, good),
		"status": d.checkAnswer(req, 418, ok, good), "no time": d.validate(schema{Type: "string", Format: "date-time"}, "yesterday", ""),
		"zero time": d.validate(schema{Type: "string", Format: "date-time"}, "0001-01-01T00:00:00Z", ""),
	} {
		if len(check) == 0 {
			t.Errorf("%s passes", name)
		}
	}
}

func TestTheDescriptionIsServed(t *testing.T) {
	_, path, _ := gateway(t, &fake{})
	body, err := io.ReadAll(get(t, path, "/v1/openapi.json").Body)
	if err != nil || !bytes.Equal(body, description) {
		t.Errorf("%v, %d bytes", err, len(body))
	}
	var p httpx.Problem
	if err := json.NewDecoder(get(t, path, "/v1/openapi.yaml").Body).Decode(&p); err != nil || !strings.Contains(fmt.Sprint(p), "/v1/openapi.json") {
		t.Errorf("%+v, %v", p, err)
	}
}

package doctor

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/record"
)

func TestWhereAllIsWellThereIsNothingToFix(t *testing.T) {
	for _, kind := range []string{"keycloak", "oidc"} {
		r := newRig(t)
		r.kind = kind
		report := r.examine()
		if report.Summary.Error != 0 || report.Summary.Warning != 0 {
			t.Errorf("%s: %s", kind, text(t, report))
		}
		for _, check := range []string{"reachable", "issuer", "endpoints", "scopes", "pkce", "keys", "redirect-uri", "post-logout-uri", "credentials", "app-reachable"} {
			if f := finding(t, report, check); f.Level != OK {
				t.Errorf("%s: %s is %s: %s", kind, check, f.Level, f.Found)
			}
		}
		if report.Failed() {
			t.Error("a report without errors has failed")
		}
	}
}

func TestAProviderIsAskedLittleWithoutCookiesAndChangesNothing(t *testing.T) {
	for name, provoke := range map[string]func(*rig){
		"well": func(*rig) {},
		"lost": func(r *rig) { r.stands(http.NotFound, "/realms/acme") },
		"deep": func(r *rig) { r.stands(http.NotFound, "/auth/a/b/c") },
		"loop": func(r *rig) {
			r.stands(func(w http.ResponseWriter, req *http.Request) {
				http.Redirect(w, req, req.URL.Path+"x", http.StatusFound)
			}, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			provoke(r)
			r.examine()
			if n := len(r.requests); n == 0 || n > 15 {
				t.Errorf("%d requests", n)
			}
			for _, req := range r.requests {
				if len(req.Cookies()) > 0 {
					t.Errorf("%s %s came with cookies", req.Method, req.URL.Path)
				}
				if req.Method != http.MethodGet && !strings.HasSuffix(req.URL.Path, "/token") {
					t.Errorf("%s %s", req.Method, req.URL.Path)
				}
			}
			if r.provider != nil {
				if c := r.provider.Counters(); c.Logouts != 0 {
					t.Errorf("sessions were ended: %+v", c)
				}
			}
		})
	}
}

// Error pages that repeat what they were sent, and answers that carry a code.
func TestNoSecretStateOrCodeIsEverShown(t *testing.T) {
	r := newRig(t)
	const code = "a-code-that-was-given-0123456789"
	values := []string{clientSecret, code}
	r.options.Faults.Before = func(e devprovider.Endpoint, req *http.Request) *devprovider.Answer {
		if err := req.ParseForm(); err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		for _, name := range []string{"state", "nonce", "code_challenge", "code_verifier"} {
			if v := req.Form.Get(name); v != "" {
				values = append(values, v)
			}
		}
		if h := req.Header.Get("Authorization"); h != "" {
			values = append(values, strings.TrimPrefix(h, "Basic "))
		}
		r.mu.Unlock()
		switch e {
		case devprovider.Authorize:
			a := devprovider.NewAnswer(302, "text/html", "")
			a.Header.Set("Location", req.Form.Get("redirect_uri")+"?code="+code+"&state="+req.Form.Get("state"))
			return a
		case devprovider.EndSession:
			return devprovider.NewAnswer(400, "text/html", "<p>invalid redirect: "+req.URL.RawQuery+"</p>")
		case devprovider.Token:
			return devprovider.NewAnswer(400, "application/json", `{"error":"invalid_request","error_description":"`+req.Header.Get("Authorization")+req.Form.Encode()+`"}`)
		}
		return nil
	}
	var shown strings.Builder
	report := r.examine()
	if err := report.WriteJSON(&shown); err != nil {
		t.Fatal(err)
	}
	all := shown.String() + text(t, report)
	if len(values) < 7 {
		t.Fatalf("only %d values were sent", len(values))
	}
	for _, v := range values {
		if strings.Contains(all, v) {
			t.Errorf("%q is shown in\n%s", v, all)
		}
	}
}

func TestACertificateOfTheConfiguredAuthorityIsTrusted(t *testing.T) {
	s := httptest.NewTLSServer(metadata("", ""))
	defer s.Close()
	r := newRig(t)
	r.issuer, r.roots = s.URL, pemOf(s)
	if f := finding(t, r.examine(), "reachable"); f.Level != OK {
		t.Errorf("%+v", f)
	}
}

func TestAProviderIsCalledAtItsBackchannelAddressUnderItsOwnName(t *testing.T) {
	r := newRig(t)
	var inner *devprovider.Server
	s := r.stands(func(w http.ResponseWriter, req *http.Request) { inner.ServeHTTP(w, req) }, "")
	r.backchannel, r.issuer = s.URL, "http://id.localhost:8080"
	r.options.Issuer, r.options.Clients = r.issuer, []devprovider.Client{r.client}
	p, err := devprovider.New(r.options)
	if err != nil {
		t.Fatal(err)
	}
	inner = &devprovider.Server{Provider: p}
	report := r.examine()
	for _, check := range []string{"reachable", "issuer", "keys", "redirect-uri", "post-logout-uri", "credentials"} {
		if f := finding(t, report, check); f.Level != OK {
			t.Errorf("%s: %+v", check, f)
		}
	}
	for _, req := range r.requests {
		if req.Host != "id.localhost:8080" {
			t.Errorf("%s was asked of %s", req.URL.Path, req.Host)
		}
	}
}

func TestAServerThatNeverAnswersHoldsUpNobody(t *testing.T) {
	r := newRig(t)
	hang := func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
	r.stands(hang, "")
	r.app = hang
	o := r.config()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	report, err := Examine(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range []string{"reachable", "app-reachable"} {
		if f := finding(t, report, check); f.Level != Error || !strings.Contains(f.Found, "does not answer") {
			t.Errorf("%+v", f)
		}
	}
}

func TestWhatAnErrorPageSaysIsFoundAmongItsMarkup(t *testing.T) {
	x := &examination{}
	for _, c := range []struct{ body, want string }{
		{`<html><head><title>Sign in</title></head><body><script>var error=1</script><h1>We are sorry...</h1><p>Invalid parameter: redirect_uri</p></body></html>`,
			"We are sorry... Invalid parameter: redirect_uri"},
		{`{"error":"invalid_request","error_description":"unknown client"}`, "invalid_request: unknown client"},
		{`{"error":"invalid_client"}`, "invalid_client"},
		{`<p>Bad state ` + strings.Repeat("x", 52) + `</p>`, "Bad state …"},
		{"<p>Invalid redirect of &quot;a&quot; &#27;[1m</p>", `Invalid redirect of "a" [1m`},
		{"<p>Invalid\x1b[31m redirect\x00</p>", "Invalid[31m redirect"},
		{"", ""},
		{"<p>" + strings.Repeat("word ", 300) + "</p>", strings.TrimSpace(strings.Repeat("word ", 40)) + " …"},
	} {
		if diff := cmp.Diff(c.want, x.words([]byte(c.body))); diff != "" {
			t.Errorf("%.60q (-want +got):\n%s", c.body, diff)
		}
	}
}

func TestARedirectIsReadByWhereItLeads(t *testing.T) {
	const back = "http://localhost:4180/.cardea/callback/main"
	for _, c := range []struct {
		location string
		want     verdict
		code     string
	}{
		{"/login?session=abc", accepted, ""},
		{back + "?code=abc&state=x", accepted, ""},
		{back + "?error=invalid_scope", answered, "invalid_scope"},
		{"/oauth/error?authError=abc", refused, ""},
		{"/login?error=invalid_request", refused, "invalid_request"},
		{"/login#error=invalid_request", refused, "invalid_request"},
		{back + "?error=%3Cscript%3E", accepted, ""},
		{"", unclear, ""},
		{"http://[", unclear, ""},
	} {
		got := trial{}
		(&examination{}).follow(&got, "https://id.example.com/authorize", c.location, back)
		if got.verdict != c.want || got.code != c.code || strings.Contains(got.seen, "abc") {
			t.Errorf("%s: %+v", c.location, got)
		}
	}
}

func TestEveryCheckAndFindingIsExplainedInTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range checks() {
		names = append(names, c.name)
		_, section, ok := strings.Cut(string(page), "\n### "+c.name+"\n")
		if !ok {
			t.Errorf("docs/doctor.md has no heading %s", c.name)
			continue
		}
		section, _, _ = strings.Cut(section, "\n#")
		for _, id := range c.ids {
			if id != c.name && !strings.Contains(section, "`"+id+"`") {
				t.Errorf("docs/doctor.md does not explain %s under %s", id, c.name)
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^### ([a-z-]+)$`).FindAllStringSubmatch(string(page), -1) {
		if !slices.Contains(names, m[1]) {
			t.Errorf("docs/doctor.md explains %s, which is no check", m[1])
		}
	}
}

func TestEveryFindingOfTheSourceIsInTheListAndNoOther(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || file == "ids.go" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	for _, m := range regexp.MustCompile(`\bID: "([a-z-]+)"|\.ID(?:, f\.[A-Z][a-z]+)* = "([a-z-]+)"|[^x]\.ok\("([a-z-]+)"`).FindAllStringSubmatch(source.String(), -1) {
		if name := m[1] + m[2]; name != "" && !slices.Contains(IDs(), name) {
			t.Errorf("%s is no finding of the list", name)
		}
		if name := m[3]; name != "" && !slices.ContainsFunc(checks(), func(c check) bool { return c.name == name }) {
			t.Errorf("%s is no check of the list", name)
		}
	}
	for _, id := range IDs() {
		if !strings.Contains(source.String(), `"`+id+`"`) && checkOf(id) != "" {
			t.Errorf("%s is never found", id)
		}
	}
	seen := map[string]bool{}
	for _, c := range checks() {
		for _, id := range c.ids {
			if seen[id] {
				t.Errorf("%s is listed twice", id)
			}
			seen[id] = true
		}
	}
}

// A fix under a name that no finding has would never be read.
func TestEveryFixOfARecordIsForAFindingThatExists(t *testing.T) {
	fixes := 0
	for _, kind := range record.Kinds() {
		r, _ := record.Lookup(kind)
		for name, fix := range r.Fixes {
			fixes++
			if !slices.Contains(IDs(), name) {
				t.Errorf("%s: fixes.%s names no finding", kind, name)
			}
			x := &examination{p: Provider{ID: "main", ClientID: "cardea"}, public: public}
			if strings.ContainsAny(x.fill(fix), "{}") {
				t.Errorf("%s: fixes.%s has a word in braces that nothing fills: %s", kind, name, fix)
			}
		}
	}
	if fixes == 0 {
		t.Error("no record has a fix")
	}
}

func TestWhatARecordSaysStandsInPlaceOfTheGeneralFixOrBehindIt(t *testing.T) {
	for _, c := range []struct {
		fixes map[string]string
		id    string
		level Level
		want  []string
	}{
		{nil, "issuer-slash", Error, []string{"general", "always"}},
		{map[string]string{"issuer-slash": "At {public_url}, {id}, {client_id}."}, "issuer-slash", Error, []string{"At http://localhost:4180, main, cardea.", "always"}},
		{map[string]string{"issuer": "Of any issuer."}, "issuer-slash", Error, []string{"general", "Of any issuer.", "always"}},
		{map[string]string{"post-logout-uri": "Of the address."}, "post-logout-uri-hint", Warning, []string{"Of the address.", "always"}},
		{map[string]string{"credentials": "Of the secret."}, "credentials-method", Error, []string{"general", "always"}},
		{map[string]string{"redirect-uri": "Of the finding."}, "redirect-uri", Error, []string{"Of the finding.", "always"}},
	} {
		var g Group
		x := &examination{p: Provider{ID: "main", ClientID: "cardea", Record: record.Record{Kind: "acme", Fixes: c.fixes}}, public: public, g: &g}
		x.add(Finding{ID: c.id, Level: c.level, Fix: []string{"general"}, also: []string{"always"}})
		if diff := cmp.Diff(c.want, g.Findings[0].Fix); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.fixes, diff)
		}
		if want := kinds + "acme.md"; g.Findings[0].About != want {
			t.Errorf("about %q", g.Findings[0].About)
		}
	}
}

func TestTheReportForPeopleIsWrappedAndColouredOnRequestOnly(t *testing.T) {
	report := newReport([]Group{{Kind: KindApp, ID: "chat", At: "http://localhost", Findings: []Finding{
		{ID: "app-reachable", Level: Error, Found: "nothing listens", Meaning: strings.Repeat("word ", 40), Evidence: []string{"a\x1b[2Jb"}, More: manual},
		{Check: "app-exposed", Level: OK, Found: "fine", Evidence: []string{"unshown"}},
	}}})
	plain := text(t, report)
	for line := range strings.Lines(plain) {
		if len(line) > width+1 {
			t.Errorf("%d characters: %s", len(line), line)
		}
	}
	if strings.Contains(plain, "\x1b") || strings.Contains(plain, "unshown") || !strings.HasSuffix(plain, "\n1 error, 0 warnings, 0 notes, 1 ok\n") {
		t.Errorf("%q", plain)
	}
	var colours strings.Builder
	if err := report.WriteText(&colours, true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(colours.String(), "\x1b[1;31mERROR  \x1b[0m") || strings.Contains(colours.String(), "\x1b[2J") {
		t.Errorf("%q", colours.String())
	}
}

func FuzzPagesOfAProvider(f *testing.F) {
	f.Add("<html><script>x</script>Invalid redirect", "https://a.example/?error=x")
	f.Add(`{"error":"x"}`, "/login")
	f.Fuzz(func(t *testing.T, body, location string) {
		x := &examination{}
		said := x.words([]byte(body))
		got := trial{}
		x.follow(&got, "https://id.example.com/authorize", location, public)
		for _, s := range []string{said, got.code} {
			if strings.ContainsAny(s, "\x1b\x00\n\r") || len([]rune(s)) > mostEvidence+1 {
				t.Errorf("%q", s)
			}
		}
		if u, err := url.Parse(location); err == nil {
			_ = bare(u.String())
		}
	})
}

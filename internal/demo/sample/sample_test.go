package sample_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/demo/sample"
)

func serve(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(sample.New(sample.Options{
		Tick: 5 * time.Millisecond,
		Now:  func() time.Time { return time.Unix(0, 0) },
	}))
	t.Cleanup(s.Close)
	return s
}

// get asks with headers given as name, value, ...
func get(t *testing.T, address string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return do(t, r)
}

func do(t *testing.T, r *http.Request) (int, http.Header, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

func TestThePageShowsWhoTheAppWasTold(t *testing.T) {
	s := serve(t)
	_, header, body := get(t, s.URL,
		"X-Forwarded-User", "alice", "X-Forwarded-Name", `<b onclick="x">Älice</b>`, "X-Forwarded-Email", "a@example.com",
		"X-Forwarded-Groups", "staff, <i>,,", "X-Cardea-Account", "acc1")
	for _, want := range []string{
		`Hello, &lt;b onclick=&#34;x&#34;&gt;Älice&lt;/b&gt;`, `id="who-user">alice<`, `a@example.com`,
		`<span class="tag">staff</span> <span class="tag">&lt;i&gt;</span> </dd>`, `<code>acc1</code>`,
		`<form method="post" action="/.cardea/sign-out"><button id="sign-out">`, `href="/.cardea/session"`, `<a class="account" id="account" href="/.cardea/account">My account</a>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(body, "<b onclick") || strings.Contains(body, "<i>") {
		t.Error("markup from a header is on the page")
	}
	policy := header.Get("Content-Security-Policy")
	nonce := regexp.MustCompile(`script-src 'nonce-([^']+)'`).FindStringSubmatch(policy)
	if nonce == nil || strings.Count(body, `nonce="`+nonce[1]+`"`) != 2 || !strings.Contains(policy, "form-action 'self'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %s", policy)
	}
	if _, second, _ := get(t, s.URL); second.Get("Content-Security-Policy") == policy {
		t.Error("the nonce is used twice")
	}
	if regexp.MustCompile(`(src|href)="(https?:)?//`).MatchString(body) {
		t.Error("the page loads something from elsewhere")
	}
}

func TestThePageSaysWhenNobodyIsSignedIn(t *testing.T) {
	if _, _, body := get(t, serve(t).URL); !strings.Contains(body, "Nobody is signed in") {
		t.Error("it does not")
	}
}

func TestThePageIsInTheReadersLanguage(t *testing.T) {
	s := serve(t)
	for accept, want := range map[string]string{
		"": "en", "zh-CN": "zh", "de, zh;q=0.5": "zh", "en;q=0.9, zh": "zh", "en, zh;q=0.9": "en", "zh;q=0": "en", ";;q=,": "en",
	} {
		if _, _, body := get(t, s.URL, "Accept-Language", accept); !strings.Contains(body, `<html lang="`+want+`"`) {
			t.Errorf("%q: not %s", accept, want)
		}
	}
}

func TestBothLanguagesSayTheSame(t *testing.T) {
	read := func(lang string) map[string]string {
		raw, err := os.ReadFile("page/" + lang + ".json")
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		if err := json.Unmarshal(raw, &found); err != nil {
			t.Fatal(err)
		}
		return found
	}
	en, zh := read("en"), read("zh")
	if diff := cmp.Diff(slices.Sorted(maps.Keys(en)), slices.Sorted(maps.Keys(zh))); diff != "" {
		t.Errorf("texts (-en +zh):\n%s", diff)
	}
	code, err := os.ReadFile("page/live.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, used := range regexp.MustCompile(`text\.([a-z]+)|say\("([a-z]+)"`).FindAllSubmatch(code, -1) {
		if key := string(used[1]) + string(used[2]); key != "" && key != "replace" && en["js."+key] == "" {
			t.Errorf("the script shows %q, which has no text", key)
		}
	}
	for key, text := range en {
		if text == "" || zh[key] == "" || strings.Count(text, "%s") != strings.Count(zh[key], "%s") {
			t.Errorf("%s: %q and %q", key, text, zh[key])
		}
	}
}

func TestWhoamiReportsHeadersButNoSecrets(t *testing.T) {
	s := serve(t)
	status, header, body := get(t, s.URL+"/api/whoami?x=1", "X-Forwarded-User", "alice", "X-Forwarded-Groups", "a,b",
		"X_Forwarded_User", "mallory", "Cookie", "theme=dark; app=hush-hush", "Authorization", "Bearer hush-hush", "X-Forwarded-Name", "J\xf6rg")
	var got struct {
		User, Name, Method, Query string
		Groups, Cookies           []string
		Headers                   map[string][]string
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK {
		t.Fatalf("%d %v", status, err)
	}
	if strings.Contains(body, "hush-hush") || header.Get("Cache-Control") != "no-store" {
		t.Errorf("answer %s", body)
	}
	if got.User != "alice" || got.Name != "J\uFFFDrg" || got.Method != "GET" || got.Query != "x=1" {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]string{"app", "theme"}, got.Cookies); diff != "" {
		t.Errorf("cookies (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, got.Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"mallory"}, got.Headers["X_forwarded_user"]); diff != "" {
		t.Errorf("a header in another spelling (-want +got):\n%s", diff)
	}
}

func TestTheWebSocketCountsAndEchoes(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, s.URL+"/ws", &websocket.DialOptions{HTTPHeader: http.Header{"X-Forwarded-User": {"alice"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if err := conn.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	last, echoed := 0, ""
	for last < 5 || echoed == "" {
		_, data, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var m struct {
			Type, User, Text, Time string
			N                      int
		}
		if err := json.Unmarshal(data, &m); err != nil || m.User != "alice" {
			t.Fatalf("%s: %v", data, err)
		}
		if m.Type == "echo" {
			echoed = m.Text
		} else if m.N != last+1 || m.Time != "1970-01-01T00:00:00Z" {
			t.Fatalf("after %d came %s", last, data)
		} else {
			last = m.N
		}
	}
	if echoed != "hello" {
		t.Errorf("echoed %q", echoed)
	}
}

func TestTheWebSocketRefusesOtherOriginsAndBinary(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, resp, err := websocket.Dial(ctx, s.URL+"/ws", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}}})
	if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("another origin: %v", err)
	}
	conn, _, err := websocket.Dial(ctx, s.URL+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if err := conn.Write(ctx, websocket.MessageBinary, []byte{1}); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, _, err = conn.Read(ctx)
	}
	if websocket.CloseStatus(err) != websocket.StatusUnsupportedData {
		t.Errorf("closed with %v", err)
	}
}

func TestTheFeedSendsEventsAsTheyHappen(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("type %s", got)
	}
	var lines []string
	for in := bufio.NewScanner(resp.Body); len(lines) < 10 && in.Scan(); {
		lines = append(lines, in.Text())
	}
	want := []string{
		"retry: 3000", "", "id: 1", "event: tick", `data: {"type":"tick","n":1,"time":"1970-01-01T00:00:00Z"}`, "",
		"id: 2", "event: tick", `data: {"type":"tick","n":2,"time":"1970-01-01T00:00:00Z"}`, "",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("feed (-want +got):\n%s", diff)
	}
}

func TestUploadsAndDownloadsAreCounted(t *testing.T) {
	s := serve(t)
	const size = 1<<20 + 7
	for _, query := range []string{"", "&chunked=1"} {
		status, header, body := get(t, s.URL+"/download?bytes=1048583"+query)
		if status != http.StatusOK || len(body) != size || body[0] != 0 || body[252] != 1 || (header.Get("Content-Length") == "") != (query != "") {
			t.Errorf("download%s: %d, %d bytes, length %q", query, status, len(body), header.Get("Content-Length"))
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/upload", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(body))
		_, _, answer := do(t, r)
		if want := `{"bytes":1048583,"sha256":"` + hex.EncodeToString(sum[:]) + `"}`; answer != want {
			t.Errorf("upload answered %s, want %s", answer, want)
		}
	}
	for _, bad := range []string{"", "-1", "x", "99999999999999999999"} {
		if status, _, _ := get(t, s.URL+"/download?bytes="+bad); status != http.StatusBadRequest {
			t.Errorf("download of %q: %d", bad, status)
		}
	}
}

func TestSlowAnswersTakeTheirTime(t *testing.T) {
	s := serve(t)
	begin := time.Now()
	if status, _, body := get(t, s.URL+"/slow?ms=60"); status != http.StatusOK || body != `{"ms":60}` || time.Since(begin) < 60*time.Millisecond {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ := get(t, s.URL+"/slow?ms=60001"); status != http.StatusBadRequest {
		t.Errorf("too slow: %d", status)
	}
}

func TestTheStrictPageAllowsFormsToItselfOnly(t *testing.T) {
	_, header, body := get(t, serve(t).URL+"/csp")
	policy := header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "form-action 'self'") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %s", policy)
	}
	if !strings.Contains(body, `method="post" action="/.cardea/sign-out"`) {
		t.Error("no sign-out button")
	}
}

func FuzzThePageSurvivesAnyHeader(f *testing.F) {
	f.Add("alice", "staff,admins", "zh-CN")
	f.Add("</script><script>alert(1)</script>", "\xff,\x00", ";q=NaN")
	app := sample.New(sample.Options{})
	f.Fuzz(func(t *testing.T, name, groups, language string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["X-Forwarded-Name"] = []string{name}
		r.Header["X-Forwarded-Groups"] = []string{groups}
		r.Header["Accept-Language"] = []string{language}
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		if w.Code != http.StatusOK || strings.Count(w.Body.String(), "<script") != 2 {
			t.Errorf("status %d, %d scripts", w.Code, strings.Count(w.Body.String(), "<script"))
		}
	})
}

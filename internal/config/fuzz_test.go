package config

import (
	"errors"
	"strings"
	"testing"
)

// FuzzLoad holds that whatever stands in the file, Load gives either faults
// that help, or a configuration that printed loads again; and that no secret
// shows in either.
func FuzzLoad(f *testing.F) {
	f.Add(least)
	f.Add(full)
	f.Add(least + "    access: {groups: [a], domains: [b.example], claims: {a.b: [c]}}\n    paths: [{prefix: /a, public: true}]\n")
	f.Add(least + "    headers: {set: authelia, X-A: 'claim:a.b'}\n    cors: {origins: ['*']}\ntrusted_proxies: [10.0.0.0/8]\n")
	f.Add(strings.Replace(least, "client_secret_env: CARDEA_CLIENT_SECRET", "client_secret: "+hidden, 1))
	f.Add("a: &a [*a]\nb: !!binary x\n<<: *a\n---\n")
	f.Add("providers: [{}, 1, null, {record: {sign_out: {params: {a: '{b}'}}}}]\napps: [{url: 'https://*.a.b:1/x/', upstream: 'unix:x'}]\n")
	for _, text := range []string{"400d", "1d12h30m", "106751d", "106752d", "99999999999d", "1.5d", "1d1d", "d", "-1d", "1d-1h", "1d0"} {
		f.Add(least + "    max_age: " + text + "\naudit: {keep: " + text + "}\n")
	}
	f.Fuzz(func(t *testing.T, doc string) {
		cfg, _, err := world{}.load(doc)
		if err != nil {
			checkFaults(t, err, strings.Contains(doc, hidden))
			return
		}
		printed, err := Print(cfg)
		if err != nil {
			t.Fatalf("it loads but cannot be printed: %v", err)
		}
		if strings.Contains(string(printed), hidden) && !strings.Contains(doc, hidden) {
			t.Error("a secret is printed")
		}
		again, _, err := world{}.load(string(printed))
		if err != nil {
			t.Fatalf("what it prints does not load: %v\n%s", err, printed)
		}
		twice, err := Print(again)
		if err != nil || string(twice) != string(printed) {
			t.Errorf("printing is not steady: %v\n%s\n%s", err, printed, twice)
		}
	})
}

func checkFaults(t *testing.T, err error, secretWritten bool) {
	t.Helper()
	var faults *Faults
	if !errors.As(err, &faults) || len(faults.List) == 0 {
		t.Fatalf("error %T: %v", err, err)
	}
	for _, f := range faults.List {
		if f.Message == "" || f.Fix == "" {
			t.Errorf("a fault that does not help: %s", f)
		}
		if strings.ContainsAny(f.Path+f.Message+f.Fix, "\n\r\x00\x1b") {
			t.Errorf("control characters in %q", f.String())
		}
	}
	if !secretWritten && strings.Contains(err.Error(), hidden) {
		t.Error("the faults repeat a secret")
	}
}

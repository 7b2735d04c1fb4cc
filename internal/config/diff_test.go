package config

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/strict"
)

// changes are what another text changes, in words.
func changes(t *testing.T, before, after string) []string {
	t.Helper()
	a, _ := mustLoad(t, before)
	b, _ := mustLoad(t, after)
	var list []string
	for _, c := range Diff(a, b) {
		list = append(list, c.String())
	}
	return list
}

func TestADifferenceNamesEveryKeyAndNothingElse(t *testing.T) {
	second := least + "  - id: wiki\n    url: http://localhost:4180/wiki\n    upstream: http://127.0.0.1:9000\n"
	for name, tc := range map[string]struct {
		before, after string
		want          []string
	}{
		"nothing":            {least, least, nil},
		"a comment":          {least, "# of mine\n" + least, nil},
		"a default, stated":  {least, least + "limits: {shutdown: 15s}\n", nil},
		"a limit":            {least, least + "limits: {shutdown: 20s, store_wait: 1s}\n", []string{"limits.store_wait: 900ms becomes 1s", "limits.shutdown: 15s becomes 20s"}},
		"an app":             {least, second, []string{"apps[wiki]: added"}},
		"an app less":        {second, least, []string{"apps[wiki]: removed"}},
		"rules":              {least, least + "access: {groups: [staff]}\n", []string{"access: set"}},
		"a rule":             {least + "access: {groups: [staff]}\n", least + "access: {groups: [staff, ops]}\n", []string{"access.groups: staff becomes staff, ops"}},
		"an upstream":        {least, strings.Replace(least, "127.0.0.1:8000", "127.0.0.1:8001", 1), []string{"apps[chat].upstream: http://127.0.0.1:8000 becomes http://127.0.0.1:8001"}},
		"a record":           {least, strings.Replace(least, "    client_id", "    record: {revocation: {ends: grant}}\n    client_id", 1), []string{"providers[main].record: set"}},
		"a field of one":     {recorded("revocation: {ends: grant}"), recorded("revocation: {ends: token}"), []string{"providers[main].record.revocation.ends: changed"}},
		"a record, indented": {recorded("title: Acme"), recorded("'title':   Acme"), nil},
		"a path":             {least + "    paths: [{prefix: /a, public: true}]\n", least + "    paths: [{prefix: /a, public: true, bearer: false}, {exact: /b, bearer: true}]\n", []string{"apps[chat].paths[exactly /b]: added"}},
		"headers":            {least + "    headers: {X-Team: email}\n", least + "    headers: {X-Team: name}\n", []string{"apps[chat].headers.X-Team: email becomes name"}},
		"order":              {second, swapped(second), []string{"apps: chat, wiki becomes wiki, chat"}},
		"no rules any more":  {least + "access: {groups: [staff]}\n", least, []string{"access: removed"}},
		"no record any more": {recorded("revocation: {ends: grant}"), least, []string{"providers[main].record: removed"}},
		"no network":         {least + "trusted_proxies: [10.0.0.0/8]\n", least, []string{"trusted_proxies: no longer 10.0.0.0/8"}},
		"a network":          {least, least + "trusted_proxies: [10.0.0.0/8]\n", []string{"trusted_proxies: 10.0.0.0/8"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, changes(t, tc.before, tc.after)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func recorded(text string) string {
	return strings.Replace(least, "    client_id", "    record: {"+text+"}\n    client_id", 1)
}

// swapped puts the second app before the first.
func swapped(text string) string {
	at := strings.Index(text, "  - id: chat")
	next := strings.Index(text, "  - id: wiki")
	return text[:at] + text[next:] + text[at:next]
}

func TestADifferenceTellsThatASecretIsAnotherAndNeverWhich(t *testing.T) {
	w := world{env: map[string]string{"ROOT": "old-root-of-all"}, files: map[string]string{"/etc/cardea/secret": "old-secret-of-mine"}}
	text := strings.Replace(least, "client_secret_env: CARDEA_CLIENT_SECRET", "client_secret_file: secret", 1)
	before, _, err := w.load(text)
	if err != nil {
		t.Fatal(err)
	}
	w.files["/etc/cardea/secret"] = "new-secret-of-mine"
	after, _, err := w.load(text)
	if err != nil {
		t.Fatal(err)
	}
	got := Diff(before, after)
	if len(got) != 1 || got[0].Key != "providers[main].client_secret_file" || got[0].Restart || strings.Contains(got[0].String(), "of-mine") {
		t.Errorf("%+v", got)
	}
}

// Whether a key needs a restart is said of every key there is, and of no other.
func TestEveryKeyIsTakenOverOrNeedsARestart(t *testing.T) {
	told := map[string]bool{}
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		for f := range typ.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if name == "-" {
				continue
			}
			key := strict.Key(path, name)
			told[key] = true
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			_, whole := takes[key]
			if inner.Kind() == reflect.Struct && !leaf(f.Type) && !leaf(inner) && (!whole || inner == reflect.TypeFor[TLS]()) {
				walk(key, inner)
				continue
			}
			if !whole {
				t.Errorf("%s: nothing says whether another value needs a restart: add it to the table", key)
			}
		}
	}
	walk("", reflect.TypeFor[Config]())
	for key := range takes {
		if !told[key] {
			t.Errorf("%s is in the table and not in the configuration", key)
		}
	}
	for key, want := range map[string]bool{"listen": true, "tls": true, "tls.cert_file": false, "apps[chat].upstream": false, "providers[a].record.claims": false, "keys.root_env": true, "nonsense": true} {
		if NeedsRestart(key) != want {
			t.Errorf("%s: %v", key, !want)
		}
	}
}

// A field that no key states follows from others, or is what a key names.
func TestEveryFieldWithoutAKeyIsComparedOrDerived(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(typ reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] || !strings.HasSuffix(typ.PkgPath(), "internal/config") || leaf(typ) {
			return
		}
		seen[typ] = true
		for f := range typ.Fields() {
			if f.Tag.Get("yaml") != "-" {
				walk(f.Type)
				continue
			}
			name := typ.Name() + "." + f.Name
			keys, named := contents[name]
			if named == slices.Contains(derived, name) {
				t.Errorf("%s: is it what a key names, or derived?", name)
			}
			for _, key := range keys {
				if !slices.ContainsFunc(reflect.VisibleFields(typ), func(x reflect.StructField) bool { return strings.HasPrefix(x.Tag.Get("yaml"), key) }) {
					t.Errorf("%s: there is no key %s", name, key)
				}
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}

func TestAnOriginMatchesWhatBrowsersAddress(t *testing.T) {
	star := Origin{Scheme: "https", Host: "*.apps.example.com:8443"}
	for at, want := range map[string]bool{
		"https://a.apps.example.com:8443": true, "https://a.b.apps.example.com:8443": false, "https://apps.example.com:8443": false,
		"https://.apps.example.com:8443": false, "http://a.apps.example.com:8443": false, "https://a.apps.example.com": false,
	} {
		if star.Matches(at) != want {
			t.Errorf("%s: %v", at, !want)
		}
	}
	if one := (Origin{Scheme: "https", Host: "a.example"}); !one.Matches("https://a.example") || one.Matches("https://b.example") {
		t.Error("an origin without a star is itself alone")
	}
}

// The keys that need a restart are listed for operators.
func TestTheDocumentationListsEveryKeyThatNeedsARestart(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## When a change takes effect")
	section, _, _ = strings.Cut(section, "\n## ")
	for key, live := range takes {
		if listed := strings.Contains(section, "`"+key+"`"); listed == live {
			t.Errorf("%s: listed %v, taken over %v", key, listed, live)
		}
	}
}

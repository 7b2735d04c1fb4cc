package incident

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/pages"
)

// constants reads the string constants of a type out of a package's source, so that a new
// one cannot be forgotten here.
func constants(t *testing.T, dir, kind string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", dir, err)
	}
	var list []string
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != kind {
				return true
			}
			for _, v := range spec.Values {
				if lit, ok := v.(*ast.BasicLit); ok {
					text, _ := strconv.Unquote(lit.Value)
					list = append(list, text)
				}
			}
			return true
		})
	}
	return list
}

func TestEveryProblemIsExplained(t *testing.T) {
	kinds := pages.ProblemKinds()
	if len(kinds) < 16 {
		t.Fatalf("%v", kinds)
	}
	for _, k := range kinds {
		if !Explained(string(k), "") {
			t.Errorf("%s has no explanation", k)
		}
	}
	for _, k := range []string{KindDenied, KindNotSaved, KindSessionEnded, KindMisdirected, KindLogoutToken, KindLink} {
		if !Explained(k, "") {
			t.Errorf("%s has no explanation", k)
		}
	}
}

func TestEveryRefusalOfTheRulesIsExplained(t *testing.T) {
	reasons := constants(t, "access", "Reason")
	if len(reasons) < 8 || !slices.Contains(reasons, "email-unverified") {
		t.Fatalf("the source was misread: %v", reasons)
	}
	for _, r := range reasons {
		if !Explained(KindDenied, r) {
			t.Errorf("%s has no explanation", r)
		}
	}
}

func TestEveryRefusedLinkIsExplained(t *testing.T) {
	reasons := constants(t, "signin", "LinkReason")
	if len(reasons) < 4 {
		t.Fatalf("the source was misread: %v", reasons)
	}
	for _, r := range reasons {
		if _, own := find(KindLink, r); !own {
			t.Errorf("%s has no explanation", r)
		}
	}
}

func TestARefusedLinkIsExplainedByCommandsThatCanBePasted(t *testing.T) {
	taken := func(reason, owner, identity string) Incident {
		return Incident{Kind: KindLink, Reason: reason, Provider: "main", Seen: []Seen{{Name: SeenAccount, Value: "ann"}, {Name: SeenOwner, Value: owner}, {Name: SeenIdentity, Value: identity}}}.Clean()
	}
	for name, c := range map[string]struct {
		i    Incident
		want []string
	}{
		"one of several":      {taken("taken", "ann-2", "5vY0tqLWnEBHXyqu9LxA2Q"), []string{"cardea accounts show ann-2", "cardea accounts unlink ann-2 5vY0tqLWnEBHXyqu9LxA2Q --yes ann-2"}},
		"a key like a flag":   {taken("taken", "ann-2", "-vY0tqLWnEBHXyqu9LxA2Q"), []string{"cardea accounts show ann-2", "cardea accounts unlink --yes ann-2 -- ann-2 -vY0tqLWnEBHXyqu9LxA2Q"}},
		"the only one":        {taken("taken/only", "ann-2", "5vY0tqLWnEBHXyqu9LxA2Q"), []string{"cardea accounts show ann-2", "cardea accounts delete ann-2 --yes ann-2"}},
		"what a shell reads":  {taken("taken", "ann;reboot", "k"), nil},
		"an owner not known":  {taken("taken", "", "k"), nil},
		"nothing seen":        {Incident{Kind: KindLink, Reason: "taken"}, nil},
		"another kind at all": {Incident{Kind: KindDenied, Seen: taken("taken", "ann-2", "k").Seen}, nil},
	} {
		_, e := explain(c.i, Advice{})
		if diff := cmp.Diff(c.want, e.Commands); diff != "" || e.Means == "" || strings.Contains(e.Means+e.Fix, "{") {
			t.Errorf("%s: %q %q (-want +got)\n%s", name, e.Means, e.Fix, diff)
		}
	}
	_, several := explain(taken("taken", "a-2", "k"), Advice{})
	if _, only := explain(taken("taken/only", "a-2", "k"), Advice{}); only.Fix == several.Fix {
		t.Error("an only identity is explained like any other")
	}
}

func TestEveryEndOfASessionIsExplained(t *testing.T) {
	causes := constants(t, "session", "Cause")
	if len(causes) < 15 || !slices.Contains(causes, "refresh-refused") {
		t.Fatalf("the source was misread: %v", causes)
	}
	for _, c := range causes {
		if !Explained("session-required", c) {
			t.Errorf("%s has no explanation", c)
		}
		for _, kind := range []string{"session-required", KindNotSaved, KindSessionEnded} {
			if r, want := rowOf(Incident{Kind: kind, Reason: c}), table[key{"session-required", c}]; r.fix != want.fix {
				t.Errorf("%s, %s: %s", kind, c, r.fix)
			}
		}
	}
}

func TestEveryLoopIsExplained(t *testing.T) {
	causes := constants(t, "signin", "LoopCause")
	if len(causes) < 4 {
		t.Fatalf("the source was misread: %v", causes)
	}
	for _, c := range causes {
		if !Explained(kindLoop, c) {
			t.Errorf("%s has no explanation", c)
		}
	}
}

func rows() map[string]row {
	all := map[string]row{}
	for _, t := range []map[key]row{table, signInTable} {
		for k, r := range t {
			all[k.kind+" "+k.reason] = r
		}
	}
	for _, p := range phrases {
		all[p.text.String()] = p.row
	}
	return all
}

func TestEveryExplanationSaysWhatToDo(t *testing.T) {
	place := regexp.MustCompile(`\{[a-z]+\}`)
	known := []string{"{app}", "{provider}", "{rule}", "{wanted}", "{seen}", "{setting}", "{origin}", "{path}", "{reason}"}
	for name, r := range rows() {
		for _, text := range []string{r.means, r.fix} {
			if len(text) < 20 || !strings.HasSuffix(text, ".") || len(text) > 420 {
				t.Errorf("%s: %q", name, text)
			}
			for _, p := range place.FindAllString(text, -1) {
				if !slices.Contains(known, p) {
					t.Errorf("%s: nothing fills %s", name, p)
				}
			}
		}
		for _, topic := range r.topics {
			if topic != strings.ToLower(topic) {
				t.Errorf("%s: topic %q is not in small letters", name, topic)
			}
		}
	}
	if len(rows()) < 70 {
		t.Errorf("%d rows", len(rows()))
	}
}

func TestNoRowIsWrittenTwice(t *testing.T) {
	for file, table := range map[string]map[key]row{"table.go": table, "table_signin.go": signInTable} {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		written := 0
		ast.Inspect(tree, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if _, isMap := litType(lit, ok).(*ast.MapType); isMap {
				written += len(lit.Elts)
			}
			return true
		})
		if written != len(table) {
			t.Errorf("%s has %d rows, and %d of them count", file, written, len(table))
		}
	}
}

func litType(lit *ast.CompositeLit, ok bool) ast.Expr {
	if !ok {
		return nil
	}
	return lit.Type
}

func TestNoRowIsInTwoTables(t *testing.T) {
	for k := range signInTable {
		if _, twice := table[k]; twice {
			t.Errorf("%v", k)
		}
	}
}

// TestEveryFieldThatAFixNamesExists holds the texts against the schema's keys: a fix that
// names a field that is gone leads nowhere.
func TestEveryFieldThatAFixNamesExists(t *testing.T) {
	schema, err := os.ReadFile("../config/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	field := regexp.MustCompile(`(?:providers|apps)\[[^\]]*\](?:\.[a-z_]+)+|\blimits\.[a-z_]+`)
	found := map[string]bool{}
	for name, r := range rows() {
		for _, f := range field.FindAllString(r.fix, -1) {
			_, path, _ := strings.Cut(f, ".")
			for part := range strings.SplitSeq(path, ".") {
				found[part] = true
				if !strings.Contains(string(schema), `"`+part+`": {`) {
					t.Errorf("%s names %s: the configuration has no %q", name, f, part)
				}
			}
		}
	}
	for _, p := range phrases {
		for part := range strings.SplitSeq(strings.TrimPrefix(p.rule, "providers[{provider}]."), ".") {
			if part != "" && !strings.Contains(string(schema), `"`+part+`": {`) {
				t.Errorf("a phrase names %s: the configuration has no %q", p.rule, part)
			}
		}
	}
	if len(found) < 8 {
		t.Errorf("only %v were found", slices.Sorted(maps.Keys(found)))
	}
}

func TestEveryPhraseIsOneThatAProviderWrites(t *testing.T) {
	var source strings.Builder
	files, _ := filepath.Glob("../provider/*.go")
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	// The literal parts of every alternative must stand in the source.
	group := regexp.MustCompile(`\(\?P<[a-z]+>[^)]*\)|\(\?:[^)]*\)|"|\\S\+`)
	for _, p := range phrases {
		alternatives := []string{p.text.String()}
		if !strings.Contains(alternatives[0], "(?") {
			alternatives = strings.Split(alternatives[0], "|")
		}
		for _, alternative := range alternatives {
			for part := range strings.SplitSeq(group.ReplaceAllString(alternative, "\x00"), "\x00") {
				if part = strings.Trim(part, " ,"); len(part) > 3 && !strings.Contains(source.String(), part) {
					t.Errorf("%s: package provider does not write %q", p.text, part)
				}
			}
		}
	}
}

func TestWhatAnErrorSaysBecomesWhatWasDemandedAndSeen(t *testing.T) {
	for cause, want := range map[string]struct {
		rule, wanted string
		seen         Seen
		fix          string
	}{
		`starting sign-in at main: provider unreachable: discovery: the configured issuer is "https://a/", and the document says "https://a"; they differ`: {
			"providers[main].issuer", "https://a/", Seen{Name: "issuer", Value: "https://a"}, "Set providers[main].issuer to exactly"},
		`exchanging the code: provider's answer refused: ID token: iss is "https://b", and the configured issuer is "https://a"`: {
			"providers[main].issuer", "https://a", Seen{Name: "iss", Value: "https://b"}, "Set providers[main].issuer"},
		`provider's answer refused: iss of the response is "https://b", expected is "https://a"`: {
			"providers[main].issuer", "https://a", Seen{Name: "iss", Value: "https://b"}, "Set providers[main].issuer"},
		`provider's answer refused: ID token: aud does not name this client`: {
			"providers[main].client_id", "", Seen{Name: "aud", Absent: true}, "providers[main].client_id"},
		`provider's answer refused: claim oid, which names the person, is absent`: {
			"providers[main].record.claims.subject_key", "", Seen{Name: "claim", Value: "oid"}, "subject_key"},
		`ID token: iat is 5m0s in the future; compare the clocks`: {"", "", Seen{}, "NTP"},
	} {
		i, e := explain(Incident{Kind: kindRefused, Reason: "refused", Provider: "main", Cause: cause}, Advice{})
		if strings.HasPrefix(cause, "starting") {
			i, e = explain(Incident{Kind: kindUnavailable, Reason: "unreachable", Provider: "main", Cause: cause}, Advice{})
		}
		if i.Rule != want.rule || strings.Join(i.Wanted, "") != want.wanted || !strings.Contains(e.Fix, want.fix) {
			t.Errorf("%s:\n%+v\n%+v", cause, i, e)
		}
		if want.seen.Name != "" && (len(i.Seen) != 1 || i.Seen[0] != want.seen) {
			t.Errorf("%s: seen %+v", cause, i.Seen)
		}
	}
}

func TestNotesAreQuotedWhereTheyAreAboutIt(t *testing.T) {
	of := Advice{
		Notes: []string{"Groups need a mapper.", "Register the redirect URI.", "Refresh tokens are single-use."},
		Fixes: map[string]string{"credentials": "Copy the secret.", "scopes": "Tick groups."},
	}
	_, e := explain(Incident{Kind: KindDenied, Reason: "group/none", Provider: "main", Setting: "providers[main].record.claims.groups.claim"}, of)
	if diff := cmp.Diff([]string{"Tick groups.", "Groups need a mapper."}, e.Notes); diff != "" {
		t.Error(diff)
	}
	_, e = explain(Incident{Kind: kindRefused, Reason: "error/invalid_client"}, of)
	if diff := cmp.Diff([]string{"Copy the secret."}, e.Notes); diff != "" {
		t.Error(diff)
	}
	_, e = explain(Incident{Kind: "internal"}, of)
	if e.Notes != nil {
		t.Errorf("%v", e.Notes)
	}
}

func TestEveryFixOfARecordThatIsQuotedIsOneThatRecordsHave(t *testing.T) {
	files, err := filepath.Glob("../record/records/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v", err)
	}
	var records strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		records.Write(text)
	}
	for name, r := range rows() {
		for _, topic := range r.topics {
			if fix, ok := strings.CutPrefix(topic, fixOf); ok && !strings.Contains(records.String(), "\n  "+fix+": ") {
				t.Errorf("%s quotes %s, which no record has", name, fix)
			}
		}
	}
}

func TestWhatNobodyForesawIsExplainedByItsKind(t *testing.T) {
	for _, tc := range []struct{ kind, reason, want string }{
		{KindDenied, "group/other", "group"}, {KindDenied, "new-reason", "{rule}"}, {kindRefused, "error/some_new_code", "provider's log"},
		{"new-kind", "x", "report it"}, {"", "", "report it"}, {KindSessionEnded, "new-cause", "cardea sessions show"},
	} {
		if r := rowOf(Incident{Kind: tc.kind, Reason: tc.reason}); !strings.Contains(r.fix, tc.want) {
			t.Errorf("%s, %s: %s", tc.kind, tc.reason, r.fix)
		}
	}
}

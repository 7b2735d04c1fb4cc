package audit

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the schema into docs/audit.md")

func TestEveryTypeIsInTheTableOnce(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "types.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var named, listed []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for _, v := range spec.Values {
				if text, ok := v.(*ast.BasicLit); ok {
					named = append(named, strings.Trim(text.Value, `"`))
				}
			}
		}
		return true
	})
	for _, d := range Types() {
		listed = append(listed, string(d.Type))
	}
	slices.Sort(named)
	slices.Sort(listed)
	if diff := cmp.Diff(named, listed); diff != "" || len(listed) < 25 {
		t.Error(diff)
	}
}

func TestEveryExampleShowsAnEventOfItsType(t *testing.T) {
	for _, d := range Types() {
		e := d.Example
		if e.Type != d.Type || e.Seq == 0 || d.Means == "" || len(d.Actors) == 0 {
			t.Errorf("%s: %+v", d.Type, d)
		}
		if err := Check(e); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(e, Fitted(e, e.At)); diff != "" {
			t.Errorf("%s: no store would keep its example so\n%s", d.Type, diff)
		}
		if len(d.Detail) > 0 && len(e.Detail) == 0 || len(d.Causes) > 0 && e.Cause == "" || len(d.Personal) > 0 && e.Personal == nil {
			t.Errorf("%s: its example shows too little", d.Type)
		}
		for _, w := range slices.Concat(d.Detail, d.Causes) {
			if w.Means == "" || SecretName(w.Name) {
				t.Errorf("%s: %q", d.Type, w)
			}
		}
	}
}

func TestCheckNamesWhatIsWrongWithAnEvent(t *testing.T) {
	for want, change := range map[string]func(*Event){
		"no such type":   func(e *Event) { e.Type = "session.stolen" },
		"no id":          func(e *Event) { e.ID = "" },
		`actor "nobody"`: func(e *Event) { e.Actor = "nobody" },
		"field incident": func(e *Event) { e.Incident = "x" },
		`cause "rage"`:   func(e *Event) { e.Cause = "rage" },
		`detail "token"`: func(e *Event) { e.Detail = map[string]string{"token": "x"} },
		"field name":     func(e *Event) { e.Personal = &Personal{Name: "x"} },
	} {
		d, _ := Lookup(SessionEnded)
		e := d.Example
		change(&e)
		if err := Check(e); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestDocumentIsTheTable holds docs/audit.md against the table, both ways: what stands
// there behind the mark is what the table says, letter by letter.
func TestDocumentIsTheTable(t *testing.T) {
	const path, mark = "../../docs/audit.md", "<!-- From here on this is made from the table in internal/audit: go test ./internal/audit -run DocumentIsTheTable -update -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	prose, schema, ok := strings.Cut(string(text), mark)
	if !ok {
		t.Fatalf("%s has no mark", path)
	}
	want := document()
	if *update {
		if err := os.WriteFile(path, []byte(prose+mark+want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, schema); diff != "" {
		t.Errorf("run with -update\n%s", diff)
	}
	for _, line := range strings.Split(schema, "\n") {
		if strings.HasPrefix(line, "{") {
			e, err := ParseLine([]byte(line))
			if err != nil {
				t.Errorf("%s: %v", line, err)
			} else if err := Check(e); err != nil {
				t.Error(err)
			}
		}
	}
}

func document() string {
	var b strings.Builder
	for _, d := range Types() {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", d.Type, d.Means)
		fmt.Fprintf(&b, "Actor: %s.", quoted(d.Actors))
		if len(d.Fields) > 0 {
			fmt.Fprintf(&b, " Fields: %s.", quoted(d.Fields))
		}
		if len(d.Personal) > 0 {
			fmt.Fprintf(&b, " Personal: %s.", quoted(d.Personal))
		}
		b.WriteString("\n")
		table(&b, "cause", d.Causes)
		table(&b, "detail", d.Detail)
		line, err := AppendLine(nil, d.Example)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "\n```json\n%s```\n", line)
	}
	return b.String()
}

func quoted(list []string) string { return "`" + strings.Join(list, "`, `") + "`" }

func table(b *strings.Builder, head string, words []Word) {
	if len(words) == 0 {
		return
	}
	fmt.Fprintf(b, "\n| %s | means |\n|---|---|\n", head)
	for _, w := range words {
		fmt.Fprintf(b, "| `%s` | %s |\n", w.Name, strings.ReplaceAll(w.Means, "|", `\|`))
	}
}

// TestNamesOfTheSchemaStay: who reads an export relies on them.
func TestNamesOfTheSchemaStay(t *testing.T) {
	full := Event{Seq: 1, ID: "i", At: exampleTime, Type: "t", Actor: "a", By: "b", Account: "c", Handle: "h", Session: "s", Provider: "p", App: "x", Cause: "y",
		Incident: "z", Detail: map[string]string{"k": "v"}, Personal: &Personal{"1", "2", "3", "4", "5", "6"}}
	got, err := json.Marshal(full)
	want := `{"seq":1,"id":"i","at":"2026-11-22T09:30:00.123456Z","type":"t","actor":"a","by":"b","account":"c","handle":"h","session":"s","provider":"p","app":"x",` +
		`"cause":"y","incident":"z","detail":{"k":"v"},"personal":{"issuer":"1","subject":"2","email":"3","name":"4","address":"5","user_agent":"6"}}`
	if diff := cmp.Diff(want, string(got)); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

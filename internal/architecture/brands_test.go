package architecture

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// brands are providers' names, as one word in lower case. What Cardea knows of them is data;
// code that asks for a name would be right for one of them and wrong for the next.
func brands() []string {
	return []string{
		"apple", "auth0", "authelia", "authentik", "azure", "bitbucket", "casdoor", "cognito", "descope", "dex",
		"dingtalk", "discord", "entra", "feishu", "gitee", "github", "gitlab", "google", "hydra", "kanidm",
		"keycloak", "lark", "logto", "microsoft", "okta", "ory", "pocketid", "slack", "wecom", "wechat", "zitadel",
		"飞书", "钉钉", "企业微信",
	}
}

// allowed are places where a name is no question of which provider it is. A file stands with
// its names and the reason; one that is not needed any more is an error.
func allowed() map[string]struct {
	names  []string
	reason string
} {
	type allowance = struct {
		names  []string
		reason string
	}
	const (
		sets    = "ready sets of header names, which apps know by these names"
		english = "the English word, for time to spare"
		example = "the example of a usage text, where a kind has to be written"
		apps    = "browsers, and apps that show pages in themselves, which people know by these names"
	)
	both := []string{"authelia", "authentik"}
	return map[string]allowance{
		"internal/device/table.go":           {[]string{"dingtalk", "google", "lark", "microsoft", "slack", "wechat"}, apps},
		"internal/config/app.go":             {both, sets},
		"internal/config/check_agree.go":     {both, sets},
		"internal/config/schema.json":        {both, sets},
		"internal/config/words.go":           {both, sets},
		"internal/proxy/headers.go":          {both, sets},
		"internal/signout/plan.go":           {[]string{"slack"}, english},
		"internal/store/sqlite/ends.go":      {[]string{"slack"}, english},
		"internal/store/storetest/outage.go": {[]string{"slack"}, english},
		"cmd/cardea/config.go":               {[]string{"keycloak"}, example},
		"cmd/cardea/init.go":                 {[]string{"github"}, example},
		"internal/app/setup.go":              {[]string{"github"}, example},
	}
}

func TestNoCodeOutsideTheRecordsNamesAProvider(t *testing.T) {
	found := map[string][]naming{}
	for _, tree := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join("../..", tree), func(file string, d fs.DirEntry, err error) error {
			name := filepath.ToSlash(strings.TrimPrefix(file, "../../"))
			if err != nil || d.IsDir() {
				if err == nil && (name == "internal/record/records" || path.Base(name) == "testdata") {
					return filepath.SkipDir
				}
				return err
			}
			namings, err := namingsOf(file)
			if len(namings) > 0 {
				found[name] = namings
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for file, namings := range found {
		for _, n := range namings {
			if !slices.Contains(allowed()[file].names, n.brand) {
				t.Errorf("%s:%d names %s: %s", file, n.line, n.brand, n.text)
			}
		}
	}
	for file, a := range allowed() {
		for _, brand := range a.names {
			if !slices.ContainsFunc(found[file], func(n naming) bool { return n.brand == brand }) {
				t.Errorf("%s is allowed to name %s and does not", file, brand)
			}
		}
	}
}

func TestANameOfAProviderIsFoundHoweverItIsWritten(t *testing.T) {
	for text, want := range map[string]string{
		"isKeycloak":                         "keycloak",
		"GITHUB_TOKEN":                       "github",
		"newGitHubClient":                    "github",
		"as Auth0 does":                      "auth0",
		"a Pocket ID":                        "pocketid",
		"pocket-id":                          "pocketid",
		"DingTalk's":                         "dingtalk",
		"index, memory, central, rehydrated": "",
		"https://github.com/cardea-auth/x":   "",
		"去飞书登录":                              "飞书",
	} {
		if got := strings.Join(brandsIn(text), " "); got != want {
			t.Errorf("%q: found %q, want %q", text, got, want)
		}
	}
}

type naming struct {
	line        int
	brand, text string
}

// namingsOf reads one file: of Go what is written by us and not imported, of texts, pages
// and scripts everything. Tests may name whom they like.
func namingsOf(file string) ([]naming, error) {
	switch filepath.Ext(file) {
	case ".go":
		if strings.HasSuffix(file, "_test.go") {
			return nil, nil
		}
		return namingsOfGo(file)
	case ".html", ".tmpl", ".js", ".css", ".yaml", ".json", ".sql", ".txt", ".svg":
		text, err := os.ReadFile(file)
		return namingsIn(string(text), 1), err
	}
	return nil, nil
}

func namingsOfGo(file string) ([]naming, error) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, nil, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	var all []naming
	look := func(text string, pos token.Pos) { all = append(all, namingsIn(text, set.Position(pos).Line)...) }
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Ident:
			look(n.Name, n.Pos())
		case *ast.BasicLit:
			look(n.Value, n.Pos())
		}
		return true
	})
	for _, group := range parsed.Comments {
		for _, c := range group.List {
			look(c.Text, c.Pos())
		}
	}
	return all, nil
}

func namingsIn(text string, first int) []naming {
	var all []naming
	for i, line := range strings.Split(text, "\n") {
		for _, brand := range brandsIn(line) {
			all = append(all, naming{first + i, brand, strings.TrimSpace(line)})
		}
	}
	return all
}

var (
	own   = regexp.MustCompile(`github\.com/cardea-auth\S*|-apple-system|Microsoft YaHei`) // where we live, and fonts
	words = regexp.MustCompile(`[A-Za-z0-9]+`)
)

// brandsIn finds names as words: between other characters, or between capitals.
func brandsIn(line string) []string {
	line = own.ReplaceAllString(line, "")
	known := brands()
	var found []string
	add := func(word string) {
		if slices.Contains(known, word) && !slices.Contains(found, word) {
			found = append(found, word)
		}
	}
	spans := words.FindAllStringIndex(line, -1)
	var last string
	for i, at := range spans {
		run := line[at[0]:at[1]]
		parts := capitals(run)
		add(strings.ToLower(run))
		for j, p := range parts {
			add(strings.ToLower(p))
			if j > 0 {
				add(strings.ToLower(parts[j-1] + p))
			}
		}
		if i > 0 && at[0]-spans[i-1][1] == 1 {
			add(strings.ToLower(last + run))
		}
		last = run
	}
	for _, brand := range known {
		if brand[0] >= 0x80 && strings.Contains(line, brand) {
			add(brand)
		}
	}
	return found
}

// capitals cuts a run of letters before each capital that follows a small letter.
func capitals(run string) []string {
	var parts []string
	from := 0
	for i := 1; i < len(run); i++ {
		if unicode.IsUpper(rune(run[i])) && !unicode.IsUpper(rune(run[i-1])) {
			parts = append(parts, run[from:i])
			from = i
		}
	}
	return append(parts, run[from:])
}

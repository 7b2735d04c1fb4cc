package strict

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

type colour string

func (colour) Values() []string { return []string{"red", "green"} }

type inner struct {
	Word  colour `yaml:"word"`
	Count int    `yaml:"count"`
}

func (i *inner) SetDefaults() { i.Count = 7 }

func (*inner) RefusedKey(key string) (message, fix string, refused bool) {
	return "never", "write nothing", key == "secret"
}

type outer struct {
	Text   string           `yaml:"text"`
	Flag   bool             `yaml:"flag"`
	Wait   time.Duration    `yaml:"wait"`
	List   []inner          `yaml:"list"`
	One    *inner           `yaml:"one"`
	Map    map[string]inner `yaml:"map"`
	Raw    *yaml.Node       `yaml:"raw"`
	Hidden string           `yaml:"-"`
	Rest   struct {
		Set  string            `yaml:"set"`
		More map[string]string `yaml:",inline"`
	} `yaml:"rest"`
}

func decode(t *testing.T, doc string, dst *outer) (Positions, []Fault) {
	t.Helper()
	node, faults := Parse([]byte(doc))
	if len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
	return Decode(node, "", dst)
}

func TestDecodeReadsEveryKind(t *testing.T) {
	o := outer{Flag: true, Text: "kept"}
	positions, faults := decode(t, `
wait: 1m30s
list: [{word: red}, {count: 1}]
one: {word: green}
map: {a: {}}
raw: {x: [1]}
rest: {set: s, b: c}
`, &o)
	if len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
	if o.Raw == nil || o.Raw.Line != 6 {
		t.Errorf("raw node %v", o.Raw)
	}
	o.Raw = nil
	want := outer{Flag: true, Text: "kept", Wait: 90 * time.Second, List: []inner{{Word: "red", Count: 7}, {Count: 1}}, One: &inner{Word: "green", Count: 7}, Map: map[string]inner{"a": {Count: 7}}}
	want.Rest.Set, want.Rest.More = "s", map[string]string{"b": "c"}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !positions.Has("list[1].count") || positions.Has("flag") {
		t.Error("positions do not tell what the document states")
	}
	if at := positions.At("list[1].word"); at != (Position{3, 21}) {
		t.Errorf("a missing key points at %v, want the mapping it belongs in", at)
	}
}

func TestAbsentKeysChangeNothingAndListsAreReplacedWhole(t *testing.T) {
	shared := map[string]inner{"old": {}}
	base := outer{Text: "a", List: []inner{{Word: "red"}, {Word: "red"}}, Map: shared, One: &inner{Count: 3}}
	kept := base.One
	o := base
	_, faults := decode(t, "list: [{word: green}]\nmap: {new: {}}\none: {word: red}\n", &o)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if o.Text != "a" || len(o.List) != 1 || len(o.Map) != 1 || o.One.Count != 3 {
		t.Errorf("got %+v, one %+v", o, o.One)
	}
	if _, ok := shared["new"]; ok || kept.Word != "" || base.List[0].Word != "red" {
		t.Error("the base was changed")
	}
}

func TestNumbersAndWordsThatLookLikeOthersStayText(t *testing.T) {
	for _, text := range []string{"0123", "1e3", "true", "yes", "12:30", "2026-11-20"} {
		var o outer
		if _, faults := decode(t, "text: "+text+"\n", &o); len(faults) > 0 || o.Text != text {
			t.Errorf("%s was read as %q, faults %v", text, o.Text, faults)
		}
	}
}

func TestEveryFaultIsCollected(t *testing.T) {
	var o outer
	_, faults := decode(t, `text: [a]
flag: yes
wait: 5
list: {}
one: {word: rde, secret: x, cuont: 1}
map: {a: {count: 1.5}, a: {}}
hidden: x
? [a]
: b
`, &o)
	var got []string
	for _, f := range faults {
		got = append(got, f.String())
	}
	want := []string{
		"1:7: text: is a list where a single value is wanted; write one value on the key's own line",
		`2:7: flag: "yes" is not a truth value; write true or false`,
		"3:7: wait: a time without a unit; write 5s, 5m or 5h",
		"4:7: list: is a mapping where a list is wanted; write `- ` before each entry, or [a, b]",
		`5:13: one.word: "rde" is not known here; write "red" (of: red, green)`,
		"5:18: one.secret: never; write nothing",
		`5:29: one.cuont: unknown key "cuont"; write "count"`,
		`6:18: map.a.count: "1.5" is not a whole number; write digits only`,
		"6:24: map.a: is written twice (first on line 6); keep one of the two",
		`7:1: hidden: unknown key "hidden"; remove it; known here: text, flag, wait, list, one, map, raw, rest`,
		"8:3: a key must be plain text; write `name: value`",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseTakesOneDocumentWithAMapping(t *testing.T) {
	tests := []struct{ name, doc, message string }{
		{"empty", "", "empty"},
		{"comment", "# x\n", "empty"},
		{"list", "- a\n", "holds a list"},
		{"text", "a\n", "holds a single value"},
		{"two", "a: b\n---\nc: d\n", "second document"},
		{"broken second", "a: b\n---\n[\n", "not YAML"},
		{"broken", "a: [b\nc: d\n", "not YAML"},
		{"control character", "a: \x01\n", "not YAML"},
		{"too large", strings.Repeat("#", MaxBytes+1), "bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			node, faults := Parse([]byte(tt.doc))
			if node != nil || len(faults) != 1 || !strings.Contains(faults[0].Message, tt.message) || faults[0].Fix == "" {
				t.Errorf("node %v, faults %v", node, faults)
			}
		})
	}
}

func TestNearestFindsWhatWasMeantAndNothingElse(t *testing.T) {
	words := []string{"public_url", "listen", "data_dir", "trusted_proxies", "insecure_http"}
	for word, want := range map[string]string{
		"public-url": "public_url", "pulbic_url": "public_url", "Listen": "listen", "proxies": "trusted_proxies",
		"zzz": "", "": "", "datadir": "data_dir", "database": "",
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

func TestPathsOfOddKeysCanBeFoundAgain(t *testing.T) {
	if got := Index(Key(Key("", "a"), "b.c"), 2); got != `a["b.c"][2]` {
		t.Errorf("path %s", got)
	}
	if got := Quote(strings.Repeat("é", 100)); len(got) > 100 || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("quoted %s", got)
	}
}

func TestDecodeTakesOnlyAPointerToAStruct(t *testing.T) {
	node, _ := Parse([]byte("a: b\n"))
	for _, dst := range []any{nil, outer{}, new(int), (*outer)(nil)} {
		if _, faults := Decode(node, "", dst); len(faults) != 1 {
			t.Errorf("%T: faults %v", dst, faults)
		}
	}
}

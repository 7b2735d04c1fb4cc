package incident

import (
	"regexp"
	"slices"
	"strings"
)

// Explanation says what an incident means and how it is put right.
type Explanation struct {
	Means string `json:"means"`
	Fix   string `json:"fix"`
	// Commands do it, ready to be pasted.
	Commands []string `json:"commands,omitempty"`
	// Notes are what the provider's record tells its operators about this.
	Notes []string `json:"notes,omitempty"`
}

// row is one line of the tables. Texts may name {app}, {provider}, {rule}, {wanted},
// {seen}, {setting}, {origin}, {path} and {reason}.
type row struct {
	means, fix string
	topics     []string // words by which a record's notes are about this; after fixOf, a record's fix
}

// fixOf precedes the name of one of a record's fixes.
const fixOf = "fix:"

// key names a row: a kind, and a reason within it. "" stands for all others.
type key struct{ kind, reason string }

// explain returns the explanation of an incident, and the incident with what its cause
// tells in words: what was demanded and what came instead.
func explain(i Incident, of Advice) (Incident, Explanation) {
	r := rowOf(i)
	for _, p := range phrases {
		found := p.text.FindStringSubmatch(i.Cause)
		if found == nil || !slices.Contains(p.kinds, i.Kind) {
			continue
		}
		r = p.row
		i = p.told(i, found)
		break
	}
	e := Explanation{Means: fill(r.means, i), Fix: fill(r.fix, i), Commands: commandsOf(i)}
	for _, topic := range r.topics {
		name, isFix := strings.CutPrefix(topic, fixOf)
		if text := of.Fixes[name]; isFix && text != "" {
			e.Notes = append(e.Notes, text)
		}
	}
	for _, note := range of.Notes {
		lower := strings.ToLower(note)
		if slices.ContainsFunc(r.topics, func(word string) bool { return strings.Contains(lower, word) }) {
			e.Notes = append(e.Notes, note)
		}
	}
	return i, e
}

// commandsOf are the commands that settle a linking of what belongs to another account.
func commandsOf(i Incident) []string {
	seen := func(name string) string {
		n := slices.IndexFunc(i.Seen, func(s Seen) bool { return s.Name == name })
		if n < 0 || strings.ContainsFunc(i.Seen[n].Value, unpasted) {
			return ""
		}
		return i.Seen[n].Value
	}
	owner, identity := seen(SeenOwner), seen(SeenIdentity)
	switch {
	case i.Kind != KindLink || owner == "" || identity == "":
		return nil
	case strings.HasSuffix(i.Reason, "/only"):
		return []string{"cardea accounts show " + owner, "cardea accounts delete " + owner + " --yes " + owner}
	case identity[0] == '-':
		return []string{"cardea accounts show " + owner, "cardea accounts unlink --yes " + owner + " -- " + owner + " " + identity}
	}
	return []string{"cardea accounts show " + owner, "cardea accounts unlink " + owner + " " + identity + " --yes " + owner}
}

// unpasted tells of a character that neither handles nor keys have: a shell may read more
// into it.
func unpasted(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
}

// rowOf finds the row of a kind and a reason. A reason may have a closer part after a
// slash, as "group/none" has, that falls back to the part before it.
func rowOf(i Incident) row {
	kind, reason := i.Kind, i.Reason
	for {
		if r, ok := find(kind, reason); ok && reason != "" {
			return r
		}
		cut := strings.LastIndexByte(reason, '/')
		if cut < 0 {
			break
		}
		reason = reason[:cut]
	}
	if kind == KindNotSaved || kind == KindSessionEnded {
		if r, ok := find("session-required", i.Reason); ok && i.Reason != "" {
			return r
		}
	}
	if r, ok := find(kind, ""); ok {
		return r
	}
	return table[key{"internal", ""}]
}

// phrase recognises what an error says in words, where the words alone tell the fix.
// Groups named seen and wanted are what came and what was demanded.
type phrase struct {
	kinds []string
	text  *regexp.Regexp
	name  string // of what was seen: a claim, say
	rule  string // where the demand stands
	row   row
}

// told adds what the cause says to what was noted. What is known already stays.
func (p phrase) told(i Incident, found []string) Incident {
	if i.Rule == "" {
		i.Rule = fill(p.rule, i)
	}
	group := func(name string) string {
		if n := p.text.SubexpIndex(name); n >= 0 {
			return found[n]
		}
		return ""
	}
	if v := group("wanted"); v != "" && len(i.Wanted) == 0 {
		i.Wanted = []string{v}
	}
	if p.name != "" && len(i.Seen) == 0 {
		i.Seen = []Seen{{Name: p.name, Value: group("seen"), Absent: group("seen") == ""}}
	}
	return i
}

// fill puts an incident's own words into a text. A place that is not known keeps a name
// that says what to look for.
func fill(text string, i Incident) string {
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	seen := ""
	for n, s := range i.Seen {
		if n > 0 {
			seen += ", "
		}
		seen += s.Name + " " + s.String()
	}
	return strings.NewReplacer(
		"{app}", or(i.App, "ID"), "{provider}", or(i.Provider, "ID"), "{rule}", or(i.Rule, "the rule"),
		"{setting}", or(i.Setting, "the setting"), "{wanted}", or(strings.Join(i.Wanted, " or "), "what the rule lists"),
		"{seen}", or(seen, "nothing"), "{origin}", or(i.Origin, "this address"), "{path}", or(i.Path, "/"), "{reason}", or(i.Reason, "no reason"),
	).Replace(text)
}

// String is the value as an operator reads it.
func (s Seen) String() string {
	switch {
	case s.Absent:
		return "(absent)"
	case s.Value == "":
		return "(empty)"
	}
	return s.Value
}

// Explained tells whether a kind has a row, and a reason within it a row of its own or, with
// a closer part, that of the part before.
func Explained(kind, reason string) bool {
	for {
		if _, ok := find(kind, reason); ok {
			return true
		}
		cut := strings.LastIndexByte(reason, '/')
		if cut < 0 {
			return false
		}
		reason = reason[:cut]
	}
}

// find looks a row up in the tables.
func find(kind, reason string) (row, bool) {
	if r, ok := signInTable[key{kind, reason}]; ok {
		return r, true
	}
	r, ok := table[key{kind, reason}]
	return r, ok
}

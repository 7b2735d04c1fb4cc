package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Level is how bad a finding is.
type Level string

// The levels. Note tells what to do or to know, or that something cannot be told from
// here. Warning works and will hurt. Error keeps people from signing in or out.
const (
	OK      Level = "ok"
	Note    Level = "note"
	Warning Level = "warning"
	Error   Level = "error"
)

// Finding is what one check found.
type Finding struct {
	// ID names the finding, such as issuer-slash; empty where all is well. The names are
	// stable, and IDs lists them.
	ID string `json:"id,omitempty"`
	// Check names the check. The names are stable; each is a heading of docs/doctor.md.
	Check string `json:"check"`
	Level Level  `json:"level"`
	// Found is the finding in a line.
	Found string `json:"found"`
	// Meaning is what it means for people. Empty where all is well.
	Meaning string `json:"meaning,omitempty"`
	// Evidence is what was asked and answered.
	Evidence []string `json:"evidence,omitempty"`
	// Fix is what to change, and where.
	Fix []string `json:"fix,omitempty"`
	// More is the address of the check's documentation.
	More string `json:"more"`
	// About is the address of the page about this kind of provider; empty elsewhere.
	About string `json:"about,omitempty"`

	// also are fixes that hold whatever a provider's record says.
	also []string
}

// Kinds of groups.
const (
	KindGateway  = "gateway"
	KindProvider = "provider"
	KindApp      = "app"
)

// Group are the findings about one provider, one app or the gateway itself.
type Group struct {
	// Kind is gateway, provider or app.
	Kind string `json:"kind"`
	// ID is the one in the configuration; empty for the gateway.
	ID string `json:"id,omitempty"`
	// At is the address that was examined.
	At       string    `json:"at"`
	Findings []Finding `json:"findings"`
}

// Summary counts findings by level.
type Summary struct {
	OK      int `json:"ok"`
	Note    int `json:"note"`
	Warning int `json:"warning"`
	Error   int `json:"error"`
}

// Report is everything that was found.
type Report struct {
	Summary Summary `json:"summary"`
	Groups  []Group `json:"groups"`
}

// manual is where every check is explained, and kinds where every kind of provider is.
const (
	manual = "https://github.com/cardea-auth/cardea/blob/main/docs/doctor.md"
	kinds  = "https://github.com/cardea-auth/cardea/blob/main/docs/providers/"
)

// add adds what is not well; its ID says of which check.
func (g *Group) add(f Finding) {
	if f.Check == "" {
		f.Check = checkOf(f.ID)
	}
	f.Fix, f.also = append(f.Fix, f.also...), nil
	f.More = manual + "#" + f.Check
	g.Findings = append(g.Findings, f)
}

func (g *Group) ok(check, found string, evidence ...string) {
	g.add(Finding{Check: check, Level: OK, Found: found, Evidence: evidence})
}

func newReport(groups []Group) *Report {
	r := &Report{Groups: groups}
	for _, g := range groups {
		for _, f := range g.Findings {
			switch f.Level {
			case OK:
				r.Summary.OK++
			case Note:
				r.Summary.Note++
			case Warning:
				r.Summary.Warning++
			case Error:
				r.Summary.Error++
			}
		}
	}
	return r
}

// Without gives the report without some findings, by their names.
func (r *Report) Without(ids ...string) *Report {
	groups := slices.Clone(r.Groups)
	for i, g := range groups {
		groups[i].Findings = slices.DeleteFunc(slices.Clone(g.Findings), func(f Finding) bool { return f.ID != "" && slices.Contains(ids, f.ID) })
	}
	return newReport(groups)
}

// Failed tells whether there is an error among the findings.
func (r *Report) Failed() bool { return r.Summary.Error > 0 }

// Errors lists the findings that are errors.
func (r *Report) Errors() []Finding {
	var all []Finding
	for _, g := range r.Groups {
		for _, f := range g.Findings {
			if f.Level == Error {
				all = append(all, f)
			}
		}
	}
	return all
}

// Hopeless tells whether one of them keeps everybody from signing in.
func (r *Report) Hopeless() bool {
	return slices.ContainsFunc(r.Groups, func(g Group) bool { return slices.ContainsFunc(g.Findings, hinders) })
}

// WriteJSON writes the report as one JSON object: the fields of Report, Group and Finding.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/incident"
)

// Incident is a refusal with what it means and how it is put right. It holds no token and
// no secret.
type Incident struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"`
	Status   int       `json:"status"`
	Shown    string    `json:"shown,omitempty"`
	Step     string    `json:"step,omitempty"`
	App      string    `json:"app,omitempty"`
	Provider string    `json:"provider,omitempty"`
	Origin   string    `json:"origin,omitempty"`
	Path     string    `json:"path,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Rule     string    `json:"rule,omitempty"`
	Wanted   []string  `json:"wanted,omitempty"`
	Seen     []Seen    `json:"seen,omitempty"`
	Setting  string    `json:"setting,omitempty"`
	Cause    string    `json:"cause,omitempty"`
	Means    string    `json:"means"`
	Fix      string    `json:"fix"`
	Commands []string  `json:"commands,omitempty"` // that do it, ready to be pasted
	Notes    []string  `json:"notes,omitempty"`
}

// Seen is what a provider said of the person under one name; absent: nothing.
type Seen struct {
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Absent bool   `json:"absent,omitempty"`
}

func (s server) why(w http.ResponseWriter, r *http.Request) {
	a, err := s.o.Incidents.Why(r.Context(), r.PathValue("id"))
	if unknown, ok := errors.AsType[*incident.UnknownError](err); ok {
		httpx.WriteProblem(w, httpx.Problem{Type: "not-found", Title: "No such incident", Status: http.StatusNotFound, Detail: unknown.Error()}, 0)
		return
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	v := Incident{
		ID: a.ID, At: a.At, Kind: a.Kind, Status: a.Status, Shown: a.Shown, Step: a.Step, App: a.App, Provider: a.Provider,
		Origin: a.Origin, Path: a.Path, Reason: a.Reason, Rule: a.Rule, Wanted: a.Wanted, Setting: a.Setting, Cause: a.Cause,
		Means: a.Means, Fix: a.Fix, Commands: a.Commands, Notes: a.Notes,
	}
	for _, seen := range a.Seen {
		v.Seen = append(v.Seen, Seen{seen.Name, seen.Value, seen.Absent})
	}
	answer(w, v)
}

// Why explains what was refused under an id.
func (c *Client) Why(ctx context.Context, id string) (Incident, error) {
	var v Incident
	err := c.call(ctx, http.MethodGet, "/v1/incidents/"+url.PathEscape(id), nil, &v)
	return v, err
}

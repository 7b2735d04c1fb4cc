package admin

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"time"
)

// Configs knows the configuration that the gateway runs with.
type Configs interface {
	Configuration() Configuration
	// PlanConfig tells what another one would bring about; ErrNoFile where the gateway has
	// no way to take one.
	PlanConfig(ctx context.Context, folder string, text []byte) (ConfigPlan, error)
}

// ErrNoFile: the configuration of the running gateway stands in no file.
var ErrNoFile = errors.New("the configuration of the running gateway stands in no file, and is not reloaded")

// Configuration is the one that holds.
type Configuration struct {
	File     string    `json:"file"`
	SHA256   string    `json:"sha256"` // of the file's text, in hexadecimal
	LoadedAt time.Time `json:"loaded_at"`
}

// ConfigPlanRequest is a configuration that does not hold yet: its text, and the folder
// that its paths are relative to, on the gateway's machine.
type ConfigPlanRequest struct {
	Folder string `json:"folder"`
	Text   string `json:"text"`
}

// ConfigPlan is what a reload would bring about. With Faults it would be refused, and
// nothing else is told; with NeedsRestart too.
type ConfigPlan struct {
	Faults       []ConfigFault   `json:"faults"`
	Warnings     []ConfigWarning `json:"warnings"`
	Changes      []ConfigChange  `json:"changes"`
	NeedsRestart []string        `json:"needs_restart"` // keys
	Ends         []ConfigEnd     `json:"ends"`
	Sessions     int             `json:"sessions"`    // that would end
	Connections  int             `json:"connections"` // of other sessions, that would be cut

	// Stranded are accounts that nobody could sign in to any more.
	Stranded []ConfigStranded `json:"stranded"`
}

// ConfigFault is what is wrong at a line, and what to write instead.
type ConfigFault struct {
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
}

// ConfigWarning is something that works and that an operator should know.
type ConfigWarning struct {
	Line    int    `json:"line,omitempty"`
	Key     string `json:"key"`
	Message string `json:"message"`
}

// ConfigChange is a key whose value would be another. From and To are words, and never a
// secret.
type ConfigChange struct {
	Key          string `json:"key"`
	From         string `json:"from,omitempty"`
	To           string `json:"to,omitempty"`
	NeedsRestart bool   `json:"needs_restart"`
}

// ConfigStranded counts the accounts with an identity of a provider that would go and none
// of one that would be left.
type ConfigStranded struct {
	Provider string `json:"provider"`
	Accounts int    `json:"accounts"`
}

// ConfigEnd is why sessions would end.
type ConfigEnd struct {
	Why      string `json:"why"` // provider, app, rule
	Name     string `json:"name"`
	Because  string `json:"because"`
	Sessions int    `json:"sessions"`
}

// maxConfig bounds a configuration in a request.
const maxConfig = 1 << 20

func (s server) configuration(*http.Request) (any, error) { return s.o.Configs.Configuration(), nil }

func (s server) planConfig(w http.ResponseWriter, r *http.Request) {
	var req ConfigPlanRequest
	if err := decodeUpTo(w, r, &req, maxConfig); err != nil || req.Text == "" || !filepath.IsAbs(req.Folder) {
		s.refuse(w, "the body is not a JSON object with text, a configuration of at most 1 MiB, and folder, an absolute path")
		return
	}
	plan, err := s.o.Configs.PlanConfig(r.Context(), filepath.Clean(req.Folder), []byte(req.Text))
	switch {
	case errors.Is(err, ErrNoFile):
		s.fail(w, conflict("no-file", "There is no reload", err.Error()))
	case err != nil:
		s.fail(w, err)
	default:
		answer(w, plan)
	}
}

// Configuration asks which configuration holds.
func (c *Client) Configuration(ctx context.Context) (Configuration, error) {
	var v Configuration
	err := c.call(ctx, http.MethodGet, "/v1/config", nil, &v)
	return v, err
}

// PlanConfig asks what a configuration would bring about. With many sessions it takes its
// time.
func (c *Client) PlanConfig(ctx context.Context, folder string, text []byte) (ConfigPlan, error) {
	var v ConfigPlan
	err := c.wait(ctx, http.MethodPost, "/v1/config/plan", ConfigPlanRequest{Folder: folder, Text: string(text)}, &v)
	return v, err
}

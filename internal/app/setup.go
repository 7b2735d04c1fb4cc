package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/doctor"
	"github.com/cardea-auth/cardea/internal/preset"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/setup"
)

// ConfigName is the file that Init writes.
const ConfigName = "cardea.yaml"

const (
	secretName = "client-secret"
	usualEnv   = "CARDEA_CLIENT_SECRET"
	usualURL   = "http://localhost:4180"
	usualID    = "cardea"
	mostTries  = 3
)

// Asker asks a person. An empty answer takes the fallback.
type Asker interface {
	Ask(question, fallback string) (string, error)
	Secret(question string) (string, error)
	Agree(question string) (bool, error)
}

// InitOptions are what a first configuration is made of. Out, In, Env and ReadFile are
// required; what else is missing is asked of Ask.
type InitOptions struct {
	Issuer, Kind            string // one of them
	App                     string // where the app listens
	AppURL, Preset          string
	PublicURL               string // default http://localhost:4180
	ClientID                string
	SecretFile, SecretEnv   string // a SecretFile of "-" is read from In
	Public                  bool   // a client without a secret
	KeyFile, KeyID, KeyName string // for clients that sign; KeyName is the key's owner
	CAFile                  string

	Folder  string // that the file is written to
	Replace bool   // a file that is there
	Colour  bool   // of the doctor's findings
	// Starting: the gateway is to serve right afterwards, at addresses that must be free.
	Starting bool

	Ask      Asker // nil: nobody can be asked
	In       io.Reader
	Out      io.Writer
	Env      func(string) (string, bool)
	ReadFile func(string) ([]byte, error)
	Now      func() time.Time
}

// ErrExists: the configuration is there already and was not to be replaced.
var ErrExists = errors.New("is there already")

// SetupError is what the caller has to give otherwise, by the flag that gives it.
type SetupError struct {
	Flag string // "" where several play a part
	Err  error
}

// Error names the flag.
func (e *SetupError) Error() string {
	if e.Flag == "" {
		return e.Err.Error()
	}
	return e.Flag + ": " + e.Err.Error()
}

func (e *SetupError) Unwrap() error { return e.Err }

// initial is one run of Init.
type initial struct {
	InitOptions
	search setup.Search
	plan   setup.Plan
	secret string // as it was pasted or piped; "" where it stays where it is
	step   int
}

// Init finds out what provider and app these are, writes a configuration for them into
// o.Folder, says what to register and to set, and examines it. The error is a
// *MissingFlagError, a *SetupError or a *config.Faults, or wraps ErrExists, where the caller
// has to give something else; nothing is written then.
func Init(ctx context.Context, o InitOptions) (cfg *config.Config, report *doctor.Report, err error) {
	i := &initial{InitOptions: o}
	get, err := newGetter(o)
	if err != nil {
		return nil, nil, &SetupError{"--ca-file", err}
	}
	i.search = setup.Search{Get: get, Recognise: record.Recognised}
	if err := i.mayWrite(i.file()); err != nil {
		return nil, nil, err
	}
	for _, act := range []func(context.Context) error{i.findProvider, i.findApp, i.place, i.register} {
		if err := act(ctx); err != nil {
			return nil, nil, err
		}
	}
	if cfg, err = i.write(); err != nil {
		return nil, nil, err
	}
	i.tellApp()
	i.heading("What may still go wrong")
	i.paragraph("The doctor asks provider and app what a sign-in and a sign-out would ask them.")
	fmt.Fprintln(i.Out)
	if report, err = examine(ctx, cfg, "", o.Starting); err != nil {
		return nil, nil, err
	}
	report = report.Without("listening-stopped", "app-setup") // it starts now, and the app's part is told above
	return cfg, report, report.WriteBrief(i.Out, o.Colour)
}

// findProvider asks until a provider is found, or says why there is none.
func (i *initial) findProvider(ctx context.Context) error {
	for try := 1; ; try++ {
		if err := i.askProvider(); err != nil {
			return err
		}
		p, err := i.search.Provider(ctx, i.Issuer, i.Kind)
		if name, ok := errors.AsType[*setup.MissingName](err); ok && i.Ask != nil {
			said := "This is " + name.Title
			if name.Unknown != "" {
				said = err.Error()
			}
			answer, aerr := i.ask(said+". The name in place of * in "+name.Pattern, "", "--issuer URL", "the issuer's name")
			if aerr != nil {
				return aerr
			}
			i.Issuer = name.With(answer)
			p, err = i.search.Provider(ctx, i.Issuer, i.Kind)
		}
		if err == nil {
			i.plan.Provider = p
			i.tellProvider()
			return nil
		}
		if i.Ask == nil || try == mostTries || ctx.Err() != nil {
			return &SetupError{"--issuer", err}
		}
		i.paragraph(err.Error() + ".")
		i.Issuer, i.Kind = "", ""
	}
}

// askProvider takes an address or a kind.
func (i *initial) askProvider() error {
	if i.Issuer == "" && i.Kind == "" {
		answer, err := i.ask("The provider's address (its issuer), or its kind, such as github", "", providerFlags, theProvider)
		if err != nil {
			return err
		}
		if _, err := setup.LookupKind(answer); err == nil {
			i.Kind = answer
		} else {
			i.Issuer = answer
		}
	}
	if i.Issuer != "" || i.Kind == "" {
		return nil
	}
	r, err := setup.LookupKind(i.Kind)
	if err != nil {
		return &SetupError{"--kind", err}
	}
	if r.Issuer.Default == "" {
		i.Issuer, err = i.ask("The address of "+firstOf(r.Title, "the provider")+" (its issuer)", "", "--issuer URL", "the issuer of "+firstOf(r.Title, i.Kind))
	}
	return err
}

func (i *initial) tellProvider() {
	p := i.plan.Provider
	i.heading("The provider")
	switch {
	case p.Recognised:
		i.paragraph(fmt.Sprintf("%s is %s, told by its marks. Its record is kind: %s.", p.Issuer, p.Title(), p.Kind))
	case i.Kind != "":
		i.paragraph(fmt.Sprintf("%s, taken for %s as you said. Its record is kind: %s.", p.Issuer, p.Title(), p.Kind))
	default:
		i.paragraph(fmt.Sprintf("%s is an OpenID provider, and none that is known better. Its record is kind: %s.", p.Issuer, p.Kind))
	}
	for _, n := range p.Notes {
		i.paragraph(n)
	}
}

func (i *initial) findApp(ctx context.Context) (err error) {
	if i.App == "" {
		if i.App, err = i.ask("Where the app listens", "http://127.0.0.1:8000", appFlag, theApp); err != nil {
			return err
		}
	}
	search := i.search
	if search.Get, err = newGetter(i.InitOptions); err != nil { // it may be on a socket
		return err
	}
	if i.Preset != "" {
		if _, err := setup.LookupPreset(i.Preset); err != nil {
			return &SetupError{"--preset", err}
		}
	}
	a, err := search.App(ctx, i.App, i.Preset)
	if err != nil {
		return &SetupError{"--app", err}
	}
	i.plan.App, i.plan.AppURL = a, i.AppURL
	i.heading("The app")
	switch {
	case !a.Answers:
		i.paragraph(a.Upstream + " does not answer. Start it later; started now, it may be recognised (run this again with --force then).")
	case a.Recognised:
		i.paragraph(fmt.Sprintf("%s is %s, told by its marks. What is known of it is preset: %s.", a.Upstream, a.Title(), a.Preset.Name))
	case i.Preset != "":
		i.paragraph(fmt.Sprintf("%s answers, and is taken for %s as you said: preset: %s.", a.Upstream, a.Title(), a.Preset.Name))
	default:
		i.paragraph(a.Upstream + " answers, and is no app that is known; preset: " + a.Preset.Name + " suits any.")
	}
	for _, n := range a.Notes {
		i.paragraph(n)
	}
	return nil
}

func (i *initial) place(context.Context) (err error) {
	if i.PublicURL == "" && i.Ask != nil {
		if i.PublicURL, err = i.ask("Where people will reach the gateway", usualURL, "--public-url URL", "the gateway's address"); err != nil {
			return err
		}
	}
	if i.plan.Place, err = setup.At(firstOf(i.PublicURL, usualURL)); err != nil {
		return &SetupError{"--public-url", err}
	}
	if err = i.plan.Check(); err != nil {
		return &SetupError{"", err}
	}
	return nil
}

// register says what to register, before what comes of it is asked for.
func (i *initial) register(context.Context) error {
	r := i.plan.Provider.Record
	i.plan.Credentials.ClientID = i.ClientID
	i.heading("At " + i.plan.Provider.Title() + ": register the gateway")
	var b strings.Builder
	i.plan.Registration().Write(&b)
	fmt.Fprint(i.Out, b.String())
	c := &i.plan.Credentials
	var err error
	if c.ClientID == "" {
		usual := ""
		if len(r.Recognise.Hosts) == 0 { // run by people themselves, who mostly choose it
			usual = usualID
		}
		if c.ClientID, err = i.ask("The client id (chosen or given there)", usual, clientIDFlag, theClientID); err != nil {
			return err
		}
	}
	switch {
	case i.Public || r.Client.Auth == record.AuthNone:
		return nil
	case signs(r) || i.KeyFile != "":
		return i.key(r)
	}
	return i.clientSecret()
}

func (i *initial) tellApp() {
	i.heading("In " + i.plan.App.Title() + "'s own configuration")
	var b strings.Builder
	i.plan.AppSetup(&b)
	fmt.Fprint(i.Out, b.String())
	i.paragraph("Then restart " + i.plan.App.Title() + ".")
}

func (i *initial) heading(title string) {
	i.step++
	fmt.Fprintf(i.Out, "\n%d. %s\n\n", i.step, title)
}

func (i *initial) paragraph(text string) {
	var b strings.Builder
	setup.Paragraph(&b, "   ", text)
	fmt.Fprint(i.Out, b.String())
}

// Kinds lists the kinds of provider that have a record.
func Kinds() []string { return record.Kinds() }

// Presets lists the apps of which something is known.
func Presets() []string { return preset.Names() }

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

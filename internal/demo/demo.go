package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/cardea-auth/cardea/internal/app"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/demo/sample"
	"github.com/cardea-auth/cardea/internal/devprovider"
)

// Options are the demo's settings. Out, Logger and ReadFile are required.
type Options struct {
	// Data is the folder that everything is kept in. Default demo-data.
	Data string
	// Port is the gateway's on localhost; the next one is the operators'. Default 4180.
	Port int
	// ProviderPort is the development provider's. Default Port plus ten.
	ProviderPort int
	// TokenLife is how long access tokens live: short, so that refreshing is seen.
	// Default 60 s.
	TokenLife time.Duration
	// Fresh forgets everything that an earlier run kept.
	Fresh bool
	// Program is how this program was called, for the commands that the guide names.
	Program string

	Out      io.Writer
	Logger   *slog.Logger
	ReadFile func(string) ([]byte, error)
	// Ready, if set, is called once everything answers.
	Ready func()
}

// DefaultPort and DefaultTokenLife are what Options leave open.
const (
	DefaultPort      = 4180
	DefaultTokenLife = time.Minute
	DefaultData      = "demo-data"

	leastTokenLife = 5 * time.Second
	secretEnv      = "CARDEA_DEMO_SECRET"
	clientID       = "cardea-demo"
)

// ErrOptions: an option has a value that cannot be.
var ErrOptions = errors.New("demo")

func (o *Options) complete() error {
	if o.Out == nil || o.Logger == nil || o.ReadFile == nil {
		return errors.New("demo: Out, Logger and ReadFile are required")
	}
	if o.Data == "" {
		o.Data = DefaultData
	}
	if o.Port == 0 {
		o.Port = DefaultPort
	}
	if o.ProviderPort == 0 {
		o.ProviderPort = o.Port + 10
	}
	if o.TokenLife == 0 {
		o.TokenLife = DefaultTokenLife
	}
	if o.Program == "" {
		o.Program = "cardea"
	}
	switch {
	case o.Port < 1 || o.Port > 65534:
		return fmt.Errorf("%w: --port %d is outside 1 to 65534", ErrOptions, o.Port)
	case o.ProviderPort < 1 || o.ProviderPort > 65535:
		return fmt.Errorf("%w: --provider-port %d is outside 1 to 65535", ErrOptions, o.ProviderPort)
	case o.ProviderPort == o.Port || o.ProviderPort == o.Port+1:
		return fmt.Errorf("%w: --provider-port %d is taken by the gateway; it uses %d and %d", ErrOptions, o.ProviderPort, o.Port, o.Port+1)
	case o.TokenLife < leastTokenLife:
		return fmt.Errorf("%w: --token-life %s is shorter than %s", ErrOptions, o.TokenLife, leastTokenLife)
	}
	data, err := filepath.Abs(o.Data)
	if err != nil {
		return fmt.Errorf("finding the data folder: %w", err)
	}
	o.Data = data
	return nil
}

// Run serves until ctx ends or a part fails, then stops within about two seconds, open
// WebSockets or not.
func Run(ctx context.Context, o Options) error {
	if err := o.complete(); err != nil {
		return err
	}
	if err := o.freePorts(ctx); err != nil {
		return err
	}
	if err := o.prepareData(ctx); err != nil {
		return err
	}
	var lc net.ListenConfig
	upstream, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening for the sample app: %w", err)
	}
	defer upstream.Close()
	return o.run(ctx, upstream)
}

func (o *Options) run(ctx context.Context, upstream net.Listener) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	text := o.configuration(upstream.Addr().String())
	secret := rand.Text()
	cfg, err := o.load(text, secret)
	if err != nil {
		return err
	}
	guide := o.guide()
	gateway, err := app.New(ctx, app.Options{Config: cfg, Logger: o.Logger.With("part", "gateway"), Ready: func() {
		fmt.Fprint(o.Out, guide)
		if o.Ready != nil {
			o.Ready()
		}
	}})
	if err != nil {
		return fmt.Errorf("preparing the gateway: %w", err)
	}
	// The gateway holds the data folder's lock from here on.
	if err := os.WriteFile(o.configFile(), []byte(text), 0o600); err != nil {
		gateway.Close()
		return fmt.Errorf("keeping the configuration: %w", err)
	}
	provider, err := devprovider.Start(ctx, o.provider(secret), nil)
	if err != nil {
		gateway.Close()
		return fmt.Errorf("starting the development provider: %w", err)
	}
	stopSample := serveSample(upstream, o.Logger.With("part", "app"), stop)
	err = gateway.Run(ctx)
	stop(nil)
	stopSample()
	return errors.Join(err, provider.Close(), failure(ctx))
}

// failure is why the demo stopped by itself; nil when it was told to.
func failure(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// serveSample serves the sample app until the returned function is called. Its sockets
// and streams are cut then: there is nothing in them that a client would miss.
func serveSample(ln net.Listener, logger *slog.Logger, failed context.CancelCauseFunc) (stop func()) {
	server := &http.Server{Handler: sample.New(sample.Options{Logger: logger}), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			failed(fmt.Errorf("serving the sample app: %w", err))
		}
	}()
	return func() {
		server.Close()
		<-done
	}
}

// load reads the configuration as "cardea serve" would.
func (o *Options) load(text, secret string) (*config.Config, error) {
	read := func(path string) ([]byte, error) {
		if path == o.configFile() {
			return []byte(text), nil
		}
		return o.ReadFile(path)
	}
	env := func(name string) (string, bool) { return secret, name == secretEnv }
	cfg, _, err := config.Load(o.configFile(), env, read)
	if err != nil {
		return nil, fmt.Errorf("the demo's configuration cannot be used; a shorter path by --data may help:\n%w", err)
	}
	return cfg, nil
}

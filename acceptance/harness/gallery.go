package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"time"
)

// Gallery is a server that shows every page of the gateway's own in its examples, as
// /NAME?lang=en and /NAME?lang=zh.
type Gallery struct {
	URL   string
	Names []string

	process *Process
}

// StartGallery builds and starts it.
func (e *Env) StartGallery(ctx context.Context) (*Gallery, error) {
	binary := filepath.Join(e.Cache, "bin", "gallery")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./internal/pages/gallery")
	cmd.Dir = e.Root
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the gallery: %w\n%s", err, out)
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	g := &Gallery{URL: "http://" + address}
	if g.process, err = start(command{Path: binary, Args: []string{"-listen", address}, Log: e.logFile("gallery")}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	if err := g.process.awaitHTTP(ctx, g.URL+"/names", http.StatusOK); err != nil {
		return nil, err
	}
	res, err := http.Get(g.URL + "/names")
	if err != nil {
		return nil, fmt.Errorf("asking the gallery for its pages: %w", err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&g.Names); err != nil || len(g.Names) == 0 {
		return nil, fmt.Errorf("the gallery names no pages: %w", err)
	}
	return g, nil
}

// Page is the address of an example.
func (g *Gallery) Page(name, lang string) string { return g.URL + "/" + name + "?lang=" + lang }

// Close ends it.
func (g *Gallery) Close() { _ = g.process.Terminate(5 * time.Second) }

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// childVariable tells this binary to be one of the measured servers; its value is a
// spec as JSON.
const childVariable = "CARDEA_BENCH_SERVE"

// spec says which server a child is.
type spec struct {
	Role     string              `json:"role"`
	Config   string              `json:"config,omitempty"`   // gateway, check: configuration file
	Upstream string              `json:"upstream,omitempty"` // reverse: host:port
	Pool     bool                `json:"pool,omitempty"`     // reverse: reuse copy buffers
	Answer   map[string]string   `json:"answer,omitempty"`   // bare: the header that check makes of the session
	Set      map[string][]string `json:"set,omitempty"`      // reverse: what the gateway sets in requests
	Drop     []string            `json:"drop,omitempty"`     // reverse: what it takes out of them
	SetBack  map[string][]string `json:"set_back,omitempty"` // reverse: what it sets in answers
}

// order is one line on a child's standard input, reply one on its standard output.
type order struct {
	Do   string `json:"do"` // usage, settle, record, profile, heap
	Path string `json:"path,omitempty"`
}

type reply struct {
	Err     string `json:"err,omitempty"`
	Address string `json:"address,omitempty"`
	Usage   usage  `json:"usage"`
	Wire    []byte `json:"wire,omitempty"`
}

// usage is what a process has used so far.
type usage struct {
	CPU     time.Duration `json:"cpu"`
	Mallocs uint64        `json:"mallocs"`
	RSS     int64         `json:"rss"`   // bytes
	InUse   int64         `json:"inuse"` // heap and stacks of the Go runtime, bytes
}

// child is a server process.
type child struct {
	address string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
	errs    *tail
	once    sync.Once
}

// tail keeps the end of what a process says.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.b.Len() > 1<<16 {
		t.b.Reset()
	}
	return t.b.Write(p)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(t.b.String())
	return text[max(0, len(text)-2000):]
}

func startChild(ctx context.Context, s spec) (*child, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.CommandContext(ctx, self), errs: &tail{}}
	c.cmd.Env = append(os.Environ(), childVariable+"="+string(text), secretVariable+"="+clientSecret)
	c.cmd.Stderr = c.errs
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = json.NewDecoder(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	hello, err := c.read()
	if err != nil {
		c.stop()
		return nil, err
	}
	c.address = hello.Address
	return c, nil
}

func (c *child) ask(o order) (reply, error) {
	line, err := json.Marshal(o)
	if err != nil {
		return reply{}, err
	}
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		return reply{}, fmt.Errorf("a server is gone: %w: %s", err, c.errs)
	}
	return c.read()
}

func (c *child) read() (reply, error) {
	var r reply
	if err := c.out.Decode(&r); err != nil {
		return r, fmt.Errorf("a server is gone: %w: %s", err, c.errs)
	}
	if r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, nil
}

func (c *child) usage() (usage, error) {
	r, err := c.ask(order{Do: "usage"})
	return r.Usage, err
}

// stop ends the child: it leaves when its input ends, and is killed when it does not.
func (c *child) stop() {
	c.once.Do(func() {
		_ = c.in.Close()
		late := time.AfterFunc(5*time.Second, func() { _ = c.cmd.Process.Kill() })
		defer late.Stop()
		_ = c.cmd.Wait() // its status says nothing that was measured
	})
}

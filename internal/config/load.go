package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/cardea-auth/cardea/internal/strict"
)

// Fault is one thing that is wrong in the configuration: where it stands, what
// is wrong, and what to write instead.
type Fault = strict.Fault

// Faults is the error that Load returns: every fault, as they stand in the file.
type Faults struct {
	// File is the path as it was given to Load.
	File string
	// List has at least one fault.
	List []Fault
}

// Error gives one line per fault, each beginning with file:line:column.
func (f *Faults) Error() string {
	lines := make([]string, len(f.List))
	for i, fault := range f.List {
		sep := ":"
		if fault.Line == 0 {
			sep = ": "
		}
		lines[i] = f.File + sep + fault.String()
	}
	return strings.Join(lines, "\n")
}

// Warning is something that works and that an operator should know.
type Warning struct {
	// Path names the value; Line is 0 where the file does not state it.
	Line    int
	Path    string
	Message string
}

// String gives the warning on one line.
func (w Warning) String() string {
	return w.Path + ": " + w.Message
}

// Load reads, completes and checks the configuration at path. env looks up
// environment variables and readFile reads files; both are called only for what
// the configuration names. The error is a *Faults.
//
// Paths in the result are absolute, secrets are read, and every default is set.
func Load(path string, env func(string) (string, bool), readFile func(string) ([]byte, error)) (*Config, []Warning, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, &Faults{File: path, List: []Fault{{Message: "the path cannot be made absolute: " + err.Error()}}}
	}
	data, err := readFile(abs)
	if err != nil {
		return nil, nil, &Faults{File: path, List: []Fault{{Message: "the file " + readTrouble(err), Fix: "name the configuration with --config FILE"}}}
	}
	return parse(path, abs, data, env, readFile)
}

// Parse is Load for a text that stands in no file yet: it is read as if it stood at path,
// to which its own paths are relative.
func Parse(path string, data []byte, env func(string) (string, bool), readFile func(string) ([]byte, error)) (*Config, []Warning, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, &Faults{File: path, List: []Fault{{Message: "the path cannot be made absolute: " + err.Error()}}}
	}
	return parse(path, abs, data, env, readFile)
}

func parse(path, abs string, data []byte, env func(string) (string, bool), readFile func(string) ([]byte, error)) (*Config, []Warning, error) {
	node, faults := strict.Parse(data)
	if len(faults) > 0 {
		return nil, nil, &Faults{File: path, List: faults}
	}
	cfg := &Config{}
	cfg.SetDefaults()
	positions, faults := strict.Decode(node, "", cfg)
	sum := sha256.Sum256(data)
	cfg.File, cfg.Digest = abs, hex.EncodeToString(sum[:])
	c := &checker{cfg: cfg, positions: positions, decoded: faults, env: env, readFile: readFile, folder: filepath.Dir(abs)}
	c.all()
	if faults = append(faults, c.faults...); len(faults) > 0 {
		strict.Sort(faults)
		return nil, nil, &Faults{File: path, List: faults}
	}
	return cfg, c.warnings, nil
}

// readTrouble says why a file was not read, without repeating its path.
func readTrouble(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read by this user"
	}
	var perr *fs.PathError
	if errors.As(err, &perr) {
		err = perr.Err
	}
	return fmt.Sprintf("cannot be read: %v", err)
}

package devprovider

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// loadState reads the state file; a missing one is an empty state.
func loadState(path string) (*state, error) {
	if path == "" {
		return newState(), nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newState(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state file: %w", err)
	}
	st := newState()
	if err := json.Unmarshal(data, st); err != nil {
		return nil, fmt.Errorf("the state file %s is damaged (delete it to start afresh): %w", path, err)
	}
	for name, missing := range map[string]bool{
		"sessions": st.Sessions == nil, "grants": st.Grants == nil,
		"tokens": st.Tokens == nil, "consents": st.Consents == nil,
	} {
		if missing {
			return nil, fmt.Errorf("the state file %s has no %s (delete it to start afresh)", path, name)
		}
	}
	return st, nil
}

// save writes the state before the answer that depends on it leaves. The caller holds p.mu.
func (p *Provider) save() error {
	if p.opts.StateFile == "" {
		return nil
	}
	data, err := json.Marshal(p.state)
	if err != nil {
		return fmt.Errorf("encoding the state: %w", err)
	}
	if err := replaceFile(p.opts.StateFile, data); err != nil {
		return fmt.Errorf("writing the state file: %w", err)
	}
	return nil
}

// replaceFile puts data at path so that a crash leaves the old file or the new one. CreateTemp
// makes files with mode 0600.
func replaceFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

package app

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// key takes the private key of a client that signs.
func (i *initial) key(r record.Record) (err error) {
	c := &i.plan.Credentials
	c.KeyFile, c.KeyID, c.KeyIssuer = i.KeyFile, i.KeyID, i.KeyName
	if c.KeyFile == "" {
		if c.KeyFile, err = i.ask("The file with the client's private key (PEM)", "", keyFileFlag, theKey); err != nil {
			return err
		}
	}
	if c.KeyID == "" {
		if c.KeyID, err = i.ask("The key's id there", "", keyIDFlag, theKeyID); err != nil {
			return err
		}
	}
	if c.KeyIssuer == "" && namesOwner(r) {
		if c.KeyIssuer, err = i.ask("The name of the key's owner there (team or account)", "", keyNameFlag, theKeyName); err != nil {
			return err
		}
	}
	c.KeyFile = i.named(c.KeyFile)
	return nil
}

// clientSecret takes the secret from where it is, or from a person's paste.
func (i *initial) clientSecret() error {
	c := &i.plan.Credentials
	_, usual := i.Env(usualEnv)
	switch {
	case i.SecretFile == "-":
		text, err := io.ReadAll(io.LimitReader(i.In, 64<<10))
		if err != nil {
			return fmt.Errorf("reading the secret: %w", err)
		}
		return i.keep(string(text))
	case i.SecretFile != "":
		c.SecretFile = i.named(i.SecretFile)
	case i.SecretEnv != "":
		if _, set := i.Env(i.SecretEnv); !set {
			return &SetupError{"--client-secret-env", errors.New("the environment has no " + i.SecretEnv)}
		}
		c.SecretEnv = i.SecretEnv
	case usual:
		c.SecretEnv = usualEnv
	default:
		return i.askSecret()
	}
	return nil
}

// askSecret has the secret pasted.
func (i *initial) askSecret() error {
	missing := i.missing(theSecret, secretFlags)
	if i.Ask == nil {
		return missing
	}
	text, err := i.Ask.Secret("The client secret (not shown; nothing for a public client)")
	switch {
	case errors.Is(err, io.EOF):
		return missing
	case err != nil:
		return err
	case strings.TrimSpace(text) == "":
		i.Public = true
		return nil
	}
	return i.keep(text)
}

// keep has a secret written to a file of its own.
func (i *initial) keep(text string) error {
	if i.secret = strings.TrimSpace(text); i.secret == "" || strings.ContainsAny(i.secret, "\r\n") {
		return &SetupError{"--client-secret-file", errors.New("the client secret is one line, and not empty")}
	}
	i.plan.Credentials.SecretFile = secretName
	return nil
}

// named is a file as the configuration names it: relative to its own folder.
func (i *initial) named(file string) string {
	abs, err := filepath.Abs(file)
	if err != nil {
		return file
	}
	folder, err := filepath.Abs(i.Folder)
	if err != nil {
		return abs
	}
	if rel, err := filepath.Rel(folder, abs); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return abs
}

// ask asks for what cannot be guessed.
func (i *initial) ask(question, fallback, flag, what string) (string, error) {
	if i.Ask == nil {
		return "", i.missing(what, flag)
	}
	for range mostTries {
		answer, err := i.Ask.Ask(question, fallback)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || answer != "" {
			return answer, err
		}
	}
	return "", i.missing(what, flag)
}

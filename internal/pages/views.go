package pages

import (
	"html/template"
)

// App names what a person wanted to use.
type App struct {
	Name string
	Host string // shown where Name is empty
}

func (a App) label() string {
	if clean(a.Name, maxName) != "" {
		return a.Name
	}
	return a.Host
}

// Form is a POST form that a page offers as a button. Without an Action that may
// be linked to, there is no button.
type Form struct {
	Action string // absolute URL, or a path on this host
	Hidden []Field
}

// Field is a hidden field of a form; its value is escaped, never shortened.
type Field struct{ Name, Value string }

// Account says who is signed in. Empty fields are left out.
type Account struct {
	Name     string
	Email    string
	Provider string
}

func (a Account) lines() []string {
	var out []string
	for _, s := range []string{a.Name, a.Email} {
		if s = clean(s, maxName); s != "" && (len(out) == 0 || out[0] != s) {
			out = append(out, s)
		}
	}
	return out
}

// button is a form ready for a template.
type button struct {
	Action string
	Hidden []Field
	Label  template.HTML
}

func newButton(f Form, label template.HTML) *button {
	action := link(f.Action)
	if action == "" {
		return nil
	}
	return &button{Action: action, Hidden: f.Hidden, Label: label}
}

func (b *button) target() string {
	if b == nil {
		return ""
	}
	return b.Action
}

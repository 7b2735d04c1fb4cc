package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// schema is as much of JSON Schema (draft 2020-12) as the description uses.
type schema struct {
	Ref                  string            `json:"$ref"`
	Type                 string            `json:"type"`
	Description          string            `json:"description"`
	Format               string            `json:"format"`
	Pattern              string            `json:"pattern"`
	Enum                 []string          `json:"enum"`
	Minimum              *float64          `json:"minimum"`
	Maximum              *float64          `json:"maximum"`
	Default              any               `json:"default"`
	ContentMediaType     string            `json:"contentMediaType"`
	Properties           map[string]schema `json:"properties"`
	Required             []string          `json:"required"`
	AdditionalProperties *bool             `json:"additionalProperties"`
	MinProperties        *int              `json:"minProperties"`
	MaxProperties        *int              `json:"maxProperties"`
	Items                *schema           `json:"items"`
}

type media struct {
	Schema schema `json:"schema"`
}

type response struct {
	Ref         string           `json:"$ref"`
	Description string           `json:"description"`
	Content     map[string]media `json:"content"`
}

type operation struct {
	ID          string `json:"operationId"`
	Summary     string `json:"summary"`
	Description string `json:"description"`
	Parameters  []struct {
		Name        string `json:"name"`
		In          string `json:"in"`
		Required    bool   `json:"required"`
		Description string `json:"description"`
		Schema      schema `json:"schema"`
	} `json:"parameters"`
	RequestBody *struct {
		Required bool             `json:"required"`
		Content  map[string]media `json:"content"`
	} `json:"requestBody"`
	Responses map[string]response `json:"responses"`
}

// document is the description, strictly read.
type document struct {
	OpenAPI    string                          `json:"openapi"`
	Info       map[string]string               `json:"info"`
	Servers    []any                           `json:"servers"`
	Security   []any                           `json:"security"`
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Security  map[string]any      `json:"securitySchemes"`
		Responses map[string]response `json:"responses"`
		Schemas   map[string]schema   `json:"schemas"`
	} `json:"components"`
}

func readDocument(t *testing.T) document {
	t.Helper()
	var d document
	dec := json.NewDecoder(bytes.NewReader(description))
	dec.DisallowUnknownFields() // a word that the validator does not know would hold nothing
	if err := dec.Decode(&d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d document) resolve(s schema) schema {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return d.Components.Schemas[name]
	}
	return s
}

// validate lists what is wrong with a decoded value.
func (d document) validate(s schema, v any, at string) []string {
	if s.Ref != "" {
		target := d.resolve(s)
		if target.Type == "" {
			return []string{at + ": " + s.Ref + " leads nowhere"}
		}
		return d.validate(target, v, at)
	}
	wrong := func(format string, args ...any) []string { return []string{at + ": " + fmt.Sprintf(format, args...)} }
	switch s.Type {
	case "object":
		m, ok := v.(map[string]any)
		if !ok {
			return wrong("%v is no object", v)
		}
		return d.validateObject(s, m, at)
	case "array":
		list, ok := v.([]any)
		if !ok {
			return wrong("%v is no list", v)
		}
		var all []string
		for i, x := range list {
			all = append(all, d.validate(*s.Items, x, fmt.Sprintf("%s[%d]", at, i))...)
		}
		return all
	case "string":
		text, ok := v.(string)
		if !ok {
			return wrong("%v is no text", v)
		}
		return validateText(s, text, at)
	case "integer":
		n, ok := v.(float64)
		if !ok || n != float64(int64(n)) || s.Minimum != nil && n < *s.Minimum || s.Maximum != nil && n > *s.Maximum {
			return wrong("%v is no such number", v)
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return wrong("%v is no truth value", v)
		}
	default:
		return wrong("type %q is not known to this validator", s.Type)
	}
	return nil
}

func (d document) validateObject(s schema, m map[string]any, at string) []string {
	var all []string
	for _, name := range s.Required {
		if _, ok := m[name]; !ok {
			all = append(all, at+": "+name+" is missing")
		}
	}
	for name, v := range m {
		p, ok := s.Properties[name]
		if !ok {
			if s.AdditionalProperties != nil && !*s.AdditionalProperties {
				all = append(all, at+": "+name+" is not described")
			}
			continue
		}
		all = append(all, d.validate(p, v, at+"."+name)...)
	}
	if s.MinProperties != nil && len(m) < *s.MinProperties || s.MaxProperties != nil && len(m) > *s.MaxProperties {
		all = append(all, fmt.Sprintf("%s: %d members", at, len(m)))
	}
	return all
}

func validateText(s schema, text, at string) []string {
	if s.Enum != nil && !slices.Contains(s.Enum, text) {
		return []string{at + ": " + text + " is none of " + strings.Join(s.Enum, ", ")}
	}
	if s.Format == "date-time" {
		if when, err := time.Parse(time.RFC3339, text); err != nil || when.IsZero() {
			return []string{at + ": " + text + " is no time"}
		}
	}
	if s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(text) {
		return []string{at + ": " + text + " does not match " + s.Pattern}
	}
	return nil
}

// operationOf finds what describes a request; "" where nothing does.
func (d document) operationOf(method, path string) (operation, string) {
	segments := strings.Split(path, "/")
	best, at := operation{}, ""
	for template, methods := range d.Paths {
		parts := strings.Split(template, "/")
		op, ok := methods[strings.ToLower(method)]
		if !ok || len(parts) != len(segments) {
			continue
		}
		fits := true
		for i, p := range parts {
			fits = fits && (p == segments[i] || strings.HasPrefix(p, "{") && segments[i] != "")
		}
		if fits && (at == "" || strings.Contains(at, "{") && !strings.Contains(template, "{")) {
			best, at = op, template
		}
	}
	return best, at
}

// checkAnswer holds an answer against the description.
func (d document) checkAnswer(r *http.Request, status int, h http.Header, body []byte) []string {
	op, template := d.operationOf(r.Method, r.URL.EscapedPath())
	resp, ok := op.Responses[fmt.Sprint(status)]
	if !ok || template == "" {
		if status == http.StatusOK {
			return []string{"200 of something that is not described"}
		}
		resp = d.Components.Responses["Problem"]
	}
	kind := h.Get("Content-Type")
	m, ok := resp.Content[kind]
	if !ok {
		return []string{fmt.Sprintf("status %d: content type %q is not described", status, kind)}
	}
	if h.Get("Cache-Control") != "no-store" {
		return []string{"it may be cached"}
	}
	if kind == "application/x-tar" {
		return nil
	}
	var all []string
	for dec := json.NewDecoder(bytes.NewReader(body)); dec.More(); {
		var v any
		if err := dec.Decode(&v); err != nil {
			return append(all, err.Error())
		}
		all = append(all, d.validate(m.Schema, v, "answer")...)
		if kind == "application/problem+json" && v.(map[string]any)["status"] != float64(status) {
			all = append(all, "the problem's status is another")
		}
	}
	return all
}

// described fails the test at every answer of h that is not as the description says.
func described(t *testing.T, h http.Handler) http.Handler {
	t.Helper()
	d := readDocument(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		for _, wrong := range d.checkAnswer(r, rec.Code, rec.Header(), rec.Body.Bytes()) {
			t.Errorf("%s %s, %d: %s", r.Method, r.URL, rec.Code, wrong)
		}
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

package strict

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// maxVisits bounds the values a document may come to once its aliases are
// followed, so that a small file cannot make the reader work without end.
const maxVisits = 50_000

// Defaulter sets a value's defaults. It is called on each struct that a list,
// a map or a pointer creates, before the document is read into it.
type Defaulter interface {
	SetDefaults()
}

// Enum is a closed vocabulary: a string type that knows its words.
type Enum interface {
	Values() []string
}

// Refuser is a struct that knows keys people try and that it must not take,
// such as a secret written out.
type Refuser interface {
	RefusedKey(key string) (message, fix string, refused bool)
}

// Decode reads node into dst, a pointer to a struct, on top of what dst holds:
// keys that are absent change nothing; lists and maps that are present replace
// the old ones whole. prefix begins every path.
//
// Fields take their key from the `yaml` tag; "-" hides one, ",inline" on a map
// takes every key that no field takes. A `hint` tag says in faults what a
// value looks like. A *yaml.Node field keeps the node unread.
func Decode(node *yaml.Node, prefix string, dst any) (Positions, []Fault) {
	v := reflect.ValueOf(dst)
	d := &decoder{positions: Positions{}}
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return d.positions, []Fault{{Path: prefix, Message: fmt.Sprintf("cannot decode into %T", dst)}}
	}
	d.value(target{v: v.Elem(), path: prefix}, node)
	Sort(d.faults)
	return d.positions, d.faults
}

type decoder struct {
	positions Positions
	faults    []Fault
	visits    int
}

// target is the place that a node is read into.
type target struct {
	v    reflect.Value
	path string
	hint string
}

func (d *decoder) fault(n *yaml.Node, path, message, fix string) {
	d.faults = append(d.faults, Fault{Line: n.Line, Column: n.Column, Path: path, Message: message, Fix: fix})
}

// spent reports that the budget of values is used up, and says so once.
func (d *decoder) spent(n *yaml.Node, path string) bool {
	d.visits++
	if d.visits == maxVisits+1 {
		d.fault(n, path, fmt.Sprintf("the document comes to more than %d values", maxVisits), "use fewer aliases")
	}
	return d.visits > maxVisits
}

func (d *decoder) value(t target, n *yaml.Node) {
	if d.spent(n, t.path) {
		return
	}
	d.positions[t.path] = Position{Line: n.Line, Column: n.Column}
	if n.Kind == yaml.AliasNode {
		if n.Alias == nil || n.Alias.Kind == yaml.AliasNode {
			d.fault(n, t.path, "this alias leads nowhere", "write the value itself")
			return
		}
		n = n.Alias
	}
	if n.Style&yaml.TaggedStyle != 0 {
		d.fault(n, t.path, "the tag "+Quote(n.Tag)+" is not understood", "write the value without a tag")
		return
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		d.fault(n, t.path, "has no value", "write one, or remove the key")
		return
	}
	switch {
	case t.v.Type() == reflect.TypeFor[*yaml.Node]():
		t.v.Set(reflect.ValueOf(n))
	case t.v.Kind() == reflect.Pointer:
		fresh := reflect.New(t.v.Type().Elem())
		if !t.v.IsNil() {
			fresh.Elem().Set(t.v.Elem())
		} else {
			setDefaults(fresh)
		}
		t.v.Set(fresh)
		d.value(target{v: fresh.Elem(), path: t.path, hint: t.hint}, n)
	case t.v.Addr().Type().Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		d.text(t, n)
	default:
		d.byKind(t, n)
	}
}

func (d *decoder) byKind(t target, n *yaml.Node) {
	switch t.v.Kind() {
	case reflect.Struct:
		d.structure(t, n)
	case reflect.Slice:
		d.list(t, n)
	case reflect.Map:
		d.mapping(t, n)
	default:
		d.scalar(t, n)
	}
}

func setDefaults(pointer reflect.Value) {
	if def, ok := pointer.Interface().(Defaulter); ok {
		def.SetDefaults()
	}
}

// want checks the node's kind and says what should stand there.
func (d *decoder) want(t target, n *yaml.Node, kind yaml.Kind, what, fix string) bool {
	if n.Kind == kind {
		return true
	}
	if t.hint != "" {
		fix = "write " + t.hint
	}
	d.fault(n, t.path, "is "+describe(n)+" where "+what+" is wanted", fix)
	return false
}

func (d *decoder) text(t target, n *yaml.Node) {
	if !d.want(t, n, yaml.ScalarNode, "a single value", "write one value on the key's own line") {
		return
	}
	err := t.v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Value))
	if err == nil {
		return
	}
	var problem *Problem
	if errors.As(err, &problem) {
		d.fault(n, t.path, problem.Message, problem.Fix)
		return
	}
	fix := ""
	if t.hint != "" {
		fix = "write " + t.hint
	}
	d.fault(n, t.path, err.Error(), fix)
}

func (d *decoder) list(t target, n *yaml.Node) {
	if !d.want(t, n, yaml.SequenceNode, "a list", "write `- ` before each entry, or [a, b]") {
		return
	}
	if len(n.Content) > maxVisits-d.visits {
		d.visits = max(d.visits, maxVisits)
		d.spent(n, t.path)
		return
	}
	out := reflect.MakeSlice(t.v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		setDefaults(out.Index(i).Addr())
		d.value(target{v: out.Index(i), path: Index(t.path, i), hint: t.hint}, item)
	}
	t.v.Set(out)
}

func (d *decoder) mapping(t target, n *yaml.Node) {
	if !d.want(t, n, yaml.MappingNode, "a mapping", "write `key: value` lines below it") {
		return
	}
	out := reflect.MakeMap(t.v.Type())
	d.pairs(t, n, func(key, val *yaml.Node, path string) {
		d.mapEntry(out, key.Value, target{path: path, hint: t.hint}, val)
	})
	t.v.Set(out)
}

func (d *decoder) mapEntry(m reflect.Value, key string, t target, n *yaml.Node) {
	t.v = reflect.New(m.Type().Elem()).Elem()
	setDefaults(t.v.Addr())
	d.value(t, n)
	m.SetMapIndex(reflect.ValueOf(key).Convert(m.Type().Key()), t.v)
}

// pairs walks a mapping's entries, refusing keys that are no plain text, merge
// keys and keys written twice: a later one would silently replace an earlier
// rule.
func (d *decoder) pairs(t target, n *yaml.Node, each func(key, val *yaml.Node, path string)) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if d.spent(key, t.path) {
			return
		}
		if key.Tag == "!!merge" {
			d.fault(key, t.path, "merge keys (<<) are not taken", "write the keys out, or use an alias for a whole value")
			continue
		}
		if key.Kind != yaml.ScalarNode || key.Tag == "!!null" {
			d.fault(key, t.path, "a key must be plain text", "write `name: value`")
			continue
		}
		path := Key(t.path, key.Value)
		if first, twice := seen[key.Value]; twice {
			d.fault(key, path, fmt.Sprintf("is written twice (first on line %d)", first), "keep one of the two")
			continue
		}
		seen[key.Value] = key.Line
		each(key, val, path)
	}
}

func (d *decoder) structure(t target, n *yaml.Node) {
	if !d.want(t, n, yaml.MappingNode, "a mapping", "write `key: value` lines below it") {
		return
	}
	fields := fieldsOf(t.v.Type())
	if fields.inline >= 0 {
		inline := t.v.Field(fields.inline)
		inline.Set(reflect.MakeMap(inline.Type()))
	}
	d.pairs(t, n, func(key, val *yaml.Node, path string) {
		if f, ok := fields.byKey[key.Value]; ok {
			d.value(target{v: t.v.Field(f.index), path: path, hint: f.hint}, val)
			return
		}
		if fields.inline >= 0 {
			d.mapEntry(t.v.Field(fields.inline), key.Value, target{path: path, hint: fields.inlineHint}, val)
			return
		}
		d.unknown(t, key, path, fields.keys)
	})
}

func (d *decoder) unknown(t target, key *yaml.Node, path string, known []string) {
	if r, ok := t.v.Addr().Interface().(Refuser); ok {
		if message, fix, refused := r.RefusedKey(key.Value); refused {
			d.fault(key, path, message, fix)
			return
		}
	}
	fix := "remove it; known here: " + strings.Join(known, ", ")
	if near := Nearest(key.Value, known); near != "" {
		fix = fmt.Sprintf("write %q", near)
	}
	d.fault(key, path, "unknown key "+Quote(key.Value), fix)
}

func (d *decoder) scalar(t target, n *yaml.Node) {
	if !d.want(t, n, yaml.ScalarNode, "a single value", "write one value on the key's own line") {
		return
	}
	switch {
	case t.v.Type() == reflect.TypeFor[time.Duration]():
		d.duration(t, n)
	case t.v.Kind() == reflect.String:
		d.word(t, n)
	case t.v.Kind() == reflect.Bool:
		if n.Tag != "!!bool" || n.Value != "true" && n.Value != "false" {
			d.fault(n, t.path, Quote(n.Value)+" is not a truth value", "write true or false")
			return
		}
		t.v.SetBool(n.Value == "true")
	case t.v.CanInt():
		i, err := strconv.ParseInt(n.Value, 10, t.v.Type().Bits())
		if err != nil || n.Tag != "!!int" {
			d.fault(n, t.path, Quote(n.Value)+" is not a whole number", "write digits only")
			return
		}
		t.v.SetInt(i)
	default:
		d.fault(n, t.path, "cannot be read into "+t.v.Type().String(), "")
	}
}

func (d *decoder) word(t target, n *yaml.Node) {
	if enum, ok := t.v.Interface().(Enum); ok {
		if message, fix, bad := CheckWord(n.Value, enum.Values()); bad {
			d.fault(n, t.path, message, fix)
			return
		}
	}
	t.v.SetString(n.Value)
}

// CheckWord says what is wrong with a word that is not in the vocabulary.
func CheckWord(word string, values []string) (message, fix string, bad bool) {
	for _, v := range values {
		if v == word {
			return "", "", false
		}
	}
	fix = "write one of: " + strings.Join(values, ", ")
	if near := Nearest(word, values); near != "" {
		fix = fmt.Sprintf("write %q (of: %s)", near, strings.Join(values, ", "))
	}
	return Quote(word) + " is not known here", fix, true
}

func (d *decoder) duration(t target, n *yaml.Node) {
	value, err := Duration(n.Value)
	var problem *Problem
	switch {
	case err == nil:
		t.v.SetInt(int64(value))
	case n.Tag == "!!int":
		d.fault(n, t.path, "a time without a unit", fmt.Sprintf("write %ss, %sm or %sh", clip(n.Value), clip(n.Value), clip(n.Value)))
	case errors.As(err, &problem):
		d.fault(n, t.path, problem.Message, problem.Fix)
	}
}

func clip(s string) string {
	return s[:min(len(s), 20)]
}

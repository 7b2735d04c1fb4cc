// Package strict reads YAML into Go structs and says everything that is wrong
// with it in one go: each fault with its line, its column, its path and what
// to write instead.
//
// It owns: parsing one bounded document, folders of such documents, decoding by `yaml` struct tags, the
// refusal of unknown and repeated keys, of wrong types, of aliases that expand
// without measure, and the positions that later checks report against.
//
// It does not own what the values mean: packages config, record and preset do.
//
// Specification: YAML 1.2 (one document; no explicit tags, no merge keys, and
// booleans are true and false only).
package strict

// Package config is the operator's configuration: one YAML file, read strictly.
//
// It owns: the commented struct tree that is the reference of every key, the
// defaults, the reading of secrets from files and the environment, every check
// that can be made before anything starts, the JSON schema, and the printed
// effective configuration, the difference between two, and which keys a running
// gateway takes over. All faults are told in one go, each with its line,
// its column and what to write instead; a rule that could never hold, or that
// names something unknown, is a fault and not a silence.
//
// It does not own what the values do: package app turns them into live parts.
// It opens no listener, makes no request and writes no file.
//
// Specifications behind its checks: RFC 3986 and RFC 6454 (URLs, origins),
// RFC 9110 section 5.1 (field names), RFC 6749 section 3.3 (scopes).
package config

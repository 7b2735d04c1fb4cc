// Package architecture holds no code: its test reads the tables of
// docs/architecture.md and fails on an import, or a folder, that they do not allow, on
// a file that is too long, and on code that names a provider.
package architecture
